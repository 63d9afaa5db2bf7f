//! Copies of a tree of directories and regular files, with an end to it.

use std::{
    ffi::OsStr,
    io::{self, Read as _},
};

use crate::{
    beneath::Links,
    dir::{Dir, Entry, Kind, Owner},
};

/// Permission bits of a copied directory.
const DIR_MODE: u32 = 0o755;

/// How much is copied at most; more fails.
#[derive(Clone, Copy, Debug)]
pub struct CopyBounds {
    /// Directories below each other.
    pub depth_max: usize,
    /// Files, directories and what is left out.
    pub entries_max: usize,
    /// Bytes of all files together.
    pub bytes_max: u64,
}

/// What a copy came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Links, pipes, sockets and devices that were passed over.
    pub left_out: usize,
}

/// A directory in the middle of being copied.
struct Frame {
    from: Dir,
    to: Dir,
    entries: Vec<Entry>,
}

struct Copy {
    owner: Option<Owner>,
    left: CopyBounds,
    copied: Copied,
}

impl Dir {
    /// Copies what is in this directory to a new one called `name` in `into`. Permission bits of
    /// files stay, without set-uid and its like.
    ///
    /// # Errors
    ///
    /// What the system says, and when there is more than `bounds` allow. What was copied until
    /// then stays for the caller to remove.
    pub fn copy_to(
        &self,
        into: &Self,
        name: impl AsRef<OsStr>,
        (owner, bounds): (Option<Owner>, CopyBounds),
    ) -> io::Result<Copied> {
        let mut copy = Copy { owner, left: bounds, copied: Copied::default() };
        let mut stack = vec![copy.enter(self.dir(".", Links::Refused)?, into, name.as_ref())?];
        while let Some(frame) = stack.last_mut() {
            let Some(Entry { name, kind }) = frame.entries.pop() else {
                stack.pop();
                continue;
            };
            match kind {
                Kind::Dir => {
                    let from = frame.from.dir(&name, Links::Refused)?;
                    let below = copy.enter(from, &frame.to, &name)?;
                    if stack.len() > copy.left.depth_max {
                        return Err(io::Error::other("too deep"));
                    }
                    stack.push(below);
                }
                Kind::File => copy.file(frame, &name)?,
                // A link could lead the copy, or its reader, elsewhere.
                Kind::Link | Kind::Other => copy.copied.left_out += 1,
            }
        }
        Ok(copy.copied)
    }
}

impl Copy {
    fn enter(&mut self, from: Dir, into: &Dir, name: &OsStr) -> io::Result<Frame> {
        let (entries, has_more) = from.entries(self.left.entries_max)?;
        if has_more {
            return Err(io::Error::other("too many files"));
        }
        self.left.entries_max -= entries.len();
        let to = into.make_dir(name, DIR_MODE)?;
        if let Some(owner) = self.owner {
            to.give(owner)?;
        }
        Ok(Frame { from, to, entries })
    }

    fn file(&mut self, frame: &Frame, name: &OsStr) -> io::Result<()> {
        let found = frame.from.look(name, Links::Refused)?;
        let from = found.open()?;
        let mut to = frame.to.create_file(name, found.mode() & 0o777, self.owner)?;
        let copied = io::copy(&mut from.take(self.left.bytes_max.saturating_add(1)), &mut to)?;
        let left = self.left.bytes_max.checked_sub(copied);
        self.left.bytes_max = left.ok_or_else(|| io::Error::other("too large"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
