//! Directories that a sandbox, a model or a stranger may have written to.
//!
//! A [`Dir`] is opened once and stays the directory that it was, whatever takes its place. All
//! else is resolved beneath it by the kernel (`openat2`) or, where that call is missing, step by
//! step: no link leads out, and [`Links`] says whether links are followed at all. Only regular
//! files are read, and only after a look that cannot block. Sizes, depths and counts have bounds,
//! and nothing here recurses.
//!
//! A path given to [`Dir::open`] is the operator's: links on the way are followed. A path that
//! may lead through directories that sandboxes write to goes through [`Spot::find`], which
//! follows no link below those.
//!
//! Hard links are not told apart from other files. A sandbox can make one only to what is in the
//! same mount, where it could read and write the file anyway.

#![warn(missing_docs)]

mod beneath;
mod copy;
mod dir;
mod files;
mod remove;
mod spot;

pub use beneath::{LINKS_MAX, Links, open_beneath};
pub use copy::{Copied, CopyBounds};
pub use dir::{Dir, Entry, Kind, Owner, unused_name};
pub use files::{FileSpot, Landing, Read, Stamp};
pub use remove::{Emptied, TRASH};
pub use spot::{Spot, Unheld, make_dirs};

use std::io;

/// Whether an error says that a path led out of its directory, or over a link where none is
/// followed.
pub fn is_escape(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::XDEV | rustix::io::Errno::LOOP))
}

/// Whether an error says that there is nothing of that name.
pub fn is_absent(error: &io::Error) -> bool {
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(errno, Some(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR))
}
