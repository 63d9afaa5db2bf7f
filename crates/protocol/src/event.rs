//! Payloads of events, in the newest form.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Events that this server sends, as advertised to version 4.
pub const NAMES: [&str; 17] = [
    "connect.challenge",
    "agent",
    "chat",
    "presence",
    "tick",
    "shutdown",
    "health",
    "heartbeat",
    "sessions.changed",
    "session.message",
    "device.pair.requested",
    "device.pair.resolved",
    "exec.approval.requested",
    "exec.approval.resolved",
    "node.pair.requested",
    "node.pair.resolved",
    "node.invoke.request",
];

/// Payload of `tick`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Tick {
    /// Now.
    pub ts: i64,
}

/// Payload of `device.pair.resolved`.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PairResolved<'a> {
    /// The request.
    pub request_id: &'a str,
    /// The device that made it.
    pub device_id: &'a str,
    /// `approved` or `rejected`.
    pub decision: &'static str,
    /// When.
    pub ts: i64,
}

/// Payload of `shutdown`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shutdown {
    /// Why.
    pub reason: String,
    /// When it should be back; absent when it will not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart_expected_ms: Option<u64>,
}

/// Payload of `presence`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Presence {
    /// Newest first.
    pub presence: Vec<PresenceEntry>,
}

/// Someone who is there, or was lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names are those of the connect params")]
pub struct PresenceEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_family: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_input_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    pub ts: i64,
}

/// Payload of `health`, also the answer of method `health`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Always true: whoever can answer is well.
    pub ok: bool,
    /// When it was looked at.
    pub ts: i64,
    /// How long looking took.
    pub duration_ms: u64,
    /// Channels by id.
    pub channels: BTreeMap<String, Value>,
    /// Their order.
    pub channel_order: Vec<String>,
    /// Their names.
    pub channel_labels: BTreeMap<String, String>,
    /// Heartbeat interval of the default agent; 0 is off.
    pub heartbeat_seconds: u64,
    /// The default agent.
    pub default_agent_id: String,
    /// All agents.
    pub agents: Vec<AgentHealth>,
    /// Conversations of the default agent.
    pub sessions: SessionsHealth,
    /// What is wrong with the config file and was left out at the start. Ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub config_problems: Vec<ConfigProblem>,
}

/// One thing that is wrong with the config file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigProblem {
    /// Dotted path of the key.
    pub path: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// One agent in [`Health`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentHealth {
    /// Its id.
    pub agent_id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is the default one.
    pub is_default: bool,
    /// Its heartbeat.
    pub heartbeat: HeartbeatHealth,
    /// Its conversations.
    pub sessions: SessionsHealth,
}

/// A heartbeat in [`Health`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeartbeatHealth {
    /// Whether it beats.
    pub enabled: bool,
    /// Its interval as written.
    pub every: String,
    /// Its interval; null is off.
    pub every_ms: Option<u64>,
    /// What the agent is asked; empty while there is nothing to ask.
    #[serde(default)]
    pub prompt: String,
    /// Where its words go; `none` is nowhere.
    #[serde(default)]
    pub target: String,
    /// Longest answer that counts as "nothing to say", in characters.
    #[serde(default)]
    pub ack_max_chars: u64,
}

/// Conversations in [`Health`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionsHealth {
    /// Where their index is.
    pub path: String,
    /// How many there are.
    pub count: usize,
    /// The newest few.
    pub recent: Vec<RecentSession>,
}

/// A conversation in [`Health`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentSession {
    /// Its key.
    pub key: String,
    /// When something last happened.
    pub updated_at: Option<i64>,
    /// How long ago, in milliseconds.
    pub age: Option<u64>,
}

/// Payload of `agent`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// The turn.
    pub run_id: Arc<str>,
    /// Which stream: `lifecycle`, `assistant`, `tool`, …
    pub stream: &'static str,
    /// What happened.
    pub data: AgentData,
    /// The conversation.
    pub session_key: Arc<str>,
    /// The conversation's file.
    pub session_id: Arc<str>,
    /// The agent.
    pub agent_id: Arc<str>,
    /// Counts from 1 in each turn.
    pub seq: u64,
    /// When.
    pub ts: i64,
    /// Whether nobody asked for this turn.
    pub is_heartbeat: bool,
}

/// What happened, by stream.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum AgentData {
    /// Stream `assistant`.
    #[serde(rename_all = "camelCase")]
    Text {
        /// All text of this reply so far.
        text: Arc<str>,
        /// What is new.
        delta: String,
        /// Names the reply.
        item_id: String,
    },
    /// Every other stream.
    Other(Value),
}

/// Payload of `chat`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// The turn.
    pub run_id: Arc<str>,
    /// The conversation.
    pub session_key: Arc<str>,
    /// The agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<Arc<str>>,
    /// That of the agent event that caused it.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub state: ChatState,
}

/// What happened in a chat.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum ChatState {
    /// The turn came a step further.
    Status {
        /// `starting_model` and others.
        phase: &'static str,
    },
    /// More text.
    Delta {
        /// What is new since the last delta on this connection.
        #[serde(skip_serializing_if = "Option::is_none")]
        delta_text: Option<String>,
        /// Whether `message` starts anew instead of going on.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        replace: bool,
        /// The whole text so far.
        message: ChatMessage,
    },
    /// The turn is done.
    Final {
        /// Why the model stopped.
        #[serde(skip_serializing_if = "Option::is_none")]
        stop_reason: Option<&'static str>,
        /// The whole text; absent when there was none.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<ChatMessage>,
    },
    /// The turn was stopped.
    Aborted {
        /// `rpc`, `stop`, `timeout` or `shutdown`.
        stop_reason: &'static str,
        /// What there was so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<ChatMessage>,
    },
    /// The turn failed.
    Error {
        /// For a person.
        error_message: String,
        /// `refusal`, `timeout`, `rate_limit`, `context_length` or `unknown`.
        #[serde(skip_serializing_if = "Option::is_none")]
        error_kind: Option<&'static str>,
    },
}

/// A reply as a chat shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChatMessage {
    role: &'static str,
    content: [ChatText; 1],
    /// When it was said.
    pub timestamp: i64,
    /// Present when no model said it.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub injected: Option<Injected>,
}

#[derive(Clone, Debug, Serialize)]
struct ChatText {
    r#type: &'static str,
    text: Arc<str>,
}

/// Marks of a reply that no model said.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "constants of the wire")]
pub struct Injected {
    pub stop_reason: &'static str,
    pub usage: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'static str>,
}

impl ChatMessage {
    /// A reply of the assistant.
    pub fn new(text: impl Into<Arc<str>>, timestamp: i64) -> Self {
        let content = [ChatText { r#type: "text", text: text.into() }];
        Self { role: "assistant", content, timestamp, injected: None }
    }

    /// The same, marked as said by no model.
    #[must_use]
    pub fn injected(mut self) -> Self {
        self.injected = Some(Injected {
            stop_reason: "stop",
            usage: serde_json::to_value(domain::Usage::default()).unwrap_or_default(),
            api: Some("openai-responses"),
            provider: Some("openclaw"),
            model: Some("gateway-injected"),
        });
        self
    }
}
