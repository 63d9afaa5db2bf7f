//! Machines for tools: the only way to a file or a process.
//!
//! *Host* is one more [`Backend`]; a container is another. What runs where is `policy`'s to
//! say. Knows no tool, no session and no config file.

#![warn(missing_docs)]

pub mod backend;
pub mod boxed;
pub mod docker;
pub mod host;
pub mod naming;
mod pool;
mod registry;
pub mod security;

pub use backend::{
    Backend, Chunk, Command, Exit, FileKind, Running, Sandbox, SandboxError, Size, Spec, Stat,
    Stdin,
};
pub use host::Host;
