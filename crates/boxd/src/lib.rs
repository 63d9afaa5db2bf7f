//! Frames between a gateway and the servant inside a sandbox.
//!
//! Both ends are ours, but only one is trusted: the servant lives next to whatever runs in the
//! sandbox, so the gateway believes nothing that comes from there before it has checked it.
//! The codec here is pure; it knows no pipe, no process and no file. The servant itself is the
//! binary `openclaw-boxd`.
//!
//! The servant is built as one static file:
//!
//! ```text
//! CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static" \
//!     cargo build -p boxd --profile boxd --target x86_64-unknown-linux-gnu
//! ```
//!
//! which is what `scripts/build-boxd.sh` does, with options that keep it small in memory.

#![warn(missing_docs)]

pub mod frame;
pub mod message;

mod fields;

pub use frame::{CHUNK_BYTES_MAX, FRAME_BYTES_MAX, Frame, FrameError, PREAMBLE, VERSION};
pub use message::{
    Ended, Exec, Failure, INPUT_BYTES_MAX, Kind, PIECE_COST_BYTES, Reply, Request, Size, Stat,
    Stream,
};
