//! Model APIs: own wire types, streaming, retry and fallback.
//!
//! Knows no tool beyond its [`domain::ToolSpec`], no session and no transcript file.
//! One dialect is one file and one line in [`PROVIDERS`].

#![warn(missing_docs)]

mod anthropic;
mod bounds;
mod catalog;
mod credentials;
mod dialect;
mod draft;
mod endpoint;
mod fallback;
mod fault;
mod history;
pub mod http;
mod hub;
mod keyring;
mod lenient;
mod numbers;
mod openai_chat;
mod openai_responses;
pub mod provider;
mod quirks;
mod relay;
mod resolve;
mod retry;
mod server_time;
pub mod sse;
mod standing;
mod think_tags;

pub use fallback::{Candidates, Cooldowns, Fared};
pub use hub::{Limits, Models, Settings};
pub use provider::{Delta, ErrorKind, Model, ModelError, Provider, Request, Thinking};
pub use server_time::ServerTime;
pub use standing::{Of, Standing};

/// The dialects that are built.
const PROVIDERS: &[&dialect::Dialect] =
    &[&openai_chat::ENTRY, &openai_responses::ENTRY, &anthropic::ENTRY];
