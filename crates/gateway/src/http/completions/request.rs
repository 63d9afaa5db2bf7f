//! What of a chat completion request is heeded; all else is passed over.

use serde::Deserialize;
use serde_json::Value;

/// A request.
#[derive(Deserialize)]
pub(super) struct ChatRequest {
    /// Whom to ask; see `target`.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// The conversation so far. Items that make no sense are passed over.
    #[serde(default)]
    pub(super) messages: Value,
    /// Whether the answer comes in pieces.
    #[serde(default)]
    pub(super) stream: Option<bool>,
    /// More about that.
    #[serde(default)]
    pub(super) stream_options: Option<StreamOptions>,
    /// Names a stable conversation.
    #[serde(default)]
    pub(super) user: Option<String>,
    /// Tools that the client runs.
    #[serde(default)]
    pub(super) tools: Value,
    /// Which of them may or must be called.
    #[serde(default)]
    pub(super) tool_choice: Value,
    /// Most tokens of a reply, under its old name.
    #[serde(default)]
    pub(super) max_tokens: Option<u64>,
    /// Most tokens of a reply.
    #[serde(default)]
    pub(super) max_completion_tokens: Option<u64>,
}

/// More about an answer in pieces.
#[derive(Deserialize)]
pub(super) struct StreamOptions {
    /// Whether the last piece tells the tokens.
    #[serde(default)]
    pub(super) include_usage: bool,
}
