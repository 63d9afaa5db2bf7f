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

#[cfg(test)]
mod tests;
