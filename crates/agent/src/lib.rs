//! The loop: sessions, turns, dispatch. Knows no transport.
//!
//! Every turn enters by [`Sessions::submit`]; what happens is told as [`Event`]s on one
//! bounded queue that the caller of [`Sessions::start`] reads.

#![warn(missing_docs)]

pub mod event;
pub mod sessions;

pub use event::{CallEnd, Event, EventBody, Outcome, Stop};
pub use sessions::{Aborted, Lookup, Parts, Sessions, Submission, SubmitError, Submitted};
