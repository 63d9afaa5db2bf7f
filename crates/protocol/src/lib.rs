//! The gateway's wire protocol: frames, handshake, events, errors, versions.
//!
//! Owns the JSON shapes and nothing else: no I/O, no clock, no policy. Everything is written
//! in the newest form (version 4); [`compat`] alone knows how version 3 differs.

#![warn(missing_docs)]

pub mod compat;
pub mod device;
pub mod error;
pub mod event;
pub mod frame;
pub mod handshake;
pub mod validation;
pub mod version;

pub use error::{Code, Error};
pub use version::Version;
