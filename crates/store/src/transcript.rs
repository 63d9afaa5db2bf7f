//! One conversation's file, open for appending.

use std::sync::Arc;

use domain::{EntryId, Message, SessionId, transcript::Body};
use serde_json::value::RawValue;

use crate::StoreError;

/// What the model is to see of a conversation.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Messages, oldest first; every call has its result.
    pub messages: Vec<Arc<Message>>,
    /// The line each message comes from.
    pub entry_ids: Vec<EntryId>,
    /// Last chosen provider and model.
    pub model: Option<(String, String)>,
    /// Last chosen thinking level.
    pub thinking: Option<String>,
    /// Context size of the last model request on this path, in tokens.
    pub tokens: Option<u64>,
    /// Summary that stands for older messages; also the first of `messages`.
    pub summary: Option<String>,
}

/// An open conversation. One owner appends.
#[derive(Debug)]
pub struct Transcript {
    id: SessionId,
    context: Context,
}

impl Transcript {
    /// What the model is to see.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Adds lines at the end, with one write.
    #[expect(clippy::unused_async, reason = "contract")]
    pub async fn append(&mut self, bodies: Vec<Body>) -> Result<Vec<EntryId>, StoreError> {
        drop(bodies);
        Err(StoreError::Closed)
    }

    /// The session id.
    pub fn id(&self) -> &SessionId {
        &self.id
    }
}

/// The newest messages of a transcript, in file order.
#[derive(Debug, Default)]
pub struct Tail {
    /// Oldest first.
    pub messages: Vec<TailMessage>,
    /// Whether older messages were left out.
    pub truncated: bool,
}

/// One message as the file has it.
#[derive(Debug)]
pub struct TailMessage {
    /// Its line; absent in files of version 1.
    pub id: Option<EntryId>,
    /// When the line was written, ISO 8601.
    pub timestamp: Option<String>,
    /// The `message` field.
    pub message: Box<RawValue>,
}
