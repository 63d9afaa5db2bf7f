//! Files beneath a held directory: looked at, read with a bound, made, replaced whole.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, fchmod, fchown, fstat, open, openat,
        readlinkat, renameat, statat, unlinkat,
    },
    io::Errno,
};

use crate::{
    beneath::{LINKS_MAX, Links},
    dir::{Dir, Kind, Owner, kind_of_stat, plain, proc_path, unused_name},
};

/// Tells one version of a file from another: device, inode, size, modified, changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp(u64, u64, i64, (i64, i64), (i64, i64));

/// Something that was looked at, held so that a later read is of the same.
#[derive(Debug)]
pub struct FileSpot {
    fd: OwnedFd,
    stat: Stat,
}

/// The bytes of a file, as many as were allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// They.
    pub bytes: Vec<u8>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// A name in a held directory that a write ends up at.
#[derive(Debug)]
pub struct Landing {
    dir: Dir,
    name: OsString,
    there: Option<Stat>,
}

impl FileSpot {
    pub(crate) fn of(fd: OwnedFd) -> Result<Self, Errno> {
        let stat = fstat(&fd)?;
        Ok(Self { fd, stat })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        kind_of_stat(&self.stat)
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        u64::try_from(self.stat.st_size).unwrap_or(0)
    }

    /// Permission bits.
    pub fn mode(&self) -> u32 {
        self.stat.st_mode & 0o7777
    }

    /// When it was last written to, in milliseconds since 1970.
    pub fn modified_ms(&self) -> i64 {
        self.stat.st_mtime * 1000 + self.stat.st_mtime_nsec.cast_signed() / 1_000_000
    }

    /// Device and inode.
    pub fn identity(&self) -> (u64, u64) {
        (self.stat.st_dev, self.stat.st_ino)
    }

    /// Which version of the file it is.
    pub fn stamp(&self) -> Stamp {
        let Stat { st_dev, st_ino, st_size, .. } = self.stat;
        let modified = (self.stat.st_mtime, self.stat.st_mtime_nsec.cast_signed());
        let changed = (self.stat.st_ctime, self.stat.st_ctime_nsec.cast_signed());
        Stamp(st_dev, st_ino, st_size, modified, changed)
    }

    /// Opens the very file that was looked at, if it is a regular one.
    ///
    /// # Errors
    ///
    /// What the system says; `InvalidInput` for what is no regular file.
    pub fn open(&self) -> io::Result<File> {
        if self.kind() != Kind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(File::from(open(proc_path(&self.fd), flags, Mode::empty())?))
    }

    /// Reads at most `bytes_max` bytes of it.
    ///
    /// # Errors
    ///
    /// As [`FileSpot::open`].
    pub fn read(&self, bytes_max: u64) -> io::Result<Read> {
        let file = self.open()?;
        let expected = usize::try_from(self.size().min(bytes_max)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(expected.saturating_add(1));
        // The size is no promise: another process may be writing.
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let is_cut = bytes.len() > limit;
        bytes.truncate(limit);
        Ok(Read { bytes, is_cut })
    }
}

impl Dir {
    /// Puts a new file of this name here, with exactly these permission bits.
    ///
    /// # Errors
    ///
    /// What the system says, as when the name is taken, be it by a link.
    pub fn create(
        &self,
        name: impl AsRef<OsStr>,
        bytes: &[u8],
        (mode, owner): (u32, Option<Owner>),
    ) -> io::Result<()> {
        let name = plain(name.as_ref())?;
        let mut file = self.create_file(name, mode, owner)?;
        let written = file.write_all(bytes);
        if written.is_err() {
            // Half a file is worse than none. The error that matters is the first one.
            unlinkat(&self.fd, name, AtFlags::empty()).ok();
        }
        written
    }

    /// Makes a new, empty file here and opens it for writing.
    pub(crate) fn create_file(
        &self,
        name: &OsStr,
        mode: u32,
        owner: Option<Owner>,
    ) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags | OFlags::NOFOLLOW, Mode::from_raw_mode(0o600))?;
        // By the open file: the name may be another's by now. The mode comes last, for a change
        // of owners takes bits away.
        if let Some(Owner { uid, gid }) = owner {
            fchown(&fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
        }
        fchmod(&fd, Mode::from_raw_mode(mode))?;
        Ok(File::from(fd))
    }

    /// Where a write to `path` ends up. Links that stay inside are followed, also those that lead
    /// to nothing yet; the parent directory must be there.
    ///
    /// # Errors
    ///
    /// What the system says; see [`crate::is_escape`].
    pub fn landing(&self, path: impl AsRef<Path>) -> io::Result<Landing> {
        let mut path: PathBuf = path.as_ref().to_owned();
        for _ in 0..LINKS_MAX {
            let Some(name) = path.file_name().map(ToOwned::to_owned) else {
                return Err(Errno::ISDIR.into());
            };
            let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new(".")).to_owned();
            let dir = self.dir(&parent, Links::Inside)?;
            let there = match statat(&dir.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(stat),
                Err(Errno::NOENT) => None,
                Err(errno) => return Err(errno.into()),
            };
            if there.is_none_or(|stat| !FileType::from_raw_mode(stat.st_mode).is_symlink()) {
                return Ok(Landing { dir, name, there });
            }
            let link = readlinkat(&dir.fd, &name, Vec::new())?;
            let link = Path::new(OsStr::from_bytes(link.as_bytes()));
            if link.is_absolute() {
                return Err(Errno::XDEV.into());
            }
            path = parent.join(link);
        }
        Err(Errno::LOOP.into())
    }

    /// The same for the name itself, whatever is there: a link is replaced.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn landing_here(&self, name: impl AsRef<OsStr>) -> io::Result<Landing> {
        let name = plain(name.as_ref())?.to_owned();
        let dir = self.dir(".", Links::Refused)?;
        let there = statat(&dir.fd, &name, AtFlags::SYMLINK_NOFOLLOW).ok();
        let there = there.filter(|stat| kind_of_stat(stat) == Kind::File);
        Ok(Landing { dir, name, there })
    }
}

impl Landing {
    /// Replaces the file in one step that readers see; on the disk before it has its name. Mode
    /// and owner of a file that was there stay; a new one gets `mode` and the directory's owner.
    ///
    /// # Errors
    ///
    /// What the system says. Nothing is left behind then.
    pub fn replace(&self, bytes: &[u8], mode: u32) -> io::Result<()> {
        let temporary = unused_name(".openclaw-write".as_ref());
        let outcome = self.write_beside(&temporary, bytes, mode).and_then(|()| {
            renameat(&self.dir.fd, &temporary, &self.dir.fd, &self.name).map_err(io::Error::from)
        });
        if outcome.is_err() {
            // It may never have been made. The error that matters is the first one.
            unlinkat(&self.dir.fd, &temporary, AtFlags::empty()).ok();
        }
        outcome
    }

    fn write_beside(&self, temporary: &OsStr, bytes: &[u8], mode: u32) -> io::Result<()> {
        let mode = self.there.map_or(mode, |there| there.st_mode & 0o777);
        let mut file = self.dir.create_file(temporary, mode, None)?;
        let owner = match &self.there {
            Some(there) => Owner { uid: there.st_uid, gid: there.st_gid },
            None => self.dir.owner()?,
        };
        let present = fstat(&file)?;
        if (present.st_uid, present.st_gid) != (owner.uid, owner.gid) {
            // Only root may give files away; for others the new file stays theirs.
            let _given =
                fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        }
        file.write_all(bytes)?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests;
