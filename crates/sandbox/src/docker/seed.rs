//! What lies in a sandbox's own directory before its first command.
//!
//! Files are only ever added; `skills/` is a mirror, and `mirror` makes it anew each time. No link in the
//! directory is followed: a sandbox may have put it there to have us write elsewhere.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown, lchown},
    path::{Path, PathBuf},
};

use super::{
    error::Error,
    held::Held,
    mirror, mounts,
    settings::{Access, SKILLS_TARGET, Seed, Settings, Sharing},
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
        make_dir(&settings.agent_dir, None)?;
        let copies = settings.seed.skills_dir.as_deref();
        return copies.map_or(Ok(()), |dir| lay_out_skills(settings, dir));
    }
    let (dir, exposed) = (&settings.sandbox_dir, mounts::exposed(settings));
    if settings.scope.sharing != Sharing::Shared {
        refuse_link(dir)?;
    }
    make_dir(dir, owner)?;
    let held = Held::open(dir, &exposed).map_err(|error| at(dir, error.why))?;
    fill(dir, &held, &settings.seed, (owner, &exposed))
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
fn fill(
    dir: &Path,
    held: &Held,
    seed: &Seed,
    (owner, exposed): (Option<Owner>, &[PathBuf]),
) -> Result<(), Error> {
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
        mirror::renew(dir, held, skills, (owner, exposed)).map_err(|error| at(dir, error))?;
    }
    Ok(())
}

/// Copies the skills to their own directory, and makes the place in the agent's workspace where
/// a sandbox is shown that: left to the engine, it would belong to root.
fn lay_out_skills(settings: &Settings, dir: &Path) -> Result<(), Error> {
    let exposed = mounts::exposed(settings);
    let owner = rustix::process::geteuid().is_root().then(|| owner_of(&settings.agent_dir));
    make_dir(dir, None)?;
    let held = Held::open(dir, &exposed).map_err(|error| at(dir, error.why))?;
    let skills = settings.seed.skills.as_deref().unwrap_or_default();
    mirror::renew(dir, &held, skills, (owner, &exposed)).map_err(|error| at(dir, error))?;
    let place = settings.agent_dir.join(SKILLS_TARGET);
    let workspace = Held::open(&settings.agent_dir, &exposed);
    let mut above = workspace.map_err(|error| at(&settings.agent_dir, error.why))?;
    for name in Path::new(SKILLS_TARGET) {
        above = match above.dir(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = above.make_dir(name).map_err(|error| at(&place, error))?;
                made.give(owner).map_err(|error| at(&place, error))?;
                made
            }
            found => found.map_err(|error| at(&place, error))?,
        };
    }
    Ok(())
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

    fn seed(files: &[(&str, &str)]) -> Seed {
        let files = files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned()));
        Seed { files: files.collect(), ..Seed::default() }
    }

    fn seeded(dir: &Path, seed: &Seed) {
        fill(dir, &Held::open(dir, &[]).unwrap(), seed, (None, &[])).unwrap();
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
        let seed = seed(&[("AGENTS.md", "a"), ("USER.md", "theirs"), ("SOUL.md", "s")]);

        seeded(home.path(), &seed);

        assert_eq!(text(&home.path().join("AGENTS.md")), "a");
        assert_eq!(text(&home.path().join("USER.md")), "mine");
        assert!(fs::symlink_metadata(home.path().join("SOUL.md")).unwrap().is_symlink());
    }

    #[test]
    fn skills_go_beside_a_workspace_that_a_sandbox_works_in() {
        let home = tempfile::tempdir().unwrap();
        let (skill, workspace) = (home.path().join("git"), home.path().join("ws"));
        make_dir(&skill, None).unwrap();
        put(&skill.join("SKILL.md"), "s");
        let mut settings = crate::docker::settings::tests_support::settings();
        (settings.access, settings.agent_dir) = (Access::Rw, workspace.clone());
        settings.seed.skills = Some([("git".to_owned(), skill)].into());
        settings.seed.skills_dir = Some(home.path().join("copies/of"));

        prepare(&settings).unwrap();
        prepare(&settings).unwrap();

        assert_eq!(text(&home.path().join("copies/of/skills/git/SKILL.md")), "s");
        assert!(workspace.join(SKILLS_TARGET).is_dir());
        fs::remove_dir_all(workspace.join(".openclaw")).unwrap();
        symlink("/", workspace.join(".openclaw")).unwrap();
        assert!(prepare(&settings).is_err());
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
