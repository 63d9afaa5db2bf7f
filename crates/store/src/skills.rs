//! Skills on disk: a directory each, with a `SKILL.md`. What it says is not known here.
//!
//! Agents, and sandboxes that work in their agent's workspace, may write where skills lie. So
//! no link leads out of a root, nothing but a regular file is opened, and sizes and counts have
//! bounds.

use std::{
    fs::File,
    io::Read as _,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2},
    io::Errno,
};

/// Largest `SKILL.md` that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Directories of one root that are looked at; the others, by name, are not.
const SKILLS_MAX: usize = 300;
/// Names of one root that are listed at all.
const NAMES_MAX: usize = 10_000;
/// Tries while other processes rename directories under us.
const ATTEMPTS_MAX: usize = 16;

/// Where skills lie: below `base`, which is the operator's to choose; what is in it may not be.
#[derive(Clone, Copy, Debug)]
pub struct SkillRoot<'a> {
    /// No link leads out of it.
    pub base: &'a Path,
    /// The directory in it that has the skills; `.` for itself.
    pub below: &'a str,
}

/// Device, inode, size, modified, changed: one that differs in none of these is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkillStamp(u64, u64, i64, (i64, i64), (i64, i64));

/// One skill's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkillFile {
    /// The skill's directory.
    pub dir: PathBuf,
    /// Its `SKILL.md`.
    pub path: PathBuf,
    /// Tells this version of it from others.
    pub stamp: SkillStamp,
    /// What it says; `None` when that is known already, and when it is no text or too much.
    pub text: Option<String>,
}

/// Reads the skills of `root`, by name, save those of which `is_known` says so. What is missing,
/// is no regular file or leads out of the root is passed over. Blocks.
pub fn skill_files(
    root: SkillRoot<'_>,
    is_known: impl Fn(&Path, SkillStamp) -> bool,
) -> Vec<SkillFile> {
    let Some(held) = hold(root) else { return Vec::new() };
    let place = if root.below == "." { root.base.to_owned() } else { root.base.join(root.below) };
    let found = names(&held).into_iter().filter_map(|name| {
        let dir = place.join(&name);
        let path = dir.join("SKILL.md");
        let inner = Path::new(root.below).join(&name).join("SKILL.md");
        match read(&held.base, &inner, |stamp| is_known(&path, stamp)) {
            Ok((stamp, text)) => Some(SkillFile { dir, path, stamp, text }),
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "no skill");
                None
            }
        }
    });
    found.take(SKILLS_MAX).collect()
}

/// Whether there is a directory of this name in `base`, and no link to one.
pub fn has_plain_dir(base: &Path, name: &str) -> bool {
    std::fs::symlink_metadata(base.join(name)).is_ok_and(|it| it.is_dir())
}

struct Held {
    base: OwnedFd,
    skills: OwnedFd,
}

fn hold(root: SkillRoot<'_>) -> Option<Held> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let base = openat(CWD, root.base, flags, Mode::empty()).ok()?;
    let skills = beneath(base.as_fd(), Path::new(root.below), flags).ok()?;
    Some(Held { base, skills })
}

/// What may be skills, sorted.
fn names(held: &Held) -> Vec<String> {
    let Ok(entries) = Dir::read_from(&held.skills) else { return Vec::new() };
    let found = entries.take(NAMES_MAX).filter_map(|entry| {
        let entry = entry.ok()?;
        let may_be_dir = matches!(
            entry.file_type(),
            FileType::Directory | FileType::Symlink | FileType::Unknown
        );
        let name = entry.file_name().to_str().ok()?;
        (may_be_dir && !name.starts_with('.') && name != "node_modules").then(|| name.to_owned())
    });
    let mut names: Vec<String> = found.collect();
    names.sort();
    names
}

fn read(
    base: &OwnedFd,
    path: &Path,
    is_known: impl Fn(SkillStamp) -> bool,
) -> Result<(SkillStamp, Option<String>), Errno> {
    // Without waiting: a pipe in a file's place would have us wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = beneath(base.as_fd(), path, flags)?;
    let stat = fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    let changed = (stat.st_ctime, stat.st_ctime_nsec.cast_signed());
    let modified = (stat.st_mtime, stat.st_mtime_nsec.cast_signed());
    let stamp = SkillStamp(stat.st_dev, stat.st_ino, stat.st_size, modified, changed);
    if is_known(stamp) {
        return Ok((stamp, None));
    }
    let mut text = String::new();
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    if size > FILE_BYTES_MAX {
        tracing::warn!(path = %path.display(), size, "skill is too large, passed over");
        return Ok((stamp, None));
    }
    let is_text = File::from(file).take(FILE_BYTES_MAX).read_to_string(&mut text).is_ok();
    Ok((stamp, is_text.then_some(text)))
}

/// Opens `path`, which must not leave `base` by a link. Where the kernel cannot see to that, no
/// link is followed at all.
fn beneath(base: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS_MAX {
        match openat2(base, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            Err(Errno::NOSYS | Errno::PERM) => return without_links(base, path, flags),
            outcome => return outcome,
        }
    }
    Err(Errno::AGAIN)
}

fn without_links(base: BorrowedFd<'_>, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let above = path.parent().into_iter().flat_map(Path::components);
    let mut at = openat(base, ".", step, Mode::empty())?;
    for component in above {
        at = openat(&at, component.as_os_str(), step, Mode::empty())?;
    }
    let name = path.file_name().unwrap_or_else(|| ".".as_ref());
    openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "tests lay files out")]

    use std::os::unix::fs::symlink;

    use super::*;

    fn put(root: &Path, name: &str, text: &str) {
        std::fs::create_dir_all(root.join(name)).unwrap();
        std::fs::write(root.join(name).join("SKILL.md"), text).unwrap();
    }

    fn found(base: &Path) -> Vec<(String, Option<String>)> {
        let files = skill_files(SkillRoot { base, below: "skills" }, |_, _| false);
        let name = |file: &SkillFile| file.dir.file_name().unwrap().to_str().unwrap().to_owned();
        files.iter().map(|file| (name(file), file.text.clone())).collect()
    }

    #[test]
    fn skills_are_read_by_name_and_what_is_none_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let skills = home.path().join("skills");
        put(&skills, "b", "B");
        put(&skills, "a", "A");
        put(&skills, ".git", "no");
        put(&skills, "big", &"x".repeat(300 << 10));
        std::fs::create_dir(skills.join("empty")).unwrap();
        std::fs::create_dir(skills.join("pipe")).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        let pipe = skills.join("pipe/SKILL.md");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, mode, 0).unwrap();

        let text = |text: &str| Some(text.to_owned());

        assert_eq!(
            found(home.path()),
            [("a".into(), text("A")), ("b".into(), text("B")), ("big".into(), None)]
        );
        assert!(found(&home.path().join("gone")).is_empty());
    }

    #[test]
    fn no_link_leads_out_of_a_root() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let skills = home.path().join("skills");
        put(other.path(), "secret", "S");
        put(&home.path().join("shared"), "tool", "T");
        std::fs::create_dir_all(skills.join("file")).unwrap();
        symlink(other.path().join("secret"), skills.join("dir")).unwrap();
        symlink(other.path().join("secret/SKILL.md"), skills.join("file/SKILL.md")).unwrap();
        symlink("../shared/tool", skills.join("inside")).unwrap();

        assert_eq!(found(home.path()), [("inside".into(), Some("T".to_owned()))]);

        let away = tempfile::tempdir().unwrap();
        symlink(other.path(), away.path().join("skills")).unwrap();
        assert!(found(away.path()).is_empty());
    }

    #[test]
    fn what_is_known_is_not_read_again_until_it_changes() {
        let home = tempfile::tempdir().unwrap();
        put(&home.path().join("skills"), "a", "A");
        let root = SkillRoot { base: home.path(), below: "skills" };
        let first = skill_files(root, |_, _| false).remove(0);

        let again = skill_files(root, |path, stamp| path == first.path && stamp == first.stamp);
        put(&home.path().join("skills"), "a", "A2");
        let changed = skill_files(root, |_, stamp| stamp == first.stamp);

        assert_eq!(again[0].text, None);
        assert_eq!(changed[0].text.as_deref(), Some("A2"));
    }

    #[test]
    fn without_the_kernel_s_help_no_link_is_followed() {
        let home = tempfile::tempdir().unwrap();
        put(home.path(), "a", "A");
        symlink("a", home.path().join("b")).unwrap();
        let base = openat(CWD, home.path(), OFlags::RDONLY, Mode::empty()).unwrap();
        let open = |path: &str| without_links(base.as_fd(), Path::new(path), OFlags::RDONLY);

        assert!(open("a/SKILL.md").is_ok() && open(".").is_ok());
        assert!(open("b/SKILL.md").is_err());
    }
}
