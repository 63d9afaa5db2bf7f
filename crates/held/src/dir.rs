//! A directory that is held open.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, RawDir, RenameFlags, Stat, Uid, chmod, chownat,
        fstat, mkdirat, openat, renameat, renameat_with, statat, unlinkat,
    },
    io::Errno,
};

use crate::{
    beneath::{Links, open_beneath},
    files::FileSpot,
};

/// How a directory is held: for a look and for work beneath it, not for reading.
const HOLD: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// A directory that stays what it is, whatever happens to its name.
#[derive(Debug)]
pub struct Dir {
    pub(crate) fd: OwnedFd,
    identity: (u64, u64),
}

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// What a name in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Dir,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: OsString,
    /// What it was when it was listed.
    pub kind: Kind,
}

impl Dir {
    /// Holds the directory at `path`, which is the operator's: links on the way are followed.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::of(openat(CWD, path, HOLD, Mode::empty())?)?)
    }

    pub(crate) fn of(fd: OwnedFd) -> Result<Self, Errno> {
        let stat = fstat(&fd)?;
        if !FileType::from_raw_mode(stat.st_mode).is_dir() {
            return Err(Errno::NOTDIR);
        }
        Ok(Self { fd, identity: (stat.st_dev, stat.st_ino) })
    }

    /// Which directory it is: one that took its place has another identity.
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Whom it belongs to.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn owner(&self) -> io::Result<Owner> {
        let stat = fstat(&self.fd)?;
        Ok(Owner { uid: stat.st_uid, gid: stat.st_gid })
    }

    /// Its permission bits.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn mode(&self) -> io::Result<u32> {
        Ok(fstat(&self.fd)?.st_mode & 0o7777)
    }

    /// Holds the directory at `path` beneath this one.
    ///
    /// # Errors
    ///
    /// What the system says; see [`crate::is_escape`].
    pub fn dir(&self, path: impl AsRef<Path>, links: Links) -> io::Result<Self> {
        let fd = open_beneath(self.as_fd(), path.as_ref(), HOLD, links)?;
        Ok(Self::of(fd)?)
    }

    /// Looks at what is at `path` beneath this directory. Opens nothing that could block or act.
    ///
    /// # Errors
    ///
    /// What the system says; see [`crate::is_escape`].
    pub fn look(&self, path: impl AsRef<Path>, links: Links) -> io::Result<FileSpot> {
        Ok(FileSpot::of(open_beneath(self.as_fd(), path.as_ref(), OFlags::PATH, links)?)?)
    }

    /// What `name` is here; a link is a link. `None` when there is nothing.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn kind(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Kind>> {
        match statat(&self.fd, plain(name.as_ref())?, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(kind_of(FileType::from_raw_mode(stat.st_mode)))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The first names of the directory, in no order, and whether there are more than `count_max`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn entries(&self, count_max: usize) -> io::Result<(Vec<Entry>, bool)> {
        let fd = openat(
            &self.fd,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let mut buffer = Vec::with_capacity(16 << 10);
        let mut raw = RawDir::new(fd, buffer.spare_capacity_mut());
        let mut found = Vec::new();
        while let Some(entry) = raw.next() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if found.len() >= count_max {
                return Ok((found, true));
            }
            let listed = entry.file_type();
            let kind = if listed == FileType::Unknown {
                let Some(kind) = self.kind(name)? else { continue };
                kind
            } else {
                kind_of(listed)
            };
            found.push(Entry { name: name.to_owned(), kind });
        }
        Ok((found, false))
    }

    /// Makes a new directory with exactly these permission bits, and holds it.
    ///
    /// # Errors
    ///
    /// What the system says, as when the name is taken.
    pub fn make_dir(&self, name: impl AsRef<OsStr>, mode: u32) -> io::Result<Self> {
        let name = plain(name.as_ref())?;
        mkdirat(&self.fd, name, Mode::from_raw_mode(mode))?;
        let dir = self.dir(name, Links::Refused)?;
        // Whatever our umask.
        dir.protect(mode)?;
        Ok(dir)
    }

    /// Gives it to a user.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn give(&self, owner: Owner) -> io::Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        Ok(chownat(&self.fd, "", uid, gid, AtFlags::EMPTY_PATH)?)
    }

    /// Gives it these permission bits.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn protect(&self, mode: u32) -> io::Result<()> {
        Ok(chmod(proc_path(&self.fd), Mode::from_raw_mode(mode))?)
    }

    /// Gives its owner the permission bits of `wanted` that a command took away; says whether
    /// there was need.
    ///
    /// # Errors
    ///
    /// What the system says, as when it is not ours to change.
    pub fn restore(&self, wanted: u32) -> io::Result<bool> {
        let mode = self.mode()?;
        if mode & wanted == wanted {
            return Ok(false);
        }
        self.protect(mode | wanted)?;
        Ok(true)
    }

    /// Removes the file or link of this name.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(unlinkat(&self.fd, plain(name.as_ref())?, AtFlags::empty())?)
    }

    /// Removes the empty directory of this name.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn remove_empty_dir(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(unlinkat(&self.fd, plain(name.as_ref())?, AtFlags::REMOVEDIR)?)
    }

    /// Moves `name` to `other` in `into`, where there must be nothing of that name.
    ///
    /// # Errors
    ///
    /// What the system says, as when the name is taken.
    pub fn move_to(
        &self,
        name: impl AsRef<OsStr>,
        into: &Self,
        other: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (name, other) = (plain(name.as_ref())?, plain(other.as_ref())?);
        match renameat_with(&self.fd, name, &into.fd, other, RenameFlags::NOREPLACE) {
            // File systems without the flag: new names are random, so a look is enough.
            Err(Errno::INVAL | Errno::NOSYS) => match into.kind(other)? {
                Some(_) => Err(Errno::EXIST.into()),
                None => Ok(renameat(&self.fd, name, &into.fd, other)?),
            },
            outcome => Ok(outcome?),
        }
    }

    /// Moves `name` to `other` in `into`, where there may be a file or an empty directory.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn move_over(
        &self,
        name: impl AsRef<OsStr>,
        into: &Self,
        other: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        Ok(renameat(&self.fd, plain(name.as_ref())?, &into.fd, plain(other.as_ref())?)?)
    }

    /// Swaps `name` with `other` in `with`, in one step.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn swap(
        &self,
        name: impl AsRef<OsStr>,
        with: &Self,
        other: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (name, other) = (plain(name.as_ref())?, plain(other.as_ref())?);
        Ok(renameat_with(&self.fd, name, &with.fd, other, RenameFlags::EXCHANGE)?)
    }

    /// A path that leads here for as long as this is held, for interfaces that take only paths.
    pub fn path(&self) -> PathBuf {
        proc_path(&self.fd)
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A name that begins with `head` and is nobody else's.
pub fn unused_name(head: &OsStr) -> OsString {
    // Long names stay within the 255 bytes that file systems take.
    const HEAD_BYTES_MAX: usize = 200;
    let bytes = head.as_bytes();
    let mut name = OsStr::from_bytes(&bytes[..bytes.len().min(HEAD_BYTES_MAX)]).to_owned();
    name.push(format!("-{}", uuid::Uuid::new_v4().simple()));
    name
}

/// A name of one component.
pub(crate) fn plain(name: &OsStr) -> io::Result<&OsStr> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.contains(&b'/') || matches!(bytes, b"." | b"..") {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no plain name"));
    }
    Ok(name)
}

pub(crate) fn proc_path(fd: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

pub(crate) fn kind_of(kind: FileType) -> Kind {
    match kind {
        FileType::Directory => Kind::Dir,
        FileType::RegularFile => Kind::File,
        FileType::Symlink => Kind::Link,
        FileType::Fifo
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown => Kind::Other,
    }
}

/// The kind of what a look found.
pub(crate) fn kind_of_stat(stat: &Stat) -> Kind {
    kind_of(FileType::from_raw_mode(stat.st_mode))
}
