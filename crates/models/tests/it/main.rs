//! The models against the scripted server: what is sent, what comes back, what goes wrong.

#![expect(clippy::disallowed_methods, reason = "tests lay out files of their own")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be laid out fails")]

mod dialects;
mod failures;
mod fallback;
mod rig;
mod servers;
