//! The seam between the loop and a model API.

use std::{sync::Arc, time::Duration};

use domain::{Assistant, CallId, Messages, ToolSpec};
use futures_util::stream::BoxStream;

/// Streams one reply of a model. Dropping the stream aborts the request.
pub trait Provider: Send + Sync {
    /// Sends `request`. The stream ends after [`Delta::Done`] or after the first error.
    fn stream(&self, request: Request) -> BoxStream<'static, Result<Delta, ModelError>>;
}

/// One request to a model.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which model, and how to reach it.
    pub model: Arc<Model>,
    /// System prompt. Stable text first, so that provider caches hold it.
    pub system: Arc<str>,
    /// The conversation, as it is stored.
    pub messages: Messages,
    /// Tools on offer.
    pub tools: Arc<[ToolSpec]>,
    /// How much the model may think.
    pub thinking: Thinking,
    /// Stable id of the conversation, for cache routing at the provider.
    pub cache_key: String,
    /// Longest text of one tool result, in bytes; longer ones are cut in the middle.
    pub result_bytes_max: Option<usize>,
}

/// A model, resolved from config, catalogue and credentials.
#[derive(Clone, Debug)]
pub struct Model {
    /// Provider id, such as `anthropic`.
    pub provider: String,
    /// Model id at the provider.
    pub id: String,
    /// Human name.
    pub name: String,
    /// Wire dialect.
    pub api: config::Api,
    /// Context window in tokens.
    pub context_tokens: u64,
    /// Most tokens it may write per reply.
    pub output_tokens_max: u64,
    /// Whether it can think before it answers.
    pub reasoning: bool,
    /// Whether it takes images.
    pub images: bool,
    /// Dollars per million tokens.
    pub prices: domain::usage::Prices,
}

/// How much a model may think.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thinking {
    /// Not at all.
    #[default]
    Off,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// All it can.
    XHigh,
}

/// A piece of a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// A candidate of [`crate::Models::stream_with_fallback`] begins; what follows is its.
    Model {
        /// Provider id.
        provider: String,
        /// Model id.
        model: String,
    },
    /// More text.
    Text(String),
    /// More thinking.
    Thinking(String),
    /// All text so far was thinking, as only its end shows with some models.
    TextWasThinking,
    /// A tool call began; its arguments are still coming.
    CallStarted {
        /// Id of the call.
        id: CallId,
        /// Tool name.
        name: String,
    },
    /// The whole reply, with usage and stop reason. Always the last item of a good stream.
    Done(Box<Assistant>),
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[error("{provider}/{model}: {text}")]
pub struct ModelError {
    /// What sort of failure, which decides retry and fallback.
    pub kind: ErrorKind,
    /// Provider id.
    pub provider: String,
    /// Model id.
    pub model: String,
    /// What happened, safe to show: no key, no header.
    pub text: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// What sort of failure (`spec: agent-runtime` §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Bad or missing key: 401, 403.
    Auth,
    /// Out of credit: 402.
    Billing,
    /// Too many requests or overload: 429, 529.
    RateLimit,
    /// Nothing came in time, or the connection broke.
    Timeout,
    /// The provider failed: 5xx.
    Server,
    /// The request was refused as malformed: 400.
    Format,
    /// The conversation does not fit.
    ContextOverflow,
    /// The answer could not be understood, or said nothing.
    Garbage,
    /// The answer was larger, or took longer, than any reply may.
    TooLarge,
}

impl ErrorKind {
    /// The reason as clients and `usageStats` know it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::RateLimit => "rate_limit",
            Self::Timeout => "timeout",
            Self::Format => "format",
            Self::Server | Self::ContextOverflow | Self::Garbage | Self::TooLarge => "unknown",
        }
    }
}
