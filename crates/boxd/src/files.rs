//! Paths: looked at, removed, renamed, resolved. Everything here is done at once.
//!
//! What the sandbox's own view of the file system allows is allowed: the sandbox is the wall.

use std::{
    ffi::{OsStr, OsString},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use boxd::{Failure, Kind, Stat};
use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, fstat, mkdirat, open, readlinkat, statat, unlinkat},
    io::Errno,
};

use crate::failure::failure;

/// Links that may follow each other.
const LINKS_MAX: usize = 40;

/// The path, if it is one and absolute.
pub(crate) fn absolute(path: &[u8]) -> Result<&Path, Failure> {
    let path = Path::new(OsStr::from_bytes(path));
    if path.is_absolute() { Ok(path) } else { Err(Failure::Invalid) }
}

pub(crate) fn stat(path: &[u8]) -> Result<Stat, Failure> {
    rustix::fs::stat(absolute(path)?).map(|it| plain(&it)).map_err(failure)
}

/// Removes a file, or a link itself.
pub(crate) fn remove(path: &[u8]) -> Result<(), Failure> {
    let path = absolute(path)?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::NotAFile);
    };
    directory(parent).and_then(|dir| unlinkat(dir, name, AtFlags::empty())).map_err(failure)
}

/// Renames, making the directories of the new name.
pub(crate) fn rename(from: &[u8], to: &[u8]) -> Result<(), Failure> {
    let (from, to) = (absolute(from)?, absolute(to)?);
    rustix::fs::stat(from.parent().unwrap_or(from)).map_err(failure)?;
    make_directory(to.parent().unwrap_or(to)).map_err(failure)?;
    rustix::fs::rename(from, to).map_err(failure)
}

pub(crate) fn real_path(path: &[u8]) -> Result<PathBuf, Failure> {
    let resolved = absolute(path)?.canonicalize();
    resolved.map_err(|error| failure(Errno::from_io_error(&error).unwrap_or(Errno::INVAL)))
}

/// Opens a regular file for reading; never waits for the other end of a pipe, and never
/// touches a device.
pub(crate) fn open_regular(path: &[u8]) -> Result<(OwnedFd, u64), Failure> {
    let path = absolute(path)?;
    // Opening a device can have effects of its own, so look before.
    let looked = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failure)?;
    regular(&fstat(&looked).map_err(failure)?)?;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = open(path, flags, Mode::empty()).map_err(failure)?;
    let stat = fstat(&fd).map_err(failure)?;
    regular(&stat)?;
    Ok((fd, plain(&stat).bytes))
}

/// A name in an open directory, and what it names now.
#[derive(Debug)]
pub(crate) struct Landing {
    pub(crate) dir: OwnedFd,
    pub(crate) name: OsString,
    pub(crate) there: Option<rustix::fs::Stat>,
}

/// Finds where a write ends up: links are followed, also those that lead to nothing yet, and
/// missing directories are made.
pub(crate) fn landing(path: &[u8]) -> Result<Landing, Failure> {
    let mut path = absolute(path)?.to_owned();
    for _ in 0..LINKS_MAX {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Failure::NotAFile);
        };
        let dir = make_directory(parent).map_err(failure)?;
        let there = match statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Some(stat),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(failure(errno)),
        };
        if there.is_none_or(|stat| !FileType::from_raw_mode(stat.st_mode).is_symlink()) {
            there.as_ref().map_or(Ok(()), regular)?;
            return Ok(Landing { dir, name: name.to_owned(), there });
        }
        let link = readlinkat(&dir, name, Vec::new()).map_err(failure)?;
        path = parent.join(OsStr::from_bytes(link.as_bytes()));
    }
    Err(failure(Errno::LOOP))
}

/// Only regular files are read and written.
pub(crate) fn regular(stat: &rustix::fs::Stat) -> Result<(), Failure> {
    match plain(stat).kind {
        Kind::File => Ok(()),
        Kind::Directory | Kind::Link | Kind::Other => Err(Failure::NotAFile),
    }
}

pub(crate) fn plain(stat: &rustix::fs::Stat) -> Stat {
    let kind = FileType::from_raw_mode(stat.st_mode);
    Stat {
        kind: if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Other
        },
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        mode: stat.st_mode & 0o7777,
        stamp: stamp(stat),
    }
}

/// Whether the file is as it was when it had this stamp; 0 is none.
pub(crate) fn is_as_it_was(path: &[u8], then: u64) -> bool {
    match stat(path) {
        Ok(now) => now.stamp == then,
        Err(Failure::NotFound) => then == 0,
        Err(_) => false,
    }
}

fn stamp(stat: &rustix::fs::Stat) -> u64 {
    let (seconds, size) = (stat.st_mtime.cast_unsigned(), stat.st_size.cast_unsigned());
    let parts = [seconds, stat.st_mtime_nsec, size, stat.st_ino];
    // FNV, by words.
    let mixed = parts.iter().fold(0xcbf2_9ce4_8422_2325_u64, |mixed, part| {
        (mixed ^ part).wrapping_mul(0x0100_0000_01b3)
    });
    mixed.max(1)
}

fn directory(path: &Path) -> Result<OwnedFd, Errno> {
    open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens the directory `path`, making it and its parents if need be.
fn make_directory(path: &Path) -> Result<OwnedFd, Errno> {
    match directory(path) {
        Err(Errno::NOENT) => {}
        outcome => return outcome,
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::NOENT);
    };
    match mkdirat(make_directory(parent)?, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(Errno::EXIST) => directory(path),
        Err(errno) => Err(errno),
    }
}
