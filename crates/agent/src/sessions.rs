//! The hub: the one door by which turns enter.

use std::{sync::Arc, time::Duration};

use config::Config;
use domain::{Clock, Content, SessionId, SessionKey, TurnId};
use store::Store;
use tokio::sync::{mpsc, watch};

use crate::{Event, Outcome};

/// What the hub is made of.
pub struct Parts {
    /// Configuration, as it changes.
    pub config: watch::Receiver<Arc<Config>>,
    /// All of the disk.
    pub store: Store,
    /// Model APIs.
    pub models: models::Models,
    /// Machines for tools.
    pub backend: Arc<dyn sandbox::Backend>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Takes turns in. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    hub: Arc<Hub>,
}

struct Hub {}

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
    /// It was `/stop`: these turns were stopped, and no turn was made.
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
    /// Too many messages wait in this conversation (queue drop `new`).
    #[error("too many queued messages")]
    QueueFull,
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

impl Sessions {
    /// Starts the hub. Events arrive on the receiver: bounded; when it is full, text deltas
    /// are merged into the next one and everything else waits.
    pub fn start(parts: Parts) -> (Self, mpsc::Receiver<Event>) {
        let (_events, inbox) = mpsc::channel(1024);
        let _ = parts;
        (Self { hub: Arc::new(Hub {}) }, inbox)
    }

    /// Puts a message into its conversation's queue.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, SubmitError> {
        let _ = (submission, &self.hub);
        Err(SubmitError::Closing)
    }

    /// Stops the named turn, or all turns of the conversation, and empties its queue.
    pub async fn abort(&self, session: &SessionKey, turn: Option<&TurnId>) -> Aborted {
        let _ = (session, turn);
        Aborted::Turns(Vec::new())
    }

    /// Waits at most `patience` for a turn to end. Ended turns are remembered for 10 minutes.
    pub async fn wait(&self, turn: &TurnId, patience: Duration) -> Lookup {
        let _ = (turn, patience);
        Lookup::Pending
    }

    /// Puts a message of the assistant into a conversation without asking a model.
    /// `Ok(None)` when there is no such conversation. Gives the new line's id.
    pub async fn inject(
        &self,
        session: &SessionKey,
        text: &str,
    ) -> Result<Option<domain::EntryId>, SubmitError> {
        let _ = (session, text);
        Ok(None)
    }

    /// Stops what runs in a conversation and waits at most `patience` for it to be quiet, so
    /// that its files may be reset, deleted or compacted. False when it would not stop.
    pub async fn quiesce(&self, session: &SessionKey, patience: Duration) -> bool {
        let _ = (session, patience);
        true
    }

    /// Turns that run now.
    pub fn running(&self) -> Vec<(SessionKey, TurnId)> {
        Vec::new()
    }

    /// Refuses new turns, gives running ones `grace`, then stops them; returns when all is
    /// quiet and written.
    pub async fn close(&self, grace: Duration) {
        let _ = grace;
    }
}

#[doc(hidden)]
pub type _Unused = SessionId;
