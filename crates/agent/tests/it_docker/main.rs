//! Turns whose tools run in containers of a real engine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, lays files out and clears its containers away"
)]

mod rig;
mod skills;
