//! Files on their way: read in pieces as the link takes them, written beside their place and
//! then put there in one step.

use std::{
    fs::File,
    io::{self, Seek, Write as _},
    os::fd::OwnedFd,
};

use boxd::{CHUNK_BYTES_MAX, Failure, Reply};
use rustix::{
    fs::{
        Access, AtFlags, Gid, Mode, OFlags, Uid, accessat, fchmod, fchown, fstat, openat, renameat,
        unlinkat,
    },
    io::{Errno, pread},
};

use crate::{
    failure::failure,
    files::{Landing, landing, open_regular},
    wire::{PIPE_BYTES, Wire},
};

/// A file that is read.
#[derive(Debug)]
pub(crate) struct Read {
    fd: OwnedFd,
    /// As it was when it was opened, which is no promise.
    bytes: u64,
    at: u64,
    left: u64,
    /// The whole file was asked for, so more than was asked for is a failure.
    is_whole: bool,
}

impl Read {
    pub(crate) fn begin(path: &[u8], offset: Option<u64>, bytes_max: u64) -> Result<Self, Failure> {
        let (fd, bytes) = open_regular(path)?;
        if offset.is_none() && bytes > bytes_max {
            return Err(Failure::TooLarge { bytes });
        }
        let at = offset.unwrap_or(0);
        Ok(Self { fd, bytes, at, left: bytes_max, is_whole: offset.is_none() })
    }

    /// Whether more will be sent than a pipe usually takes.
    pub(crate) fn is_large(&self) -> bool {
        self.bytes.saturating_sub(self.at).min(self.left) > PIPE_BYTES as u64
    }

    /// Sends one piece; says whether there may be more.
    pub(crate) fn step(
        &mut self,
        id: u32,
        scratch: &mut Vec<u8>,
        wire: &mut Wire,
    ) -> Result<bool, Failure> {
        // The size is no promise: files of `/proc` have none, and logs grow.
        let most = self.left.saturating_add(u64::from(self.is_whole));
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(CHUNK_BYTES_MAX);
        scratch.clear();
        scratch.resize(most, 0);
        let count = match pread(&self.fd, scratch.as_mut_slice(), self.at) {
            Ok(count) => count,
            Err(Errno::INTR) => return Ok(true),
            Err(errno) => return Err(failure(errno)),
        };
        let bytes = scratch.get(..count).unwrap_or_default();
        self.at = self.at.saturating_add(count as u64);
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(Failure::TooLarge { bytes: self.at }),
        }
        if bytes.is_empty() {
            return Ok(false);
        }
        wire.say(id, &Reply::Data(bytes));
        Ok(true)
    }
}

/// A file that is written. Dropped before its commit, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Write {
    landing: Landing,
    /// Its name until it is put in place; `None` when it is written where it is.
    temporary: Option<String>,
    file: File,
}

impl Write {
    /// Begins; `name` tells apart the writes of all who may write there.
    pub(crate) fn begin(path: &[u8], name: &str) -> Result<Self, Failure> {
        let landing = landing(path)?;
        if landing.there.is_some() {
            // A rename would pass over the file's own write protection.
            accessat(&landing.dir, &landing.name, Access::WRITE_OK, AtFlags::empty())
                .map_err(failure)?;
        }
        let temporary = format!(".openclaw-{name}.tmp");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match openat(&landing.dir, &temporary, flags, Mode::from_raw_mode(0o666)) {
            Ok(fd) => {
                let write = Self { landing, temporary: Some(temporary), file: File::from(fd) };
                write.dress().map_err(failure)?;
                Ok(write)
            }
            // The directory may not change, but the file may.
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) if landing.there.is_some() => {
                let file = over(&landing).map_err(failure)?;
                Ok(Self { landing, temporary: None, file })
            }
            Err(errno) => Err(failure(errno)),
        }
    }

    pub(crate) fn chunk(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file.write_all(bytes).map_err(|error| of_io(&error))
    }

    /// Puts the file in its place. Its bytes are not forced to the disk: these are working
    /// files.
    pub(crate) fn commit(mut self) -> Result<(), Failure> {
        let Some(temporary) = &self.temporary else { return Ok(()) };
        let Landing { dir, name, there } = &self.landing;
        match renameat(dir, temporary, dir, name) {
            Ok(()) => {
                self.temporary = None;
                Ok(())
            }
            // The file is a mount point of its own, or others guard the directory.
            Err(Errno::BUSY | Errno::ACCESS | Errno::PERM) if there.is_some() => self.copy_over(),
            Err(errno) => Err(failure(errno)),
        }
    }

    /// Gives the new file the old one's owner and permissions.
    fn dress(&self) -> rustix::io::Result<()> {
        let Some(there) = &self.landing.there else { return Ok(()) };
        let made = fstat(&self.file)?;
        if (made.st_uid, made.st_gid) != (there.st_uid, there.st_gid) {
            // Only root may give files away; for others the new file stays theirs.
            let owner = (Uid::from_raw(there.st_uid), Gid::from_raw(there.st_gid));
            let _given = fchown(&self.file, Some(owner.0), Some(owner.1));
        }
        fchmod(&self.file, Mode::from_raw_mode(there.st_mode & 0o7777))
    }

    fn copy_over(&mut self) -> Result<(), Failure> {
        let mut place = over(&self.landing).map_err(failure)?;
        self.file
            .rewind()
            .and_then(|()| io::copy(&mut self.file, &mut place))
            .map(|_| ())
            .map_err(|error| of_io(&error))
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // A leftover is all that can be lost here.
            let _unlinked = unlinkat(&self.landing.dir, temporary, AtFlags::empty());
        }
    }
}

/// Opens the file that is there, emptied.
fn over(landing: &Landing) -> rustix::io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat(&landing.dir, &landing.name, flags, Mode::empty()).map(File::from)
}

fn of_io(error: &io::Error) -> Failure {
    failure(Errno::from_io_error(error).unwrap_or(Errno::IO))
}
