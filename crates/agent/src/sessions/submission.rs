//! What the hub takes and what it answers: plain data.

use std::{sync::Arc, time::Duration};

use domain::{Content, SessionKey, ToolSpec, TurnId};

use crate::{Origin, Outcome};

/// A message for a conversation.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Names the turn; the same id twice is the same turn.
    pub turn: TurnId,
    /// The conversation.
    pub session: SessionKey,
    /// Text and images.
    pub content: Content,
    /// Where it came from: `webchat`, `cli`, `http`, a channel id.
    pub channel: String,
    /// Thinking level for this turn.
    pub thinking: Option<String>,
    /// Added to the system prompt of this turn.
    pub extra_system: Option<String>,
    /// Longest turn; `None`: the agent's. Zero is without end.
    pub timeout: Option<Duration>,
    /// Queue mode for this message; `None`: session, channel, config.
    pub queue: Option<config::QueueMode>,
    /// Tools of whoever asks. The model may call them, which ends the turn: the caller runs them
    /// and comes back with another message.
    pub client_tools: Arc<[ToolSpec]>,
    /// Most tokens per reply, below what the model can write.
    pub output_tokens_max: Option<u64>,
    /// Whether the sender may answer questions about commands (`/approve`).
    pub may_approve: bool,
    /// Who wrote it. Commands, and the choice of a queue mode, are for people.
    pub origin: Origin,
    /// The model of this turn; `None`: the conversation's, or else the agent's.
    pub model: Option<config::ModelRef>,
    /// Whether it is the clock that wakes the agent, or something that happened. Such a turn does
    /// not count as use of the conversation.
    pub is_heartbeat: bool,
    /// Whether it is kept on disk while it waits, since its sender counts on it once it is
    /// taken in, and does not wait for the reply at the other end of a connection.
    pub is_kept: bool,
}

impl Submission {
    /// A message with nothing special about it.
    pub fn of(turn: TurnId, session: SessionKey, content: Content) -> Self {
        Self {
            turn,
            session,
            content,
            channel: "webchat".to_owned(),
            thinking: None,
            extra_system: None,
            timeout: None,
            queue: None,
            client_tools: Arc::default(),
            output_tokens_max: None,
            may_approve: false,
            origin: Origin::Person,
            model: None,
            is_heartbeat: false,
            is_kept: false,
        }
    }
}

/// What became of a submission.
#[derive(Clone, Debug)]
pub enum Submitted {
    /// The turn runs or waits in the queue.
    Started,
    /// The same id was submitted before and is not over.
    InFlight,
    /// The same id was submitted before and is over.
    Done(Arc<Outcome>),
    /// It was `/stop`: these turns were stopped, sub-agents' too, and no turn was made.
    Stopped(Vec<TurnId>),
}

/// Why a submission was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// No text and no image.
    #[error("message or attachment required")]
    Empty,
    /// No such agent.
    #[error("unknown agent id \"{0}\"")]
    UnknownAgent(String),
    /// The gateway is stopping.
    #[error("gateway is shutting down")]
    Closing,
    /// A tool of whoever asks is called like one of ours.
    #[error("tool name \"{0}\" is taken by a tool of the agent")]
    ToolNameTaken(String),
    /// The conversation takes no messages (`session.sendPolicy`).
    #[error("send blocked by session policy")]
    Blocked,
    /// Too many messages wait in this conversation (queue drop `new`).
    #[error("too many queued messages")]
    QueueFull,
    /// The session's tools must run in a sandbox, and none can be had.
    #[error(
        "session `{0}` must run in a sandbox and this build has none; set \
         `agents.defaults.sandbox.mode` (or the agent's own) to \"off\" to run its tools on the host"
    )]
    NoSandbox(SessionKey),
    /// The conversation would not come to rest.
    #[error("session is still active")]
    Busy,
    /// The disk refused.
    #[error("cannot store the conversation")]
    Store(#[from] store::StoreError),
}

/// What was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aborted {
    /// These turns.
    Turns(Vec<TurnId>),
    /// The turn belongs to another conversation.
    OtherSession,
}

/// What is known of a turn.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// Nothing, or nothing within the patience.
    Pending,
    /// It is over.
    Done(Arc<Outcome>),
}

/// What becomes of the transcripts of a deleted conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transcripts {
    /// They stay where they are.
    Keep,
    /// They are renamed to `….deleted.<time>`.
    Archive,
}
