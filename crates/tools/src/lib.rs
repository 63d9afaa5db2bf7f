//! What the model can do. Knows no model, no channel, no transport.

#![warn(missing_docs)]

pub mod ports;
mod schema;
pub mod tool;

pub use tool::{Limits, Prepared, Progress, Registry, Tool, ToolCx, ToolError, ToolOutput};
