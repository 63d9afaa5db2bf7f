//! Signals as descriptors that become readable.

use std::os::{
    fd::{AsFd, BorrowedFd},
    unix::net::UnixStream,
};

use rustix::{
    io::{Errno, Result},
    process::{Signal, getpid, kill_process},
};
use signal_hook::{
    consts::{SIGCHLD, SIGTERM},
    low_level::pipe,
};

/// The signals that the servant listens to.
#[derive(Debug)]
pub(crate) struct Signals {
    child: UnixStream,
    end: UnixStream,
}

impl Signals {
    /// Lets SIGSEGV and SIGBUS have their default effect, which PID 1 is spared when a process
    /// inside sends them; a fault of our own still ends us.
    ///
    /// The handler that the standard library sets at the start (`std::sys::stack_overflow`) makes
    /// way at the first of either that is no overflow of the stack. It runs on a stack of some
    /// 8 KiB. While a command is started signals are held back, and those that were sent meanwhile
    /// come at once: their frames did not fit on that stack, and the kernel killed us.
    pub(crate) fn ignore_sent_faults() -> Result<()> {
        kill_process(getpid(), Signal::SEGV)?;
        kill_process(getpid(), Signal::BUS)
    }

    pub(crate) fn catch() -> Result<Self> {
        Ok(Self { child: on(SIGCHLD)?, end: on(SIGTERM)? })
    }

    /// Readable once a child has exited.
    pub(crate) fn child(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }

    /// Readable once we are asked to end.
    pub(crate) fn end(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }

    /// Forgets the children seen so far; to be called before they are reaped.
    pub(crate) fn take_children(&self) {
        let mut bytes = [0_u8; 64];
        while let Ok(64) = rustix::io::read(&self.child, &mut bytes) {}
    }
}

fn on(signal: i32) -> Result<UnixStream> {
    let errno = |error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let (readable, written) = UnixStream::pair().map_err(errno)?;
    readable.set_nonblocking(true).map_err(errno)?;
    let _forever = pipe::register(signal, written).map_err(errno)?;
    Ok(readable)
}
