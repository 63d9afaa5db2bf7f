//! What lies in a sandbox's own directory before its first command.
//!
//! Files are only ever added; `skills/` is a mirror and made anew each time. No link in the
//! directory is followed: a sandbox may have put it there to have us write elsewhere.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown},
    path::{Path, PathBuf},
};

use super::{
    error::Error,
    held::Held,
    mounts,
    settings::{Access, Seed, Settings, Sharing},
};

/// The user that a container is to run as, and that its new files belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl Owner {
    /// Reads `uid` or `uid:gid`; names are the image's to understand.
    pub(crate) fn parse(user: &str) -> Option<Self> {
        let (uid, gid) = user.split_once(':').unwrap_or((user, user));
        Some(Self { uid: uid.trim().parse().ok()?, gid: gid.trim().parse().ok()? })
    }
}

/// Whom `dir` belongs to, or will once we make it.
pub(crate) fn owner_of(dir: &Path) -> Owner {
    match fs::metadata(dir) {
        Ok(found) => Owner { uid: found.uid(), gid: found.gid() },
        Err(_) => Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: inherited_group(dir).unwrap_or(rustix::process::getegid().as_raw()),
        },
    }
}

/// Which directory is at a path: one that took its place has another identity.
pub(crate) fn identity(dir: &Path) -> Option<(u64, u64)> {
    fs::metadata(dir).ok().map(|found| (found.dev(), found.ino()))
}

/// The group that a new directory gets from the one above it, if that hands its own down.
fn inherited_group(dir: &Path) -> Option<u32> {
    const SET_GROUP: u32 = 0o2000;
    let above = dir.ancestors().skip(1).find_map(|it| fs::metadata(it).ok())?;
    (above.mode() & SET_GROUP != 0).then(|| above.gid())
}

/// Makes the directories and fills the sandbox's own one. Blocks.
pub(crate) fn prepare(settings: &Settings) -> Result<(), Error> {
    // Only root can give a file away, and only then is there a need to.
    let user = settings.container.user.as_deref().and_then(Owner::parse);
    let owner = user.filter(|_| rustix::process::geteuid().is_root());
    if settings.access == Access::Rw {
        return make_dir(&settings.agent_dir, None);
    }
    let (dir, exposed) = (&settings.sandbox_dir, mounts::exposed(settings));
    if settings.scope.sharing != Sharing::Shared {
        refuse_link(dir)?;
    }
    make_dir(dir, owner)?;
    let held = Held::open(dir, &exposed).map_err(|error| at(dir, error.why))?;
    fill(dir, &held, &settings.seed, owner)
}

/// Refuses a link where a sandbox's own directory should be, before anything is made there. A
/// sandbox that all share works in the directory above, and could have us mount what it likes.
fn refuse_link(dir: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(dir) {
        Ok(found) if found.is_symlink() => {
            Err(at(dir, io::Error::other("a link, which may be a sandbox's doing: remove it")))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes a directory with its parents; one that we make belongs to `owner`.
pub(crate) fn make_dir(dir: &Path, owner: Option<Owner>) -> Result<(), Error> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(|error| at(dir, error))?;
    give(dir, owner).map_err(|error| at(dir, error))
}

/// Puts files and skills into `dir`, which is held: its name may be another's by now.
fn fill(dir: &Path, held: &Held, seed: &Seed, owner: Option<Owner>) -> Result<(), Error> {
    for (name, text) in seed.files.iter() {
        let path = held.path().join(name);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
        match made {
            Ok(mut file) => {
                file.write_all(text.as_bytes()).map_err(|error| at(&dir.join(name), error))?;
                // By the open file: the name may be another one's by now.
                let given = owner.map(|it| fchown(&file, Some(it.uid), Some(it.gid)));
                given.transpose().map_err(|error| at(&dir.join(name), error))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(at(&dir.join(name), error)),
        }
    }
    if let Some(skills) = &seed.skills {
        mirror(dir, held, skills, owner).map_err(|error| at(dir, error))?;
    }
    Ok(())
}

/// Replaces `skills` in `dir` by copies of these directories. A skill that cannot be copied is
/// left out with a warning.
///
/// The copies are made beside `dir` and then moved in, so that nobody sees half of one.
fn mirror(
    dir: &Path,
    held: &Held,
    skills: &[(String, PathBuf)],
    owner: Option<Owner>,
) -> io::Result<()> {
    let target = held.path().join("skills");
    match fs::symlink_metadata(&target) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(&target)?,
        #[expect(clippy::disallowed_methods, reason = "the mirror is ours to clear")]
        Ok(_) => fs::remove_file(&target)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if skills.is_empty() {
        return Ok(());
    }
    let beside = beside(dir)?;
    let above = beside.parent().unwrap_or(dir);
    let above = Held::open(above, &[]).map_err(|error| error.why)?;
    let copies = above.make_dir(beside.file_name().unwrap_or_default())?;
    copies.give(owner)?;
    for (name, source) in skills {
        let is_plain =
            !name.is_empty() && !name.contains(['/', '\0']) && name != "." && name != "..";
        let done = if is_plain {
            copy_dir(source, &copies, name.as_ref(), (owner, 0))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "no directory name"))
        };
        if let Err(error) = done {
            tracing::warn!(skill = %name, %error, "skill not copied into the sandbox");
        }
    }
    #[expect(clippy::disallowed_methods, reason = "the mirror is ours to place")]
    let placed = fs::rename(&beside, &target);
    if placed.is_err() {
        fs::remove_dir_all(&beside).ok();
    }
    placed
}

/// A new name next to `dir`, on the same disk.
pub(crate) fn beside(dir: &Path) -> io::Result<PathBuf> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let mut name = OsString::from(".");
    name.push(dir.file_name().unwrap_or_default());
    name.push(format!("-{}", hex::encode(seed)));
    Ok(dir.with_file_name(name))
}

/// Copies a directory to a new one. Sandboxes that share the place may be at work in it, so
/// each directory is held and each file is new.
fn copy_dir(
    source: &Path,
    into: &Held,
    name: &OsStr,
    (owner, depth): (Option<Owner>, usize),
) -> io::Result<()> {
    const DEPTH_MAX: usize = 32;
    if depth > DEPTH_MAX {
        return Err(io::Error::other("too deep"));
    }
    let made = into.make_dir(name)?;
    made.give(owner)?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (from, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            copy_dir(&from, &made, &entry.file_name(), (owner, depth + 1))?;
        } else if kind.is_file() {
            copy_file(&from, &made.path().join(entry.file_name()), owner)?;
        } else {
            // A link could lead the copy, or the sandbox, out of the skill.
            tracing::debug!(path = %from.display(), "left out of the skill's copy");
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, owner: Option<Owner>) -> io::Result<()> {
    let mut from = OpenOptions::new().read(true).open(from)?;
    let permissions = from.metadata()?.permissions();
    let mut to = OpenOptions::new().write(true).create_new(true).open(to)?;
    io::copy(&mut from, &mut to)?;
    to.set_permissions(permissions)?;
    owner.map_or(Ok(()), |it| fchown(&to, Some(it.uid), Some(it.gid)))
}

fn give(path: &Path, owner: Option<Owner>) -> io::Result<()> {
    match owner {
        Some(owner) => lchown(path, Some(owner.uid), Some(owner.gid)),
        None => Ok(()),
    }
}

fn at(path: &Path, source: io::Error) -> Error {
    Error::Directory { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn seed(files: &[(&str, &str)], skills: &[(&str, &Path)]) -> Seed {
        Seed {
            files: files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned())).collect(),
            skills: Some(skills.iter().map(|(n, p)| ((*n).to_owned(), (*p).to_owned())).collect()),
        }
    }

    fn seeded(dir: &Path, seed: &Seed) {
        fill(dir, &Held::open(dir, &[]).unwrap(), seed, None).unwrap();
    }

    fn text(path: &Path) -> String {
        let mut file = OpenOptions::new().read(true).open(path).unwrap();
        io::read_to_string(&mut file).unwrap()
    }

    fn put(path: &Path, text: &str) {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path);
        file.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn seeding_adds_files_and_never_overwrites_one() {
        let home = tempfile::tempdir().unwrap();
        put(&home.path().join("USER.md"), "mine");
        symlink("/nowhere/x", home.path().join("SOUL.md")).unwrap();
        let seed = seed(&[("AGENTS.md", "a"), ("USER.md", "theirs"), ("SOUL.md", "s")], &[]);

        seeded(home.path(), &seed);

        assert_eq!(text(&home.path().join("AGENTS.md")), "a");
        assert_eq!(text(&home.path().join("USER.md")), "mine");
        assert!(fs::symlink_metadata(home.path().join("SOUL.md")).unwrap().is_symlink());
    }

    #[test]
    fn the_skills_mirror_is_made_anew_without_links() {
        let (root, skills) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let home = root.path().join("box");
        make_dir(&home, None).unwrap();
        let skill = skills.path().join("git");
        DirBuilder::new().recursive(true).create(skill.join("bin")).unwrap();
        put(&skill.join("bin/run"), "r");
        symlink("/etc/passwd", skill.join("leak")).unwrap();
        let seed = seed(&[], &[("git", &skill), ("gone", Path::new("/nowhere")), ("../x", &skill)]);
        seeded(&home, &seed);
        put(&home.join("skills/git/edited"), "x");

        seeded(&home, &seed);

        assert_eq!(text(&home.join("skills/git/bin/run")), "r");
        assert!(!home.join("skills/git/edited").exists());
        assert!(fs::symlink_metadata(home.join("skills/git/leak")).is_err());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_mirror_that_became_a_link_does_not_lead_the_clearing_away() {
        let (home, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(&victim.path().join("keep"), "k");
        symlink(victim.path(), home.path().join("skills")).unwrap();

        seeded(home.path(), &seed(&[], &[]));

        assert_eq!(text(&victim.path().join("keep")), "k");
        assert!(fs::symlink_metadata(home.path().join("skills")).is_err());
    }

    #[test]
    fn a_sandbox_s_own_directory_is_no_link() {
        let (home, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut settings = crate::docker::settings::tests_support::settings();
        settings.sandbox_dir = home.path().join("box");
        symlink(victim.path(), &settings.sandbox_dir).unwrap();

        let refused = prepare(&settings).unwrap_err();

        assert!(refused.to_string().contains("box"), "{refused}");
        settings.scope.sharing = Sharing::Shared;
        prepare(&settings).unwrap();
    }

    #[test]
    fn users_are_read_when_they_are_numbers() {
        assert_eq!(Owner::parse("1000:100"), Some(Owner { uid: 1000, gid: 100 }));
        assert_eq!(Owner::parse("7"), Some(Owner { uid: 7, gid: 7 }));
        assert_eq!(Owner::parse("node"), None);
    }
}
