//! Places on our side, held open: what was looked at is what is written to and proven, whatever
//! somebody puts in its place meanwhile.
//!
//! Sandboxes write to some of our directories, the *exposed* ones. Below these no link is
//! followed, for a sandbox may have put it there; links above them are the operator's.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::{self, File, Permissions},
    io::{self, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{MetadataExt, PermissionsExt},
        },
    },
    path::{Component, Path, PathBuf},
};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fstat, mkdirat, open, openat,
    readlinkat, unlinkat,
};

use super::seed::Owner;

/// Links that one path may lead over, as in the kernel.
const LINKS_MAX: usize = 40;

/// How each step of a way is opened: a link is the link itself.
const STEP: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A file or directory that stays what it is.
#[derive(Debug)]
pub(crate) struct Held {
    fd: OwnedFd,
    is_dir: bool,
    identity: (u64, u64),
    /// Whether a sandbox may put something else at its path.
    pub(crate) is_exposed: bool,
}

/// Why a place cannot be held.
#[derive(Debug)]
pub(crate) struct Unheld {
    pub(crate) why: io::Error,
    /// Whether the way had come into an exposed directory.
    pub(crate) is_exposed: bool,
}

impl Held {
    /// Opens what is at `path`.
    pub(crate) fn open(path: &Path, exposed: &[PathBuf]) -> Result<Self, Unheld> {
        let mut way = Way { exposed: identities(exposed), is_exposed: false };
        match way.walk(path) {
            Ok((fd, stat)) => Ok(Self {
                fd,
                is_dir: is(&stat, FileType::Directory),
                identity: (stat.st_dev, stat.st_ino),
                is_exposed: way.is_exposed,
            }),
            Err(why) => Err(Unheld { why, is_exposed: way.is_exposed }),
        }
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.is_dir
    }

    /// Which directory it is: one that took its place has another identity.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// A path that leads here for as long as this is held, whatever happens to its name.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }

    /// Puts a new file of this name here, for everybody to read.
    pub(crate) fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.fd, name, flags, Mode::from_raw_mode(0o644))?);
        // Whatever our umask: the sandbox's user is often another one.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(text.as_bytes())
    }

    /// Makes a new directory of this name here, and holds it.
    pub(crate) fn make_dir(&self, name: &OsStr) -> io::Result<Self> {
        mkdirat(&self.fd, name, Mode::from_raw_mode(0o755))?;
        self.dir(name)
    }

    /// Holds the directory of this name here, which is no link.
    pub(crate) fn dir(&self, name: &OsStr) -> io::Result<Self> {
        let fd = openat(&self.fd, name, STEP | OFlags::DIRECTORY, Mode::empty())?;
        let stat = fstat(&fd)?;
        let identity = (stat.st_dev, stat.st_ino);
        Ok(Self { fd, is_dir: true, identity, is_exposed: self.is_exposed })
    }

    /// Opens the file of this name here, to read. It is a regular one and no link; a pipe in its
    /// place would have us wait for a writer.
    pub(crate) fn file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags | OFlags::NOCTTY, Mode::empty())?;
        if is(&fstat(&fd)?, FileType::RegularFile) {
            Ok(File::from(fd))
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "no regular file"))
        }
    }

    /// Removes the file of this name.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Gives it to a user.
    pub(crate) fn give(&self, owner: Option<Owner>) -> io::Result<()> {
        let Some(Owner { uid, gid }) = owner else { return Ok(()) };
        let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        Ok(chownat(&self.fd, "", uid, gid, AtFlags::EMPTY_PATH)?)
    }
}

/// A way from the root to a place.
struct Way {
    /// Identities of the exposed directories.
    exposed: Vec<(u64, u64)>,
    is_exposed: bool,
}

impl Way {
    fn walk(&mut self, path: &Path) -> io::Result<(OwnedFd, Stat)> {
        let root = || open("/", STEP, Mode::empty());
        let (mut at, mut ahead, mut links) = (root()?, steps(path), 0);
        let mut stat = fstat(&at)?;
        while let Some(name) = ahead.pop_front() {
            self.is_exposed |= self.exposed.contains(&(stat.st_dev, stat.st_ino));
            let next = openat(&at, &name, STEP, Mode::empty())?;
            let there = fstat(&next)?;
            if !is(&there, FileType::Symlink) {
                if self.is_exposed && name == ".." {
                    return Err(io::Error::other("`..` below a directory that sandboxes write to"));
                }
                (at, stat) = (next, there);
                continue;
            }
            if self.is_exposed {
                return Err(io::Error::other("a link, which may be a sandbox's doing: remove it"));
            }
            links += 1;
            if links > LINKS_MAX {
                return Err(rustix::io::Errno::LOOP.into());
            }
            let target = readlinkat(&next, "", Vec::new())?;
            let target = Path::new(OsStr::from_bytes(target.as_bytes()));
            if target.is_absolute() {
                at = root()?;
                stat = fstat(&at)?;
            }
            let mut first = steps(target);
            first.append(&mut ahead);
            ahead = first;
        }
        Ok((at, stat))
    }
}

/// The names on the way; the root is where it starts.
fn steps(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::Prefix(_) | Component::CurDir => None,
        })
        .collect()
}

fn identities(dirs: &[PathBuf]) -> Vec<(u64, u64)> {
    let found = dirs.iter().filter_map(|dir| fs::metadata(dir).ok());
    found.map(|it| (it.dev(), it.ino())).collect()
}

fn is(stat: &Stat, kind: FileType) -> bool {
    FileType::from_raw_mode(stat.st_mode) == kind
}

#[cfg(test)]
mod tests {
    use std::{fs::DirBuilder, os::unix::fs::symlink};

    use super::*;

    fn make(dir: &Path) {
        DirBuilder::new().recursive(true).create(dir).unwrap();
    }

    #[test]
    fn the_operator_s_links_are_followed_and_a_sandbox_s_are_not() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        make(&real.join("ws/data"));
        symlink(&real, &link).unwrap();
        let exposed = [link.join("ws")];

        let workspace = Held::open(&link.join("ws"), &exposed).unwrap();
        let data = Held::open(&link.join("ws/data"), &exposed).unwrap();
        symlink("data", real.join("ws/alias")).unwrap();
        let alias = Held::open(&link.join("ws/alias"), &exposed).unwrap_err();
        let up = Held::open(&link.join("ws/data/../data"), &exposed).unwrap_err();
        let gone = Held::open(&link.join("ws/gone"), &exposed).unwrap_err();

        assert!(!workspace.is_exposed && workspace.is_dir());
        assert!(data.is_exposed && data.is_dir());
        assert!(alias.is_exposed && alias.why.to_string().contains("a link"), "{alias:?}");
        assert!(up.is_exposed && up.why.to_string().contains(".."), "{up:?}");
        assert!(gone.is_exposed && gone.why.kind() == io::ErrorKind::NotFound, "{gone:?}");
        assert!(!Held::open(&real.join("gone"), &exposed).unwrap_err().is_exposed);
    }

    #[test]
    fn a_link_that_leads_into_an_exposed_directory_does_not_hide_it() {
        let home = tempfile::tempdir().unwrap();
        make(&home.path().join("ws/data"));
        symlink(home.path().join("ws/data"), home.path().join("short")).unwrap();

        let held = Held::open(&home.path().join("short"), &[home.path().join("ws")]).unwrap();

        assert!(held.is_exposed);
    }

    #[test]
    fn what_is_put_goes_to_what_was_opened_and_not_to_what_took_its_place() {
        let home = tempfile::tempdir().unwrap();
        let (ours, theirs) = (home.path().join("ours"), home.path().join("theirs"));
        make(&ours);
        make(&theirs);
        let held = Held::open(&ours, &[home.path().to_owned()]).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test swaps directories")]
        fs::rename(&ours, home.path().join("old")).unwrap();
        symlink(&theirs, &ours).unwrap();

        held.put("marker", "x").unwrap();

        assert!(home.path().join("old/marker").exists() && !theirs.join("marker").exists());
        assert!(held.path().join("marker").exists());
        held.remove("marker").unwrap();
        assert!(!home.path().join("old/marker").exists());
    }
}
