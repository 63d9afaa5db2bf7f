//! How much a server may send, and for how long. What exceeds a bound ends the reply with
//! [`crate::ErrorKind::TooLarge`], which is final: the same request would bring the same.
//!
//! What else is bounded: error bodies (64 KiB are looked at), the answer's head (by the HTTP
//! library, about 400 KiB), waits that a server asks for (a minute), redirects (none is
//! followed), compression (none is accepted).

use std::time::Duration;

/// Most bytes of one event, and of a reply that is one JSON text.
pub(crate) const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most bytes of a reply: its text, thinking, arguments, ids, names and signatures together.
///
/// The largest replies that models can write have about 400,000 tokens.
pub(crate) const REPLY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Most bytes between two pieces of a reply: comments, pings, events that bring nothing.
pub(crate) const IDLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most calls in one reply.
pub(crate) const CALLS_MAX: usize = 128;

/// Most parts of one reply.
pub(crate) const BLOCKS_MAX: usize = 4096;

/// Deepest nesting of a call's arguments. Deeper ones stay text. A transcript line nests them
/// further, and JSON readers give up at 128.
pub(crate) const ARGUMENT_DEPTH_MAX: usize = 64;

/// Most values in a call's arguments. More stay text, since a value in memory takes many times
/// the bytes that it is written with.
pub(crate) const ARGUMENT_VALUES_MAX: usize = 65_536;

/// Longest id of a call, in bytes; a longer one is replaced.
pub(crate) const ID_BYTES_MAX: usize = 512;

/// Longest tool name of a call, in characters; a longer one is cut.
pub(crate) const NAME_CHARS_MAX: usize = 128;

/// Longest wait for the next piece of a reply while the server sends other bytes.
pub(crate) const PROGRESS_TIMEOUT: Duration = Duration::from_mins(10);

/// Longest time for one reply.
pub(crate) const REPLY_TIMEOUT: Duration = Duration::from_hours(1);

const _: () = assert!(REPLY_BYTES_MAX < EVENT_BYTES_MAX);
const _: () = assert!(PROGRESS_TIMEOUT.as_secs() < REPLY_TIMEOUT.as_secs());
