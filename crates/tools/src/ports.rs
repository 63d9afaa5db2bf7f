//! What tools need of the world above them, as small traits it implements.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{AgentId, SessionKey, TurnId};
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

/// Other conversations, to write to and to start. Implemented by `agent`, which runs them; who
/// may do what is asked there, of `policy`.
#[async_trait]
pub trait Peers: Send + Sync {
    /// The agents that `sender` may start.
    async fn agents(&self, sender: &SessionKey) -> Startable;

    /// Puts a message into another conversation and waits for its answer as long as the letter
    /// says. Dropping the future ends the wait, not what was begun.
    async fn send(&self, sender: &SessionKey, letter: Letter) -> Sent;

    /// Starts a sub-agent and returns at once. What it brings is told to `sender` when it ends.
    async fn spawn(&self, sender: &SessionKey, errand: Errand) -> Spawned;
}

/// The agents that a session may start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Startable {
    /// Whether it may start any.
    pub any: bool,
    /// Its own agent first.
    pub agents: Vec<StartableAgent>,
}

/// An agent that may be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartableAgent {
    /// Its id.
    pub id: AgentId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Whether the config has it.
    pub is_configured: bool,
}

/// Whom a letter is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// A session key or a session id.
    Session(String),
    /// A session by its label, of a certain agent or of any.
    Label {
        /// The label.
        label: String,
        /// The agent.
        agent: Option<String>,
    },
}

/// A message for another conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Whom it is for.
    pub to: Addressee,
    /// What it says.
    pub text: String,
    /// How long to wait for the answer; zero is not at all.
    pub patience: Duration,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// See [`SendStatus`].
    pub status: SendStatus,
    /// The turn that it began, or that a refused one would have begun.
    pub turn: TurnId,
    /// The conversation that has it.
    pub session: Option<SessionKey>,
    /// The answer.
    pub reply: Option<String>,
    /// What went wrong, or is worth knowing.
    pub note: Option<String>,
    /// Whether the other conversation goes on with it, and tells its people in the end.
    pub goes_on: bool,
}

/// How far a letter got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendStatus {
    /// It was answered.
    Ok,
    /// It was delivered, and nobody waits for the answer.
    Accepted,
    /// It was delivered; the answer did not come in time.
    Timeout,
    /// It was not delivered, or its turn failed.
    Error,
    /// It may not be.
    Forbidden,
}

impl SendStatus {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Accepted => "accepted",
            Self::Timeout => "timeout",
            Self::Error => "error",
            Self::Forbidden => "forbidden",
        }
    }
}

/// What a sub-agent is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The task.
    pub task: String,
    /// A name for its session.
    pub label: Option<String>,
    /// Which agent it is to be; `None` is the sender's own.
    pub agent: Option<String>,
    /// Its model.
    pub model: Option<String>,
    /// Its thinking level.
    pub thinking: Option<String>,
    /// Longest turn; zero is without end.
    pub timeout: Option<Duration>,
    /// What becomes of its session.
    pub cleanup: Cleanup,
}

/// What becomes of a sub-agent's session once its result was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cleanup {
    /// It stays for a while, and is then put away.
    #[default]
    Keep,
    /// It is put away at once.
    Delete,
}

/// What became of an errand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spawned {
    /// The sub-agent works on it.
    Accepted {
        /// Its session.
        session: SessionKey,
        /// Its turn.
        turn: TurnId,
        /// Whether it has the model that was asked for; `None` when none was.
        has_model: Option<bool>,
        /// What was done otherwise than asked.
        warning: Option<String>,
    },
    /// It may not be started: why.
    Forbidden(String),
    /// It could not be started: why.
    Failed(String),
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
