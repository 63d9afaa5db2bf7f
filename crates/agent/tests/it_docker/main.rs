//! Turns whose tools run in containers of a real engine.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise and lays files out"
)]

mod rig;
mod skills;
