//! What of a chat completion request is heeded; all else is passed over.

use serde::Deserialize;
use serde_json::Value;

/// A request.
#[derive(Deserialize)]
pub(super) struct ChatRequest {
    /// Whom to ask; see `target`.
    #[serde(default, deserialize_with = "crate::http::lenient::name")]
    pub(super) model: Option<String>,
    /// The conversation so far. Items that make no sense are passed over.
    #[serde(default)]
    pub(super) messages: Value,
    /// Whether the answer comes in pieces.
    #[serde(default, deserialize_with = "crate::http::lenient::flag")]
    pub(super) stream: Option<bool>,
    /// More about that.
    #[serde(default)]
    pub(super) stream_options: Value,
    /// Names a stable conversation.
    #[serde(default, deserialize_with = "crate::http::lenient::name")]
    pub(super) user: Option<String>,
    /// Tools that the client runs.
    #[serde(default)]
    pub(super) tools: Value,
    /// Which of them may or must be called.
    #[serde(default)]
    pub(super) tool_choice: Value,
    /// Most tokens of a reply, under its old name.
    #[serde(default, deserialize_with = "crate::http::lenient::limit")]
    pub(super) max_tokens: Option<u64>,
    /// Most tokens of a reply.
    #[serde(default, deserialize_with = "crate::http::lenient::limit")]
    pub(super) max_completion_tokens: Option<u64>,
}

impl ChatRequest {
    /// Whether the last piece of a streamed answer tells the tokens.
    pub(super) fn wants_usage(&self) -> bool {
        matches!(&self.stream_options["include_usage"], Value::Bool(true))
            || self.stream_options["include_usage"] == "true"
    }
}
