//! Removal of what a sandbox has made, however deep, wide or locked it is.
//!
//! A directory that is to go is first moved into the trash, a directory beside those of the
//! sandboxes, so that its place is free at once. There it is taken apart without recursion: each
//! directory that is not empty is moved up into the trash, until all of them lie side by side.
//! What cannot be removed, or is more than a caller allows at once, stays in the trash for the
//! next time.

use std::{
    ffi::{OsStr, OsString},
    io,
};

use rustix::{
    fs::{AtFlags, unlinkat},
    io::Errno,
};

use crate::{
    beneath::Links,
    dir::{Dir, Kind, plain, unused_name},
};

/// The name of the trash in a directory of ours.
pub const TRASH: &str = ".openclaw-trash";

/// Entries that are listed at once.
const BATCH: usize = 1024;
/// Tries while the trash comes and goes by others' doing.
const ATTEMPTS_MAX: usize = 8;
/// What we need on a directory to take it apart.
const OWNER_ALL: u32 = 0o700;

/// What removing came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// There was nothing.
    Absent,
    /// It is gone.
    Gone,
    /// It is gone from its place, and what is left of it is in the trash.
    Aside,
}

impl Dir {
    /// Takes away what is called `name`, whatever it is; of a link the link itself. Looks at no
    /// more than `entries_max` entries; `aside` has the trash.
    ///
    /// # Errors
    ///
    /// What the system says when it cannot even be moved out of its place.
    pub fn take_away(
        &self,
        name: impl AsRef<OsStr>,
        aside: &Self,
        entries_max: usize,
    ) -> io::Result<Emptied> {
        let name = plain(name.as_ref())?;
        match self.kind(name)? {
            None => return Ok(Emptied::Absent),
            Some(Kind::Dir) => {}
            Some(Kind::File | Kind::Link | Kind::Other) => {
                self.remove_file(name)?;
                return Ok(Emptied::Gone);
            }
        }
        if self.remove_empty_dir(name).is_ok() {
            return Ok(Emptied::Gone);
        }
        let is_in_trash = name == TRASH || self.set_aside(name, aside)?;
        let is_gone = is_in_trash && aside.drain_trash(entries_max)?;
        Ok(if is_gone { Emptied::Gone } else { Emptied::Aside })
    }

    /// Moves what is called `name` into the trash of `aside`, or to a name of its own here if it
    /// cannot leave this directory; says whether it is in the trash.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_aside(&self, name: impl AsRef<OsStr>, aside: &Self) -> io::Result<bool> {
        let name = plain(name.as_ref())?;
        let other = unused_name(name);
        if let Ok(dir) = self.dir(name, Links::Refused) {
            // A directory that changes its parent is itself written to.
            dir.restore(OWNER_ALL).ok();
        }
        for _ in 0..ATTEMPTS_MAX {
            let moved = aside.trash().and_then(|trash| self.move_to(name, &trash, &other));
            match moved {
                Ok(()) => return Ok(true),
                // Another removal has just done away with the empty trash.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => break,
            }
        }
        // Another's directory, or another disk: it keeps its parent.
        self.move_to(name, self, unused_name(TRASH.as_ref()))?;
        Ok(false)
    }

    /// Gives what is called `name` another name here, and tells which.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn rename_away(&self, name: impl AsRef<OsStr>) -> io::Result<OsString> {
        let name = plain(name.as_ref())?;
        let mut other = name.to_owned();
        other.push(".aside");
        let other = unused_name(&other);
        self.move_to(name, self, &other)?;
        Ok(other)
    }

    /// Whether something waits in this directory's trash.
    pub fn has_trash(&self) -> bool {
        matches!(self.kind(TRASH), Ok(Some(Kind::Dir)))
    }

    /// Removes what is in this directory's trash, of no more than `entries_max` entries; says
    /// whether nothing is left.
    ///
    /// # Errors
    ///
    /// What the system says when the trash cannot be read.
    pub fn drain_trash(&self, entries_max: usize) -> io::Result<bool> {
        let trash = match self.dir(TRASH, Links::Refused) {
            Ok(trash) => trash,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        let mut left = entries_max;
        let is_empty = trash.take_apart(&mut left)?;
        if is_empty {
            // Somebody may be putting something in again.
            self.remove_empty_dir(TRASH).ok();
        }
        Ok(is_empty)
    }

    fn trash(&self) -> io::Result<Self> {
        match self.make_dir(TRASH, OWNER_ALL) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.dir(TRASH, Links::Refused)
            }
            made => made,
        }
    }

    /// Removes all that is in this directory, the trash; says whether it is empty now.
    fn take_apart(&self, left: &mut usize) -> io::Result<bool> {
        loop {
            let (entries, _) = self.entries(BATCH)?;
            if entries.is_empty() {
                return Ok(true);
            }
            let mut is_less = false;
            for entry in entries {
                if *left == 0 {
                    return Ok(false);
                }
                is_less |= self.shrink(&entry.name, left);
            }
            if !is_less {
                return Ok(false);
            }
        }
    }

    /// Removes `name`, or moves the directories in it to its side; says whether that did
    /// anything.
    fn shrink(&self, name: &OsStr, left: &mut usize) -> bool {
        *left -= 1;
        if is_gone(unlinkat(&self.fd, name, AtFlags::empty()))
            || is_gone(unlinkat(&self.fd, name, AtFlags::REMOVEDIR))
        {
            return true;
        }
        let Ok(dir) = self.dir(name, Links::Refused) else { return false };
        // A refusal shows below.
        dir.restore(OWNER_ALL).ok();
        let mut did = false;
        while let Ok((entries, _)) = dir.entries(BATCH)
            && !entries.is_empty()
        {
            let mut is_less = false;
            for entry in entries {
                if *left == 0 {
                    return did || is_less;
                }
                *left -= 1;
                is_less |= match entry.kind {
                    Kind::Dir => {
                        is_gone(unlinkat(&dir.fd, &*entry.name, AtFlags::REMOVEDIR))
                            || dir.lift(&entry.name, self)
                    }
                    Kind::File | Kind::Link | Kind::Other => {
                        is_gone(unlinkat(&dir.fd, &*entry.name, AtFlags::empty()))
                    }
                };
            }
            did |= is_less;
            if !is_less {
                break;
            }
        }
        is_gone(unlinkat(&self.fd, name, AtFlags::REMOVEDIR)) || did
    }

    /// Moves the directory `name` into `heap`.
    fn lift(&self, name: &OsStr, heap: &Self) -> bool {
        let other = unused_name("d".as_ref());
        if self.move_to(name, heap, &other).is_ok() {
            return true;
        }
        let restored = self.dir(name, Links::Refused).and_then(|dir| dir.restore(OWNER_ALL));
        restored.is_ok_and(|changed| changed) && self.move_to(name, heap, &other).is_ok()
    }
}

fn is_gone(outcome: Result<(), Errno>) -> bool {
    matches!(outcome, Ok(()) | Err(Errno::NOENT))
}

#[cfg(test)]
mod tests;
