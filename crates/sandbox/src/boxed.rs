//! The gateway's side of `boxd`: processes and files in a sandbox, over one stream.
//!
//! Owns the link to one servant, whatever the stream is made of; knows no container engine.
//!
//! Nothing that comes from a sandbox is believed. Each frame is checked against what was asked
//! for ([`table`]); the first that breaks a rule ends the link, all calls that wait fail with
//! the reason, and whoever holds the sandbox throws it away. What may wait in memory is bounded
//! by what was asked for: output by credit, files by the caller's limit.

mod error;
mod handshake;
mod link;
mod machine;
mod owner;
mod profile;
mod pump;
mod table;

pub use error::{CallError, LinkError};
pub use handshake::{Attach, Marker, Options};
pub use link::{Control, Link, Process, Start};
pub use machine::{BoxedSandbox, Config};

/// Bytes of output that may be on their way from one command, as the servant counts them.
const WINDOW_BYTES: u32 = 64 * 1024;
