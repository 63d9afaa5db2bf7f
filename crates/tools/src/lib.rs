//! What the model can do. Knows no model, no channel, no transport.
//!
//! A tool acts on files and processes through its [`ToolCx::sandbox`] alone; what it needs of
//! the world above comes by the traits of [`ports`]. Adding one is a file and a line in
//! [`builtin()`].

#![warn(missing_docs)]

mod agents_list;
mod apply_patch;
mod background;
mod builtin;
mod edit;
mod exec;
mod keys;
pub mod look;
mod names;
mod output;
mod patch;
mod path;
pub mod ports;
mod process;
mod read;
mod schema;
mod session_status;
mod sessions_history;
mod sessions_list;
mod sessions_send;
mod sessions_spawn;
mod signal;
pub mod tool;
mod typography;
mod write;

pub use background::{ExecEnded, Machine, Processes};
pub use builtin::{Deps, builtin};
pub use tool::{Limits, Prepared, Progress, Registry, Tool, ToolCx, ToolError, ToolOutput};
