//! What tools need of the world above them, as small traits it implements.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

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

/// Other machines that commands may run on. Implemented by `gateway`, which knows them.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// Runs a command on a node and gives what it brought. `heard` is told of pieces of it while
    /// it runs, if the node tells them. Dropping the future stops the command.
    ///
    /// # Errors
    ///
    /// A text for the model: no such node, not connected, the node refused, no answer in time.
    async fn run(&self, job: NodeJob, heard: Heard) -> Result<NodeOutput, String>;
}

/// Hears what a command writes while it runs. Must not wait for anything.
pub type Heard = Arc<dyn Fn(&str) + Send + Sync>;

/// A command for a node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeJob {
    /// Id or name of the node; `None` is the only one that can run commands.
    pub node: Option<String>,
    /// Shell command line.
    pub command: String,
    /// Directory to run it in.
    pub workdir: Option<String>,
    /// Variables to add.
    pub env: BTreeMap<String, String>,
    /// When it is killed.
    pub timeout: Duration,
    /// The conversation that wants it.
    pub session: SessionKey,
    /// What a person said to it, if one was asked.
    pub decision: Option<&'static str>,
}

/// What a command on a node brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeOutput {
    /// The node.
    pub node: String,
    /// What it wrote.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// Its exit status; `None` when it had none.
    pub exit_code: Option<i64>,
    /// Whether it was killed for its time.
    pub timed_out: bool,
    /// What went wrong on the node.
    pub error: Option<String>,
}
