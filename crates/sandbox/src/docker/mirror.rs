//! Copies of skills for sandboxes: made anew each time, whole or not at all.
//!
//! Agents and other sandboxes may write where skills lie, and a sandbox may write to its copies.
//! So no link is followed, nothing but directories and regular files is copied, there is an end
//! to how much, and the former copies go whatever has become of them.

use std::{
    io,
    path::{Path, PathBuf},
};

use held::{CopyBounds, Dir, Emptied, Owner, unused_name};

/// How much of one skill is copied.
const BOUNDS: CopyBounds = CopyBounds { depth_max: 32, entries_max: 4_000, bytes_max: 64 << 20 };
/// Entries of former copies that are removed on a turn's path; the rest goes later.
const REMOVED_MAX: usize = 1_000;
/// Tries while a sandbox makes and removes the place of the copies.
const ATTEMPTS_MAX: usize = 8;
/// The name of the directory with the copies.
const SKILLS: &str = "skills";

/// Where copies go.
pub(super) struct Mirror<'a> {
    /// The directory that gets `skills`; a sandbox may write to it.
    pub(super) dir: &'a Dir,
    /// The directory above, where copies are made and trash is kept.
    pub(super) above: &'a Dir,
    /// Whom the copies belong to, if not to us.
    pub(super) owner: Option<Owner>,
    /// Directories that sandboxes write to.
    pub(super) exposed: &'a [PathBuf],
}

/// Replaces `skills` by copies of these directories. A skill that cannot be copied is left out
/// with a warning.
///
/// The copies are made beside the sandbox's directory and then swapped in, so that nobody sees
/// half of one and a sandbox cannot hinder it.
pub(super) fn renew(mirror: &Mirror<'_>, skills: &[(String, PathBuf)]) -> io::Result<()> {
    if skills.is_empty() {
        let taken = mirror.dir.take_away(SKILLS, mirror.above, REMOVED_MAX)?;
        tell(taken);
        return Ok(());
    }
    let place = unused_name(".skills".as_ref());
    let copies = mirror.above.make_dir(&place, 0o755)?;
    let placed = fill(mirror, &copies, skills).and_then(|()| swap_in(mirror, &place));
    // The former copies after a swap, ours after a failure; else nothing.
    match mirror.above.take_away(&place, mirror.above, REMOVED_MAX) {
        Ok(taken) => tell(taken),
        Err(error) => tracing::warn!(?place, %error, "copies of skills stay behind"),
    }
    placed
}

fn fill(mirror: &Mirror<'_>, copies: &Dir, skills: &[(String, PathBuf)]) -> io::Result<()> {
    mirror.owner.map_or(Ok(()), |owner| copies.give(owner))?;
    for (name, source) in skills {
        if let Err(error) = copy(mirror, copies, (name, source)) {
            tracing::warn!(skill = %name, %error, "skill not copied into the sandbox");
            // A name that is none was not made, either.
            copies.take_away(name, mirror.above, REMOVED_MAX).ok();
        }
    }
    Ok(())
}

fn copy(mirror: &Mirror<'_>, copies: &Dir, (name, source): (&str, &Path)) -> io::Result<()> {
    let source = Dir::find(source, mirror.exposed).map_err(|error| error.why)?;
    let outcome = source.copy_to(copies, name, (mirror.owner, BOUNDS))?;
    if outcome.left_out > 0 {
        tracing::debug!(skill = name, outcome.left_out, "links and the like are not copied");
    }
    Ok(())
}

/// Puts the copies called `place` at their place, and what was there at theirs.
fn swap_in(mirror: &Mirror<'_>, place: &std::ffi::OsStr) -> io::Result<()> {
    let Mirror { dir, above, .. } = mirror;
    for _ in 0..ATTEMPTS_MAX {
        match above.move_to(place, dir, SKILLS) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            outcome => return outcome,
        }
        if let Ok(there) = dir.dir(SKILLS, held::Links::Refused) {
            // A directory that changes its parent is itself written to.
            there.restore(0o700).ok();
        }
        if above.swap(place, dir, SKILLS).is_ok() {
            return Ok(());
        }
        // A file system without swaps, or a directory that is not ours to move.
        match dir.set_aside(SKILLS, above) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Err(io::Error::other("`skills` is made again and again by what runs in the sandbox"))
}

fn tell(taken: Emptied) {
    if taken == Emptied::Aside {
        tracing::info!("what is left of a sandbox's `skills` is in the trash, out of its way");
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests lay files out")]

    use std::{
        fs::{self, File, Permissions},
        os::unix::fs::{PermissionsExt as _, symlink},
    };

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
        let (held, above) = (Dir::open(&dir).unwrap(), Dir::open(root).unwrap());
        let mirror = Mirror { dir: &held, above: &above, owner: None, exposed: &[] };
        renew(&mirror, &skills).unwrap();
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

        let (held, above) = (Dir::open(&dir).unwrap(), Dir::open(root.path()).unwrap());
        let mirror = Mirror { dir: &held, above: &above, owner: None, exposed: &exposed };
        renew(&mirror, &skills).unwrap();

        assert_eq!(fs::read_dir(dir.join("skills")).unwrap().count(), 0);
    }

    #[test]
    fn a_skill_without_end_is_left_out_whole() {
        let (root, skills) = scene();
        let (large, many) = (skills.path().join("large"), skills.path().join("many"));
        fs::create_dir(&large).unwrap();
        fs::create_dir(&many).unwrap();
        File::create(large.join("hole")).unwrap().set_len(BOUNDS.bytes_max + 1).unwrap();
        for at in 0..=BOUNDS.entries_max {
            fs::write(many.join(at.to_string()), "").unwrap();
        }

        renewed(root.path(), &[("large", &large), ("many", &many)]);

        assert_eq!(fs::read_dir(root.path().join("box/skills")).unwrap().count(), 0);
    }

    #[test]
    fn a_deep_or_locked_mirror_frees_its_place() {
        let (root, skills) = scene();
        fs::create_dir(skills.path().join("git")).unwrap();
        fs::write(skills.path().join("git/SKILL.md"), "g").unwrap();
        let dir = Dir::open(&root.path().join("box")).unwrap();
        let mut at = dir.make_dir("skills", 0o755).unwrap();
        for _ in 0..REMOVED_MAX {
            let below = at.make_dir("d", 0o755).unwrap();
            std::mem::replace(&mut at, below).protect(0).unwrap();
        }

        renewed(root.path(), &[("git", &skills.path().join("git"))]);

        assert_eq!(fs::read_to_string(root.path().join("box/skills/git/SKILL.md")).unwrap(), "g");
        let above = Dir::open(root.path()).unwrap();
        assert!(above.has_trash());
        assert!(above.drain_trash(usize::MAX).unwrap());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
