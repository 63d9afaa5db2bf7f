//! Model APIs: own wire types, streaming, retry and fallback.
//!
//! Knows no tool beyond its [`domain::ToolSpec`], no session and no transcript file.

#![warn(missing_docs)]

pub mod provider;

pub use provider::{Delta, ErrorKind, Model, ModelError, Provider, Request, Thinking};

/// All model APIs, resolved by reference. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Models {}
