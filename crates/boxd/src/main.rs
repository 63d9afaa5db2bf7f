//! The servant inside a sandbox: starts processes, carries their output, touches files.
//!
//! It is the sandbox's first process (PID 1), or any process when tried by hand. One thread
//! waits for everything; it keeps no log, reads no file of its own and opens no socket.
//! Standard input and output are the link to the gateway; standard error is for panics alone.
//!
//! ```text
//!             PREAMBLE, Hello                    cut or broken frame, end of input
//!  searching ─────────────────► serving ──────────────────────────────────┐
//!      ▲                                                                  │
//!      └──── all commands killed, all half-written files removed ◄────────┘
//! ```
//!
//! When its input ends, PID 1 stays and waits for the next gateway, as the processes of a
//! sandbox end with PID 1; any other process exits. SIGTERM kills all and exits with 0. So does
//! a request that finds the servant's own limits changed (see [`limits`]).

mod crowd;
mod exec;
mod facts;
mod failure;
mod files;
mod limits;
mod list;
mod memory;
mod proc;
mod server;
mod signals;
mod spawn;
mod transfer;
mod tree;
mod wire;

use std::process::ExitCode;

use rustix::{
    fs::{Mode, OFlags, open},
    process::{DumpableBehavior, Pid, getpid, set_child_subreaper, set_dumpable_behavior},
    stdio::{dup2_stdin, dup2_stdout, stdin, stdout},
};

use crate::{
    facts::Facts,
    limits::Limits,
    memory::Memory,
    server::{Server, Start},
    signals::Signals,
    wire::Wire,
};

/// Least number of the link's own descriptors, clear of the standard ones.
const DESCRIPTOR_MIN: i32 = 3;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_lost) => ExitCode::FAILURE,
    }
}

fn serve() -> rustix::io::Result<()> {
    if getpid() == Pid::INIT {
        Signals::ignore_sent_faults()?;
    }
    let memory = Memory::open(getpid() == Pid::INIT);
    let (limits, facts) = (Limits::of_start(), Facts::of_start());
    // Nobody in the sandbox may open our descriptors by `/proc` and speak in our name.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Orphans become our children, also when we are not PID 1.
    set_child_subreaper(Some(getpid()))?;
    let input = rustix::io::fcntl_dupfd_cloexec(stdin(), DESCRIPTOR_MIN)?;
    let output = rustix::io::fcntl_dupfd_cloexec(stdout(), DESCRIPTOR_MIN)?;
    let nowhere = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    dup2_stdin(&nowhere)?;
    dup2_stdout(&nowhere)?;
    drop(nowhere);
    let signals = Signals::catch()?;
    Server::new(Wire::new(input, output)?, signals, Start { memory, limits, facts }).run()
}
