//! Files of the host: read, written whole, removed and looked at.
//!
//! All of it blocks; the caller brings a thread for that. Nothing is written through a path
//! twice: the parent directory is opened once, and the work is done relative to it.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use held::{LINKS_MAX, Links, open_beneath};
use rustix::{
    fs::{
        Access, AtFlags, FileType, Gid, Mode, OFlags, Uid, accessat, fchmod, fchown, fstat,
        mkdirat, open, openat, readlinkat, renameat, statat, unlinkat,
    },
    io::Errno,
};

use crate::backend::{FileKind, SandboxError, Stat};

/// Tells apart the temporary files of writes that run at once.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// A path to work on.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// As the caller wrote it, for messages.
    pub(super) asked: String,
    /// Absolute.
    pub(super) path: PathBuf,
    /// The directory that it must not leave, if any.
    pub(super) fence: Option<Arc<Path>>,
}

impl Target {
    pub(super) fn read(&self, bytes_max: u64) -> Result<Vec<u8>, SandboxError> {
        let failed = |source: io::Error| self.failed("read", source);
        // Opening a device can have effects of its own, so look before.
        let looked = self.open(&self.path, OFlags::PATH).map_err(|errno| failed(errno.into()))?;
        check_regular(&looked).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.open(&self.path, flags).map_err(|errno| failed(errno.into()))?;
        let size = check_regular(&fd).map_err(failed)?;
        if size > bytes_max {
            return Err(self.too_large(size, bytes_max));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
        // The size is no promise: files of `/proc` have none, and logs grow.
        let limit = bytes_max.saturating_add(1);
        File::from(fd).take(limit).read_to_end(&mut bytes).map_err(failed)?;
        match bytes.len() as u64 {
            count if count > bytes_max => Err(self.too_large(count, bytes_max)),
            _ => Ok(bytes),
        }
    }

    /// Replaces the file, or the file that a link leads to, in one step that readers see.
    ///
    /// Mode and owner stay. The bytes are not forced to the disk: these are a person's
    /// working files, not our state.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), SandboxError> {
        self.landing()
            .map_err(io::Error::from)
            .and_then(|landing| landing.replace(bytes))
            .map_err(|source| self.failed("write", source))
    }

    /// Removes the file, or the link itself.
    pub(super) fn remove(&self) -> Result<(), SandboxError> {
        let removed = match (self.path.parent(), self.path.file_name()) {
            (Some(parent), Some(name)) => self
                .open(parent, OFlags::PATH | OFlags::DIRECTORY)
                .and_then(|dir| unlinkat(dir, name, AtFlags::empty())),
            (None, _) | (_, None) => Err(Errno::ISDIR),
        };
        removed.map_err(|errno| self.failed("remove", errno.into()))
    }

    pub(super) fn stat(&self) -> Result<Option<Stat>, SandboxError> {
        match self.open(&self.path, OFlags::PATH).and_then(fstat) {
            Ok(stat) => Ok(Some(Stat {
                kind: kind(&stat),
                bytes: u64::try_from(stat.st_size).unwrap_or(0),
            })),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(self.failed("look at", errno.into())),
        }
    }

    /// Opens `path` inside the fence, if there is one.
    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let Some(fence) = &self.fence else {
            return open(path, flags | OFlags::CLOEXEC, Mode::empty());
        };
        let at = |root: &Path| {
            let relative = path.strip_prefix(root).ok()?;
            Some(if relative.as_os_str().is_empty() {
                PathBuf::from(".")
            } else {
                relative.to_owned()
            })
        };
        let real = || fence.canonicalize().ok().and_then(|real| at(&real));
        let relative = at(fence).or_else(real).ok_or(Errno::XDEV)?;
        let flags_of_root = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(&**fence, flags_of_root, Mode::empty())?;
        open_beneath(root.as_fd(), &relative, flags, Links::Inside)
    }

    /// Opens the directory `path`, making it and its parents if need be.
    fn make_dir(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match self.open(path, flags) {
            Err(Errno::NOENT) => {}
            outcome => return outcome,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Errno::NOENT);
        };
        match mkdirat(self.make_dir(parent)?, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => self.open(path, flags),
            Err(errno) => Err(errno),
        }
    }

    /// Finds where a write ends up: links are followed, also those that lead to nothing yet.
    fn landing(&self) -> Result<Landing, Errno> {
        let mut path = self.path.clone();
        for _ in 0..LINKS_MAX {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(Errno::ISDIR);
            };
            let dir = self.make_dir(parent)?;
            let there = match statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(stat),
                Err(Errno::NOENT) => None,
                Err(errno) => return Err(errno),
            };
            if there.is_none_or(|stat| !FileType::from_raw_mode(stat.st_mode).is_symlink()) {
                return Ok(Landing { dir, name: name.to_owned(), there });
            }
            let link = readlinkat(&dir, name, Vec::new())?;
            let link = Path::new(OsStr::from_bytes(link.as_bytes()));
            if link.is_absolute() && self.fence.is_some() {
                return Err(Errno::XDEV);
            }
            path = parent.join(link);
        }
        Err(Errno::LOOP)
    }

    fn too_large(&self, bytes: u64, bytes_max: u64) -> SandboxError {
        SandboxError::TooLarge { path: self.asked.clone(), bytes, bytes_max }
    }

    fn failed(&self, verb: &'static str, source: io::Error) -> SandboxError {
        let path = self.asked.clone();
        match Errno::from_io_error(&source) {
            Some(Errno::NOENT) => SandboxError::NotFound { path },
            Some(Errno::XDEV) if self.fence.is_some() => SandboxError::Escape { path },
            _ => SandboxError::File { verb, path, source },
        }
    }
}

/// A name in an open directory, and what it names now.
struct Landing {
    dir: OwnedFd,
    name: OsString,
    there: Option<rustix::fs::Stat>,
}

impl Landing {
    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(there) = &self.there {
            regular(there)?;
            // A rename would pass over the file's own write protection.
            accessat(&self.dir, &self.name, Access::WRITE_OK, AtFlags::empty())?;
        }
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".openclaw-{}-{number}.tmp", process::id());
        let outcome = self.write_beside(&temporary, bytes).and_then(|()| {
            renameat(&self.dir, &temporary, &self.dir, &self.name).map_err(io::Error::from)
        });
        let Err(error) = outcome else { return Ok(()) };
        // A leftover is all that can be lost here, and it may never have been made.
        let _unlinked = unlinkat(&self.dir, &temporary, AtFlags::empty());
        match Errno::from_io_error(&error) {
            // The directory may not change, or the file is a mount point of its own.
            Some(Errno::ACCESS | Errno::PERM | Errno::BUSY) if self.there.is_some() => {
                self.write_over(bytes)
            }
            _ => Err(error),
        }
    }

    fn write_beside(&self, temporary: &str, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = openat(&self.dir, temporary, flags, Mode::from_raw_mode(0o666))?;
        if let Some(there) = &self.there {
            let made = fstat(&fd)?;
            if (made.st_uid, made.st_gid) != (there.st_uid, there.st_gid) {
                // Only root may give files away; for others the new file stays theirs.
                let owner = (Uid::from_raw(there.st_uid), Gid::from_raw(there.st_gid));
                let _given = fchown(&fd, Some(owner.0), Some(owner.1));
            }
            fchmod(&fd, Mode::from_raw_mode(there.st_mode & 0o7777))?;
        }
        File::from(fd).write_all(bytes)
    }

    fn write_over(&self, bytes: &[u8]) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.dir, &self.name, flags, Mode::empty())?;
        File::from(fd).write_all(bytes)
    }
}

/// The size of an open regular file.
fn check_regular(fd: &OwnedFd) -> io::Result<u64> {
    let stat = fstat(fd)?;
    regular(&stat)?;
    Ok(u64::try_from(stat.st_size).unwrap_or(0))
}

fn regular(stat: &rustix::fs::Stat) -> io::Result<()> {
    match kind(stat) {
        FileKind::File => Ok(()),
        FileKind::Directory => Err(Errno::ISDIR.into()),
        FileKind::Other => Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
    }
}

fn kind(stat: &rustix::fs::Stat) -> FileKind {
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind.is_file() {
        FileKind::File
    } else if kind.is_dir() {
        FileKind::Directory
    } else {
        FileKind::Other
    }
}
