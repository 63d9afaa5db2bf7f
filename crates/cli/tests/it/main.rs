//! The real program in a temporary home, with a cleared environment. One file per command.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::disallowed_methods, reason = "tests look at files and start processes")]

mod agent;
mod agents;
mod approvals;
mod config;
mod config_newer;
mod crash;
mod dashboard;
mod devices;
mod doctor;
mod faults;
mod gateway;
mod health;
mod help;
mod hostile;
mod kept;
mod limits;
mod logs;
mod modes;
mod node_service;
mod node_shim;
mod nodes;
mod onboard;
mod openai;
mod pains;
mod peers;
mod program;
mod pty;
mod reset;
mod sandbox;
mod sessions;
mod skills;
mod status;
mod subagents;
mod system;
mod terminal;
mod traces;
mod tui;
mod unconfigured;
mod wizard;
mod workspaces;
mod writes;
