//! The two ends of the link, with what was read and not yet understood, and what was said and
//! not yet written.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use boxd::{CHUNK_BYTES_MAX, Reply};
use rustix::{
    buffer::spare_capacity,
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::{Errno, Result, read, write},
    pipe::fcntl_setpipe_size,
};

/// Bytes that may wait to be written before nothing more is read from anywhere.
const OUT_BYTES_MAX: usize = 2 * CHUNK_BYTES_MAX;

/// Bytes that are read at once, if not more are missing from a frame: a chunk with what is around
/// it. What is touched once stays resident.
const READ_BYTES: usize = CHUNK_BYTES_MAX + 4 * 1024;

/// Room in the output's pipe while a large file leaves, which then takes half the time. Not for
/// longer, for the kernel counts the pipes of all sandboxes together.
const PIPE_BYTES_WIDE: usize = 1024 * 1024;

/// Room in a pipe as the kernel makes it.
pub(crate) const PIPE_BYTES: usize = 64 * 1024;

/// Room that buffers keep when they are empty.
const KEPT_BYTES: usize = 16 * 1024;

/// The link to the gateway.
#[derive(Debug)]
pub(crate) struct Wire {
    input: OwnedFd,
    output: OwnedFd,
    /// Read and not yet understood.
    pub(crate) inbox: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    is_wide: bool,
}

impl Wire {
    pub(crate) fn new(input: OwnedFd, output: OwnedFd) -> Result<Self> {
        for end in [&input, &output] {
            fcntl_setfl(end, fcntl_getfl(end)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { input, output, inbox: Vec::new(), out: Vec::new(), written: 0, is_wide: false })
    }

    pub(crate) fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    pub(crate) fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Reads once. `Ok(false)` is the end of the input.
    pub(crate) fn fill(&mut self) -> Result<bool> {
        self.inbox.reserve(READ_BYTES);
        match read(&self.input, spare_capacity(&mut self.inbox)) {
            Ok(count) => Ok(count > 0),
            Err(Errno::AGAIN | Errno::INTR) => Ok(true),
            Err(errno) => Err(errno),
        }
    }

    /// Puts back what was taken from the inbox, without its first `used` bytes.
    pub(crate) fn put_back(&mut self, mut inbox: Vec<u8>, used: usize) {
        inbox.drain(..used.min(inbox.len()));
        inbox.shrink_to(KEPT_BYTES);
        self.inbox = inbox;
    }

    /// Has the output's pipe take a large file at once. One that may not grow stays as it is.
    pub(crate) fn widen(&mut self) {
        if !self.is_wide {
            self.is_wide = fcntl_setpipe_size(&self.output, PIPE_BYTES_WIDE).is_ok();
        }
    }

    /// Makes the pipe what it was. One that is still full is tried again next time.
    pub(crate) fn narrow(&mut self) {
        if self.is_wide && fcntl_setpipe_size(&self.output, PIPE_BYTES).is_ok() {
            self.is_wide = false;
        }
    }

    /// Says something. Replies fit into frames by their makers' limits; a path that does not
    /// is turned into a failure by [`crate::server`].
    pub(crate) fn say(&mut self, id: u32, reply: &Reply<'_>) -> bool {
        reply.append(id, &mut self.out).is_ok()
    }

    /// Says raw bytes.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Whether there is room for more.
    pub(crate) fn has_room(&self) -> bool {
        self.out.len() - self.written < OUT_BYTES_MAX
    }

    /// Whether something waits to be written.
    pub(crate) fn is_waiting(&self) -> bool {
        self.written < self.out.len()
    }

    /// Writes what the pipe takes.
    pub(crate) fn flush(&mut self) -> Result<()> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match write(&self.output, rest) {
                Ok(count) => self.written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(errno),
            }
        }
        self.forget_out();
        Ok(())
    }

    /// Forgets what was not written.
    pub(crate) fn forget_out(&mut self) {
        self.out.clear();
        self.out.shrink_to(KEPT_BYTES);
        self.written = 0;
    }
}
