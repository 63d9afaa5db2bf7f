//! What tools need of the world above them, as small traits it implements.

use async_trait::async_trait;
use domain::SessionKey;
use serde_json::Value;

/// A look at conversations. Implemented by `agent`, which knows the live ones.
#[async_trait]
pub trait Conversations: Send + Sync {
    /// Rows as `sessions_list` shows them (`spec: tools` §9), newest first.
    async fn list(&self, viewer: &SessionKey) -> Vec<Value>;

    /// Messages of a conversation, oldest first, at most `limit` of the newest; `None` when
    /// the viewer knows no such conversation. `name` is a session key or a session id.
    async fn history(&self, viewer: &SessionKey, name: &str, limit: usize) -> Option<History>;

    /// The status card of a conversation; sets its model first when `model` is given
    /// (`default` clears it). An error text when the model may not be chosen.
    async fn status(
        &self,
        viewer: &SessionKey,
        name: Option<&str>,
        model: Option<&str>,
    ) -> Result<Status, String>;
}

/// Messages of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Its key.
    pub key: SessionKey,
    /// Oldest first.
    pub messages: Vec<domain::Message>,
    /// Whether older ones were left out.
    pub truncated: bool,
}

/// Status of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Its key.
    pub key: SessionKey,
    /// Card for the model to read.
    pub text: String,
    /// Whether the model was changed.
    pub changed_model: bool,
}
