//! What the two sides say to each other.
//!
//! ```text
//!  gateway                                  servant
//!  Hello ─────────────────────────────────► kills what an earlier gateway started
//!        ◄──────────────────── PREAMBLE, nonce, Hello
//!  Exec, Credit, Stdin, Resize, Signal ───►
//!        ◄──── Started │ Failed, then Output, StdinRoom, StdinClosed, and last Exit
//!  Read ──────────────────────────────────► ◄──── Data…, then Done │ Failed
//!  Write, Chunk…, Commit ─────────────────► ◄──── Done │ Failed, at any time
//!  Remove, Rename, Stat, List, RealPath ──► ◄──── their answer, Done or Failed
//! ```
//!
//! Each request but `Hello` has an id of the gateway's choosing, which its answers carry and
//! which is free again after the last of them. The servant sends no more output of a command
//! than it has credit for, where each piece costs [`PIECE_COST_BYTES`] on top of its bytes, so that
//! their number is bounded too. It takes no more input than it has made room for, which is
//! [`INPUT_BYTES_MAX`] at first.

mod reply;
mod request;

pub use reply::{Ended, Failure, Kind, Reply, Stat, Stream};
pub use request::{Exec, Request, Size};

use crate::frame::CHUNK_BYTES_MAX;

/// What a piece of output costs beside its bytes.
pub const PIECE_COST_BYTES: u32 = 256;

/// Bytes of input that a command has room for at first.
pub const INPUT_BYTES_MAX: usize = CHUNK_BYTES_MAX;

/// The files that tell what a sandbox is like; not every kernel has all of them. The servant
/// reads them before anything else runs, those of control groups where its own group is.
pub const FACTS: [&str; 16] = [
    "/proc/version",
    "/proc/meminfo",
    "/proc/self/status",
    "/proc/self/limits",
    "/proc/self/mountinfo",
    "/proc/self/net/dev",
    "/proc/self/attr/current",
    // Control groups of the second version, then of the first.
    "/sys/fs/cgroup/pids.max",
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory.swap.max",
    "/sys/fs/cgroup/cpu.max",
    "/sys/fs/cgroup/pids/pids.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
];

/// Name of the fact that lists the places of mounts that the sandbox's user may write to, one a
/// line, as `/proc/self/mountinfo` writes them.
pub const FACT_WRITABLE: &str = "writable";

#[cfg(test)]
mod tests;
