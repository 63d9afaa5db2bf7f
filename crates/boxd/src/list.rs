//! A directory on its way to the gateway.

use boxd::{CHUNK_BYTES_MAX, Failure, Reply};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, open, statat};

use crate::{
    failure::failure,
    files::{absolute, plain},
    wire::Wire,
};

/// Entries that are sent before something else gets its turn.
const ENTRIES_AT_ONCE: usize = 64;

/// A directory that is listed.
#[derive(Debug)]
pub(crate) struct List {
    dir: Dir,
    left: u32,
}

const _: () = {
    // Names have at most 255 bytes.
    assert!(ENTRIES_AT_ONCE * 300 < CHUNK_BYTES_MAX);
};

impl List {
    pub(crate) fn begin(path: &[u8], entries_max: u32) -> Result<Self, Failure> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = open(absolute(path)?, flags, Mode::empty()).map_err(failure)?;
        Ok(Self { dir: Dir::new(fd).map_err(failure)?, left: entries_max })
    }

    /// Sends some entries; says whether there may be more.
    pub(crate) fn step(&mut self, id: u32, wire: &mut Wire) -> Result<bool, Failure> {
        for _ in 0..ENTRIES_AT_ONCE {
            if self.left == 0 {
                return Ok(false);
            }
            let Some(entry) = self.dir.read() else { return Ok(false) };
            let entry = entry.map_err(failure)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let at = self.dir.fd().map_err(failure)?;
            // What vanished in the meantime is not there.
            if let Ok(stat) = statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
                self.left -= 1;
                wire.say(id, &Reply::Entry { name: name.to_bytes(), stat: plain(&stat) });
            }
        }
        Ok(true)
    }
}
