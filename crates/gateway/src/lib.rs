//! The server: one port, WebSocket and HTTP.
//!
//! Assembles the crates below into a running gateway ([`App::start`]) and speaks `protocol` to
//! clients. Takes turns in by `agent::Sessions` and tells what happens in them; decides nothing
//! about models, tools or files itself.

pub mod agents;
mod app;
mod approvals;
mod audit;
mod auth;
mod bind;
mod conn;
mod dedupe;
mod devices;
mod events;
mod fetch;
mod handshake;
mod health;
mod heartbeats;
mod http;
mod lifecycle;
mod metrics;
mod nodes;
mod origin;
mod pairing;
mod presence;
mod readers;
mod remote;
mod rpc;
mod state;
mod usage;
mod wizards;

pub use app::{App, Asked, Options, Overrides, Running, StartError, VERSION};
pub use rpc::{method_schemas, skill_row, turn_result, writing_methods};
