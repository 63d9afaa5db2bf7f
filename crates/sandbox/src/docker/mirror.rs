//! Copies of skills for sandboxes: made anew each time, whole or not at all.
//!
//! Agents and other sandboxes may write where skills lie. So no link is followed, nothing but
//! directories and regular files is copied, and there is an end to how much.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read},
    os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use super::{
    held::Held,
    seed::{Owner, beside},
};

/// How deep the directories of a skill may go.
const DEPTH_MAX: usize = 32;
/// Most files and directories of one skill.
const ENTRIES_MAX: usize = 4_000;
/// Most bytes of one skill.
const BYTES_MAX: u64 = 64 << 20;

/// Replaces `skills` in `dir` by copies of these directories. A skill that cannot be copied is
/// left out with a warning.
///
/// The copies are made beside `dir` and then moved in, so that nobody sees half of one.
pub(super) fn renew(
    dir: &Path,
    held: &Held,
    skills: &[(String, PathBuf)],
    (owner, exposed): (Option<Owner>, &[PathBuf]),
) -> io::Result<()> {
    let target = held.path().join("skills");
    clear(&target)?;
    if skills.is_empty() {
        return Ok(());
    }
    let place = beside(dir)?;
    let above = Held::open(place.parent().unwrap_or(dir), &[]).map_err(|error| error.why)?;
    let copies = above.make_dir(place.file_name().unwrap_or_default())?;
    copies.give(owner)?;
    for (name, source) in skills {
        let source = Held::open(source, exposed).map_err(|error| error.why);
        let done = source.and_then(|source| {
            let mut left = Left { entries: ENTRIES_MAX, bytes: BYTES_MAX };
            copy_dir(&source, &copies, plain(name)?, (owner, &mut left, 0))
        });
        if let Err(error) = done {
            tracing::warn!(skill = %name, %error, "skill not copied into the sandbox");
            if let Ok(name) = plain(name) {
                fs::remove_dir_all(copies.path().join(name)).ok();
            }
        }
    }
    #[expect(clippy::disallowed_methods, reason = "the mirror is ours to place")]
    let placed = fs::rename(&place, &target);
    if placed.is_err() {
        fs::remove_dir_all(&place).ok();
    }
    placed
}

/// How much more of a skill is copied.
struct Left {
    entries: usize,
    bytes: u64,
}

fn clear(target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(target),
        #[expect(clippy::disallowed_methods, reason = "the mirror is ours to clear")]
        Ok(_) => fs::remove_file(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn plain(name: &str) -> io::Result<&OsStr> {
    if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no directory name"));
    }
    Ok(name.as_ref())
}

/// Copies a directory to a new one. Sandboxes that share the place may be at work in it, so
/// each directory is held and each file is new.
fn copy_dir(
    source: &Held,
    into: &Held,
    name: &OsStr,
    (owner, left, depth): (Option<Owner>, &mut Left, usize),
) -> io::Result<()> {
    if depth > DEPTH_MAX {
        return Err(io::Error::other("too deep"));
    }
    let made = into.make_dir(name)?;
    made.give(owner)?;
    for entry in fs::read_dir(source.path())? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        left.entries = left.entries.checked_sub(1).ok_or(io::Error::other("too many files"))?;
        if kind.is_dir() {
            copy_dir(&source.dir(&name)?, &made, &name, (owner, left, depth + 1))?;
        } else if kind.is_file() {
            copy_file(source.file(&name)?, &made.path().join(&name), (owner, left))?;
        } else {
            // A link could lead the copy, or the sandbox, out of the skill.
            tracing::debug!(?name, "left out of the skill's copy");
        }
    }
    Ok(())
}

fn copy_file(from: File, to: &Path, (owner, left): (Option<Owner>, &mut Left)) -> io::Result<()> {
    let mode = from.metadata()?.permissions().mode() & 0o777;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let copied = io::copy(&mut from.take(left.bytes.saturating_add(1)), &mut to)?;
    left.bytes = left.bytes.checked_sub(copied).ok_or(io::Error::other("too large"))?;
    to.set_permissions(Permissions::from_mode(mode))?;
    owner.map_or(Ok(()), |it| fchown(&to, Some(it.uid), Some(it.gid)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests lay files out")]

    use std::os::unix::fs::symlink;

    use super::*;

    /// Two directories: one with the sandbox's in it, and one for skills.
    fn scene() -> (tempfile::TempDir, tempfile::TempDir) {
        let (root, skills) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(root.path().join("box")).unwrap();
        (root, skills)
    }

    fn renewed(root: &Path, skills: &[(&str, &Path)]) {
        let dir = root.join("box");
        let skills: Vec<_> =
            skills.iter().map(|(name, at)| ((*name).to_owned(), (*at).to_owned())).collect();
        renew(&dir, &Held::open(&dir, &[]).unwrap(), &skills, (None, &[])).unwrap();
    }

    #[test]
    fn the_mirror_is_made_anew_without_links_and_pipes() {
        let (root, skills) = scene();
        let skill = skills.path().join("git");
        fs::create_dir_all(skill.join("bin")).unwrap();
        fs::write(skill.join("bin/run"), "r").unwrap();
        fs::set_permissions(skill.join("bin/run"), Permissions::from_mode(0o4755)).unwrap();
        symlink("/etc/passwd", skill.join("leak")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, skill.join("pipe"), fifo, mode, 0).unwrap();
        let wanted = [("git", skill.as_path()), ("gone", Path::new("/nowhere")), ("../x", &skill)];
        renewed(root.path(), &wanted);
        let mirror = root.path().join("box/skills");
        fs::write(mirror.join("git/edited"), "x").unwrap();

        renewed(root.path(), &wanted);

        let run = mirror.join("git/bin/run");
        assert_eq!(fs::read_to_string(&run).unwrap(), "r");
        assert_eq!(fs::metadata(run).unwrap().permissions().mode() & 0o7777, 0o755);
        assert!(!mirror.join("git/edited").exists() && !mirror.join("git/pipe").exists());
        assert!(fs::symlink_metadata(mirror.join("git/leak")).is_err());
        assert_eq!(fs::read_dir(&mirror).unwrap().count(), 1);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_mirror_that_became_a_link_does_not_lead_the_clearing_away() {
        let (root, victim) = scene();
        fs::write(victim.path().join("keep"), "k").unwrap();
        symlink(victim.path(), root.path().join("box/skills")).unwrap();

        renewed(root.path(), &[]);

        assert!(victim.path().join("keep").exists());
        assert!(fs::symlink_metadata(root.path().join("box/skills")).is_err());
    }

    #[test]
    fn a_skill_that_a_sandbox_turned_into_a_link_brings_nothing_in() {
        let (root, secrets) = scene();
        let workspace = tempfile::tempdir().unwrap();
        fs::write(secrets.path().join("key"), "k").unwrap();
        symlink(secrets.path(), workspace.path().join("skill")).unwrap();
        let dir = root.path().join("box");
        let skills = [("skill".to_owned(), workspace.path().join("skill"))];
        let exposed = [workspace.path().to_owned()];

        renew(&dir, &Held::open(&dir, &[]).unwrap(), &skills, (None, &exposed)).unwrap();

        assert_eq!(fs::read_dir(dir.join("skills")).unwrap().count(), 0);
    }

    #[test]
    fn a_skill_without_end_is_left_out_whole() {
        let (root, skills) = scene();
        let (large, many) = (skills.path().join("large"), skills.path().join("many"));
        fs::create_dir(&large).unwrap();
        fs::create_dir(&many).unwrap();
        File::create(large.join("hole")).unwrap().set_len(BYTES_MAX + 1).unwrap();
        for at in 0..=ENTRIES_MAX {
            fs::write(many.join(at.to_string()), "").unwrap();
        }

        renewed(root.path(), &[("large", &large), ("many", &many)]);

        assert_eq!(fs::read_dir(root.path().join("box/skills")).unwrap().count(), 0);
    }
}
