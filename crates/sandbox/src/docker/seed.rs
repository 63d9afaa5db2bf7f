//! What lies in a sandbox's own directory before its first command, and which directories of an
//! agent's workspace are there before a sandbox may make them.
//!
//! Files are only ever added; `skills/` is a mirror, and `mirror` makes it anew each time. All of
//! it is done beneath held directories: no link in them is followed, for a sandbox may have put
//! it there to have us write elsewhere. Permission bits that a command took away are given back,
//! and what stands in the way of a directory of ours is renamed.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Component, Path, PathBuf},
};

use held::{Dir, Kind, Links, Owner};

use super::{
    error::Error,
    mirror::{self, Mirror},
    mounts,
    settings::{Access, SKILLS_TARGET, Seed, Settings},
};

/// Permission bits of a directory that we make for a sandbox.
const DIR_MODE: u32 = 0o755;
/// What the owner of such a directory always has.
const OWNER_ALL: u32 = 0o700;
/// Entries of trash that are removed at once, away from a turn's path.
const TRASH_MAX: usize = 20_000;

/// Reads `uid` or `uid:gid`, the user that a container is to run as; names are the image's to
/// understand.
pub(crate) fn user_of(user: &str) -> Option<Owner> {
    let (uid, gid) = user.split_once(':').unwrap_or((user, user));
    Some(Owner { uid: uid.trim().parse().ok()?, gid: gid.trim().parse().ok()? })
}

/// Whom `dir` belongs to, or will once we make it.
pub(crate) fn owner_of(dir: &Path) -> Owner {
    match Dir::open(dir).and_then(|found| found.owner()) {
        Ok(owner) => owner,
        Err(_) => Owner {
            uid: rustix::process::geteuid().as_raw(),
            gid: inherited_group(dir).unwrap_or(rustix::process::getegid().as_raw()),
        },
    }
}

/// Which directory is at a path: one that took its place has another identity.
pub(crate) fn identity(dir: &Path) -> Option<(u64, u64)> {
    Dir::open(dir).ok().map(|found| found.identity())
}

/// The group that a new directory gets from the one above it, if that hands its own down.
fn inherited_group(dir: &Path) -> Option<u32> {
    const SET_GROUP: u32 = 0o2000;
    let above = dir.ancestors().skip(1).find_map(|it| Dir::open(it).ok())?;
    (above.mode().ok()? & SET_GROUP != 0).then(|| above.owner().ok())?.map(|it| it.gid)
}

/// Makes the directories and fills the sandbox's own one. Blocks. Yields the directory that has
/// trash, if one has: see [`drain`].
pub(crate) fn prepare(settings: &Settings) -> Result<Option<Dir>, Error> {
    if settings.access == Access::Rw {
        guard(settings)?;
        let copies = settings.seed.skills_dir.as_deref();
        return copies.map_or(Ok(None), |dir| lay_out_skills(settings, dir));
    }
    let (dir, exposed) = (&settings.sandbox_dir, mounts::exposed(settings));
    // Only root can give a file away, and only then is there a need to.
    let user = settings.container.user.as_deref().and_then(user_of);
    let owner = user.filter(|_| rustix::process::geteuid().is_root());
    let (held, above) = make_dir(dir, owner, &exposed)?;
    restore(&held, dir);
    let mirror = Mirror { dir: &held, above: &above, owner, exposed: &exposed };
    fill(dir, &mirror, &settings.seed)?;
    Ok(Some(above).filter(Dir::has_trash))
}

/// Removes some of the trash that removals left in `above`.
pub(crate) fn drain(above: &Dir) {
    match above.drain_trash(TRASH_MAX) {
        Ok(is_empty) => tracing::debug!(is_empty, "trash of sandboxes"),
        Err(error) => tracing::debug!(%error, "trash of sandboxes stays"),
    }
}

/// Makes the agent's workspace and the directories in it that a sandbox may only read, so that
/// they are there before it could make them.
pub(crate) fn guard(settings: &Settings) -> Result<(), Error> {
    let (dir, exposed) = (&settings.agent_dir, mounts::exposed(settings));
    let (workspace, _) = make_dir(dir, None, &exposed)?;
    restore(&workspace, dir);
    for path in settings.seed.guarded.iter() {
        own_dir(&workspace, path).map_err(|error| at(&dir.join(path), error))?;
    }
    Ok(())
}

/// Makes a directory with its parents and holds it, with the one above it; one that we make
/// belongs to `owner`.
pub(crate) fn make_dir(
    dir: &Path,
    owner: Option<Owner>,
    exposed: &[PathBuf],
) -> Result<(Dir, Dir), Error> {
    let failed = |error: io::Error| at(dir, error);
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Err(failed(io::Error::other("no directory for a sandbox")));
    };
    let find = |path: &Path| Dir::find(path, exposed).map_err(|error| error.why);
    match find(dir) {
        Ok(held) => return Ok((held, find(parent).map_err(failed)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    held::make_dirs(parent, DIR_MODE).map_err(failed)?;
    let above = find(parent).map_err(failed)?;
    let made = match above.make_dir(name, DIR_MODE) {
        // Another session of the same scope was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => find(dir),
        Err(error) => Err(error),
        Ok(made) => owner.map_or(Ok(()), |owner| made.give(owner)).map(|()| made),
    };
    Ok((made.map_err(failed)?, above))
}

/// Holds the directory at `path` beneath `workspace`, made where it is missing. What is there
/// instead of a directory is renamed.
fn own_dir(workspace: &Dir, path: &Path) -> io::Result<Dir> {
    let owner = rustix::process::geteuid().is_root().then(|| workspace.owner()).transpose()?;
    let mut at = workspace.dir(".", Links::Refused)?;
    for part in path.components() {
        let Component::Normal(name) = part else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no path in a workspace"));
        };
        at = own_part(&at, name, owner)?;
    }
    Ok(at)
}

fn own_part(above: &Dir, name: &OsStr, owner: Option<Owner>) -> io::Result<Dir> {
    match above.kind(name)? {
        Some(Kind::Dir) => {}
        None => {
            let made = above.make_dir(name, DIR_MODE)?;
            owner.map_or(Ok(()), |owner| made.give(owner))?;
            return Ok(made);
        }
        Some(Kind::File | Kind::Link | Kind::Other) => {
            let renamed: OsString = above.rename_away(name)?;
            tracing::warn!(?name, ?renamed, "a directory belongs here; what was there is renamed");
            return own_part(above, name, owner);
        }
    }
    let found = above.dir(name, Links::Refused)?;
    if found.restore(OWNER_ALL).unwrap_or(false) {
        tracing::info!(?name, "permission bits of a directory were taken away and are back");
    }
    Ok(found)
}

/// Gives the owner of a sandbox's directory back what a command took away: without it no command
/// of the scope would ever start again.
fn restore(held: &Dir, dir: &Path) {
    match held.restore(OWNER_ALL) {
        Ok(false) => {}
        Ok(true) => tracing::info!(dir = %dir.display(), "permission bits are back"),
        Err(error) => tracing::debug!(dir = %dir.display(), %error, "permission bits stay"),
    }
}

/// Puts files and skills into the sandbox's own directory.
fn fill(dir: &Path, mirror: &Mirror<'_>, seed: &Seed) -> Result<(), Error> {
    for (name, text) in seed.files.iter() {
        match mirror.dir.create(name, text.as_bytes(), (0o644, mirror.owner)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(at(&dir.join(name), error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    match &seed.skills {
        Some(skills) => mirror::renew(mirror, skills).map_err(|error| at(dir, error)),
        None => Ok(()),
    }
}

/// Copies the skills to their own directory, and makes the place in the agent's workspace where
/// a sandbox is shown that: left to the engine, it would belong to root.
fn lay_out_skills(settings: &Settings, dir: &Path) -> Result<Option<Dir>, Error> {
    let exposed = mounts::exposed(settings);
    let owner = rustix::process::geteuid().is_root().then(|| owner_of(&settings.agent_dir));
    let (held, above) = make_dir(dir, None, &exposed)?;
    let mirror = Mirror { dir: &held, above: &above, owner, exposed: &exposed };
    let skills = settings.seed.skills.as_deref().unwrap_or_default();
    mirror::renew(&mirror, skills).map_err(|error| at(dir, error))?;
    let place = settings.agent_dir.join(SKILLS_TARGET);
    let workspace = Dir::find(&settings.agent_dir, &exposed);
    let workspace = workspace.map_err(|error| at(&settings.agent_dir, error.why))?;
    own_dir(&workspace, Path::new(SKILLS_TARGET)).map_err(|error| at(&place, error))?;
    Ok(Some(above).filter(Dir::has_trash))
}

fn at(path: &Path, source: io::Error) -> Error {
    Error::Directory { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests lay files out")]

    use std::{
        fs::{self, Permissions},
        os::unix::fs::{PermissionsExt as _, symlink},
        sync::Arc,
    };

    use super::*;
    use crate::docker::settings::{Sharing, tests_support::settings};

    fn seed(files: &[(&str, &str)]) -> Seed {
        let files = files.iter().map(|(n, t)| ((*n).to_owned(), (*t).to_owned()));
        Seed { files: files.collect(), ..Seed::default() }
    }

    fn seeded(dir: &Path, seed: &Seed) {
        let (held, above) = make_dir(dir, None, &[]).unwrap();
        let mirror = Mirror { dir: &held, above: &above, owner: None, exposed: &[] };
        fill(dir, &mirror, seed).unwrap();
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    fn put(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
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
        fs::create_dir(&skill).unwrap();
        put(&skill.join("SKILL.md"), "s");
        let mut settings = settings();
        (settings.access, settings.agent_dir) = (Access::Rw, workspace.clone());
        settings.seed.skills = Some([("git".to_owned(), skill)].into());
        settings.seed.skills_dir = Some(home.path().join("copies/of"));

        prepare(&settings).unwrap();
        prepare(&settings).unwrap();

        assert_eq!(text(&home.path().join("copies/of/skills/git/SKILL.md")), "s");
        assert!(workspace.join(SKILLS_TARGET).is_dir());
    }

    #[test]
    fn what_a_sandbox_reads_only_is_there_before_it_and_whole_again_after() {
        let (home, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let workspace = home.path().join("ws");
        let mut settings = settings();
        (settings.access, settings.agent_dir) = (Access::Rw, workspace.clone());
        settings.seed.guarded = ["skills", "a/b"].map(Into::into).into();
        settings.seed.skills = Some(Arc::default());
        settings.seed.skills_dir = Some(home.path().join("copies/of"));

        prepare(&settings).unwrap();
        let is_there = || workspace.join("skills").is_dir() && workspace.join("a/b").is_dir();
        assert!(is_there());
        fs::remove_dir_all(workspace.join(".openclaw")).unwrap();
        symlink(victim.path(), workspace.join(".openclaw")).unwrap();
        fs::remove_dir_all(workspace.join("a")).unwrap();
        put(&workspace.join("a"), "mine");
        fs::remove_dir(workspace.join("skills")).unwrap();
        symlink(victim.path(), workspace.join("skills")).unwrap();
        fs::set_permissions(&workspace, Permissions::from_mode(0o0)).unwrap();
        prepare(&settings).unwrap();

        let is_plain = |name: &str| fs::symlink_metadata(workspace.join(name)).unwrap().is_dir();
        assert!(is_there() && is_plain("skills") && is_plain(".openclaw"));
        assert_eq!(fs::metadata(&workspace).unwrap().permissions().mode() & 0o700, 0o700);
        assert_eq!(fs::read_dir(victim.path()).unwrap().count(), 0);
        let names = fs::read_dir(&workspace).unwrap().flatten().map(|it| it.file_name());
        let mine = names.into_iter().find(|it| it.to_string_lossy().starts_with("a.aside-"));
        assert_eq!(text(&workspace.join(mine.unwrap())), "mine");
    }

    #[test]
    fn a_directory_whose_bits_were_taken_away_serves_again() {
        let home = tempfile::tempdir().unwrap();
        let mut settings = settings();
        settings.sandbox_dir = home.path().join("box");
        settings.seed.skills = Some(Arc::default());
        prepare(&settings).unwrap();
        fs::create_dir_all(settings.sandbox_dir.join("skills/a/b")).unwrap();
        for path in ["skills/a/b", "skills/a", "skills", ""] {
            let path = settings.sandbox_dir.join(path);
            fs::set_permissions(path, Permissions::from_mode(0o0)).unwrap();
        }

        prepare(&settings).unwrap();

        let mode = fs::metadata(&settings.sandbox_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o700, 0o700);
        assert!(!settings.sandbox_dir.join("skills").exists());
    }

    #[test]
    fn a_sandbox_s_own_directory_is_no_link() {
        let (home, victim) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut settings = settings();
        settings.sandbox_dir = home.path().join("box");
        symlink(victim.path(), &settings.sandbox_dir).unwrap();

        for sharing in [Sharing::Session, Sharing::Agent, Sharing::Shared] {
            settings.scope.sharing = sharing;

            let refused = prepare(&settings).unwrap_err();

            assert!(refused.to_string().contains("box"), "{sharing:?}: {refused}");
        }
    }

    #[test]
    fn users_are_read_when_they_are_numbers() {
        assert_eq!(user_of("1000:100"), Some(Owner { uid: 1000, gid: 100 }));
        assert_eq!(user_of("7"), Some(Owner { uid: 7, gid: 7 }));
        assert_eq!(user_of("node"), None);
    }
}
