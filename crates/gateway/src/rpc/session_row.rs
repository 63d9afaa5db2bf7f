//! One conversation as clients list it.

use std::sync::Arc;

use config::{Config, ModelRef};
use domain::{AgentId, Message, SessionId, SessionKey, TurnId, session_key::Kind};
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::SessionEntry;

use super::envelope;
use crate::state::Gateway;

/// Bytes of a transcript that are looked at for a title.
const TOLD_BYTES_MAX: usize = 256 * 1024;
/// Messages of a transcript that are looked at for a title.
const TOLD_MESSAGES_MAX: usize = 50;
const TITLE_CHARS_MAX: usize = 60;
const PREVIEW_CHARS_MAX: usize = 160;

/// Fields of an entry that clients see as they are.
const SHOWN: [&str; 24] = [
    "label",
    "channel",
    "subject",
    "groupChannel",
    "space",
    "chatType",
    "origin",
    "spawnedBy",
    "systemSent",
    "abortedLastRun",
    "thinkingLevel",
    "verboseLevel",
    "reasoningLevel",
    "elevatedLevel",
    "sendPolicy",
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "responseUsage",
    "contextTokens",
    "deliveryContext",
    "lastChannel",
    "lastTo",
    "lastAccountId",
];

/// One conversation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    key: SessionKey,
    kind: Kind,
    agent_id: AgentId,
    is_main: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    updated_at: i64,
    session_id: SessionId,
    has_active_run: bool,
    active_run_ids: Vec<TurnId>,
    #[serde(flatten)]
    shown: Map<String, Value>,
    model_provider: String,
    model: String,
    /// Taken from the first message, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) derived_title: Option<String>,
    /// The newest message, when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_message_preview: Option<String>,
}

/// What conversations without settings of their own use.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelDefaults {
    model_provider: String,
    model: String,
    context_tokens: u64,
}

/// Which model answers in a conversation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resolved {
    model_provider: String,
    model: String,
}

/// Makes rows, all from one look at the configuration and at what runs.
pub(crate) struct Rows<'a> {
    gateway: &'a Gateway,
    config: Arc<Config>,
    running: Vec<(SessionKey, TurnId)>,
}

/// What was said in a conversation.
#[derive(Default)]
pub(super) struct Told {
    /// The first text of a person, if it is near enough.
    first: Option<String>,
    /// The newest text.
    pub(super) last: Option<String>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(gateway: &'a Gateway) -> Self {
        Self { gateway, config: gateway.config(), running: gateway.sessions.running() }
    }

    /// The row of one conversation.
    pub(crate) fn row(&self, key: &SessionKey, entry: &SessionEntry) -> Row {
        let agent_id = key.agent().unwrap_or_else(|| self.config.agents.default.clone());
        let model = model_of(&self.config, &agent_id, Some(entry));
        let mut fields = match serde_json::to_value(entry) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => Map::new(),
        };
        fields.retain(|name, _| SHOWN.contains(&name.as_str()));
        if !fields.contains_key("contextTokens") {
            fields
                .insert("contextTokens".to_owned(), json!(self.context_tokens(&agent_id, &model)));
        }
        let origin = entry.origin.as_ref().and_then(|it| it.label.clone());
        let active_run_ids: Vec<TurnId> = self
            .running
            .iter()
            .filter(|(session, _)| session == key)
            .map(|(_, turn)| turn.clone())
            .collect();
        Row {
            key: key.clone(),
            kind: key.kind(),
            is_main: key.is_main(&self.config.session.main_key),
            agent_id,
            display_name: entry.display_name.clone().or_else(|| entry.label.clone()).or(origin),
            updated_at: entry.updated_at.0,
            session_id: entry.session_id.clone(),
            has_active_run: !active_run_ids.is_empty(),
            active_run_ids,
            shown: fields,
            model_provider: model.provider,
            model: model.model,
            derived_title: None,
            last_message_preview: None,
        }
    }

    /// What conversations of `agent` use without settings of their own.
    pub(super) fn defaults(&self, agent: &AgentId) -> ModelDefaults {
        let model = model_of(&self.config, agent, None);
        let context_tokens = self.context_tokens(agent, &model);
        ModelDefaults { model_provider: model.provider, model: model.model, context_tokens }
    }

    fn context_tokens(&self, agent: &AgentId, model: &ModelRef) -> u64 {
        self.config
            .agents
            .get(agent)
            .and_then(|agent| self.gateway.models.resolve(&self.config, agent, model).ok())
            .map_or(0, |known| known.context_tokens)
    }
}

impl Row {
    /// The same once `turn` is over, which it may not be in every list yet.
    pub(crate) fn after(mut self, turn: &TurnId) -> Self {
        self.active_run_ids.retain(|it| it != turn);
        self.has_active_run = !self.active_run_ids.is_empty();
        self
    }
}

/// Which model answers in a conversation.
pub(super) fn resolved(config: &Config, key: &SessionKey, entry: &SessionEntry) -> Resolved {
    let agent = key.agent().unwrap_or_else(|| config.agents.default.clone());
    let model = model_of(config, &agent, Some(entry));
    Resolved { model_provider: model.provider, model: model.model }
}

/// The model chosen for a conversation, or else the agent's.
pub(super) fn model_of(config: &Config, agent: &AgentId, entry: Option<&SessionEntry>) -> ModelRef {
    let own = config.agents.get(agent).and_then(|agent| agent.models.first()).cloned();
    let usual = own.unwrap_or_else(|| ModelRef { provider: String::new(), model: String::new() });
    match entry.and_then(|entry| entry.model_override.clone()) {
        Some(model) => ModelRef {
            provider: entry
                .and_then(|entry| entry.provider_override.clone())
                .unwrap_or(usual.provider),
            model,
        },
        None => usual,
    }
}

/// What was said in a conversation; nothing when it cannot be read.
pub(super) async fn told(gateway: &Gateway, key: &SessionKey, entry: &SessionEntry) -> Told {
    let sessions = gateway.sessions_of(key);
    let Ok(tail) = sessions.tail(entry, TOLD_MESSAGES_MAX, TOLD_BYTES_MAX).await else {
        return Told::default();
    };
    let mut told = Told::default();
    for line in &tail.messages {
        let Ok(message) = serde_json::from_str(line.message.get()) else { continue };
        let (text, is_person) = match message {
            Message::User(user) => (envelope::opened(&user.content.joined_text()).to_owned(), true),
            Message::Assistant(assistant) => (assistant.content.joined_text(), false),
            Message::ToolResult(_) | Message::BashExecution(_) => continue,
        };
        let text = one_line(&text);
        if text.is_empty() {
            continue;
        }
        if is_person && told.first.is_none() && !tail.truncated {
            told.first = Some(cut(&text, TITLE_CHARS_MAX));
        }
        told.last = Some(cut(&text, PREVIEW_CHARS_MAX));
    }
    told
}

/// A name for a conversation that nobody named.
pub(super) fn title(entry: &SessionEntry, told: &Told) -> String {
    let given = [&entry.display_name, &entry.subject, &told.first];
    given.into_iter().flatten().next().cloned().unwrap_or_else(|| {
        let id: String = entry.session_id.as_str().chars().take(8).collect();
        let date: String = entry.updated_at.to_iso().chars().take(10).collect();
        format!("{id} ({date})")
    })
}

/// At most `chars_max` characters, the cut marked.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_marked_and_counts_characters() {
        assert_eq!(cut("短い文", 3), "短い文");
        assert_eq!(cut("短い文です", 3), "短い…");
        assert_eq!(cut("", 3), "");
    }
}
