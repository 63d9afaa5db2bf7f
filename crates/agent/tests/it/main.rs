//! The loop over real parts.

mod harness;
mod queueing;
mod turns;
