//! What happens in a turn, as told to whoever watches. Nobody waits for a watcher.

use std::{sync::Arc, time::Duration};

use domain::{AgentId, Call, CallId, CallResult, SessionId, SessionKey, TurnId, UnixMillis, Usage};
use models::{ErrorKind, ModelError};
use serde_json::Value;

/// One thing that happened in a turn.
#[derive(Clone, Debug)]
pub struct Event {
    /// The turn.
    pub turn: TurnId,
    /// Its conversation.
    pub session: SessionKey,
    /// The conversation's file.
    pub session_id: SessionId,
    /// Its agent.
    pub agent: AgentId,
    /// Counts from 1 in each turn, without gaps.
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// The conversation's verbose level: `off`, `on` or `full`.
    pub verbose: Arc<str>,
    /// Whether the turn is a heartbeat, which nobody asked for.
    pub is_heartbeat: bool,
    /// What.
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventBody {
    /// The turn left the queue.
    Started,
    /// A model was asked.
    Model {
        /// Provider id.
        provider: String,
        /// Model id.
        model: String,
    },
    /// The model wrote text.
    Text {
        /// All text of this reply so far.
        so_far: Arc<str>,
        /// What is new.
        delta: String,
    },
    /// The model thought.
    Thinking {
        /// What is new.
        delta: String,
    },
    /// A tool call begins.
    CallStarted {
        /// The call.
        id: CallId,
        /// Tool name.
        name: String,
        /// Its arguments.
        arguments: Arc<Value>,
    },
    /// A tool call has brought something.
    CallProgress {
        /// The call.
        id: CallId,
        /// Tool name.
        name: String,
        /// All it brought so far.
        so_far: Arc<CallResult>,
    },
    /// A tool call ended.
    CallEnded(CallEnd),
    /// One model request is paid for.
    Usage(Usage),
    /// The conversation is being shortened (`true`) or was (`false`).
    Compaction {
        /// Whether it begins.
        begins: bool,
    },
    /// The turn is over. Always the last event of a turn.
    Ended(Arc<Outcome>),
}

/// The end of a tool call.
#[derive(Clone, Debug)]
pub struct CallEnd {
    /// The call.
    pub id: CallId,
    /// Tool name.
    pub name: String,
    /// One line that says what the call was about.
    pub summary: String,
    /// What it brought.
    pub result: Arc<CallResult>,
    /// The rule by which it was refused; `None` when it ran, or could not be understood.
    pub refused_by: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// How a turn went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The turn.
    pub turn: TurnId,
    /// Its conversation.
    pub session: SessionKey,
    /// The conversation's file.
    pub session_id: SessionId,
    /// Its agent.
    pub agent: AgentId,
    /// Why it ended.
    pub stop: Stop,
    /// Texts for the person, one per model reply that had any; silent replies left out.
    pub texts: Vec<String>,
    /// Provider id of the last reply; empty when there was none.
    pub provider: String,
    /// Model id of the last reply; empty when there was none.
    pub model: String,
    /// Sum over all model requests of the turn.
    pub usage: Usage,
    /// Calls of the asker's own tools, which the asker is to run.
    pub handed_over: Vec<Call>,
    /// Whether the last reply reached the limit of its length.
    pub is_cut_short: bool,
    /// The model server's answer that ended the turn, if it was one.
    pub refusal: Option<Refusal>,
    /// When it left the queue.
    pub started: UnixMillis,
    /// When it ended.
    pub ended: UnixMillis,
}

/// How a model server refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status that it answered with, or the one that says the same of what it said.
    pub status: u16,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// That of a failed request.
    pub(crate) fn of(error: &ModelError) -> Self {
        let status = error.status.filter(|status| *status >= 400).unwrap_or(match error.kind {
            ErrorKind::Auth => 401,
            ErrorKind::Billing => 402,
            ErrorKind::RateLimit => 429,
            ErrorKind::Timeout => 504,
            ErrorKind::Format | ErrorKind::ContextOverflow => 400,
            ErrorKind::Server | ErrorKind::Garbage | ErrorKind::TooLarge => 502,
        });
        Self { status, retry_after: error.retry_after }
    }
}

impl Outcome {
    /// The texts, joined by blank lines.
    pub fn text(&self) -> String {
        self.texts.join("\n\n")
    }
}

/// Why a turn ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    Done,
    /// A person stopped it: `rpc` or `stop`.
    Aborted {
        /// `rpc`, `stop`, `timeout` or `shutdown`.
        reason: &'static str,
    },
    /// It failed.
    Failed {
        /// `refusal`, `timeout`, `rate_limit`, `context_length` or `unknown`.
        kind: &'static str,
        /// What to show: no secrets.
        error: String,
    },
}
