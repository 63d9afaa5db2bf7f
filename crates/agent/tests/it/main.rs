//! The loop over real parts.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test stops at the first surprise, and looks at the files itself"
)]

mod harness;
mod letters;
mod queueing;
mod skills;
mod subagents;
mod turns;
