//! The real program in a temporary home, with a cleared environment. One file per command.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "tests look at files and start processes")]

mod agent;
mod config;
mod crash;
mod faults;
mod gateway;
mod health;
mod help;
mod logs;
mod node_shim;
mod peers;
mod program;
mod sandbox;
mod sessions;
mod status;
mod traces;
mod unconfigured;
