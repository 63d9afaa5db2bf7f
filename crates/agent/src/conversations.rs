//! The tools' look at conversations (`tools::ports::Conversations`).
//!
//! What a session may see of others: its own agent's conversations, other agents' only by
//! `tools.agentToAgent`, and from inside a sandbox only what `policy::sight` lets through.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use domain::{AgentId, Message, SessionKey, session_key::Kind};
use serde_json::{Value, json};
use store::SessionEntry;
use tools::ports::{Conversations, History, Status};

use crate::{io::Io, status};

/// Bytes of a transcript that one look reads at most.
const HISTORY_BYTES_MAX: usize = 1024 * 1024;

/// Looks conversations up in the store.
///
/// Tools are made before the handles they look through, hence the cell, which is filled once.
#[derive(Clone, Default)]
pub(crate) struct StoredConversations(Arc<OnceLock<std::sync::Weak<Io>>>);

impl StoredConversations {
    /// Gives it the handles.
    pub(crate) fn connect(&self, io: &Arc<Io>) {
        // Connected once, by the hub that made it.
        let _first = self.0.set(Arc::downgrade(io));
    }

    fn io(&self) -> Option<Arc<Io>> {
        self.0.get()?.upgrade()
    }
}

#[async_trait]
impl Conversations for StoredConversations {
    async fn list(&self, viewer: &SessionKey) -> Vec<Value> {
        let Some(io) = self.io() else { return Vec::new() };
        let mut rows: Vec<(i64, Value)> = Vec::new();
        for agent in visible_agents(&io, viewer) {
            for (key, entry) in io.store.sessions(&agent).list() {
                if is_visible(&io, viewer, &key, &entry) {
                    rows.push((entry.updated_at.0, row(&key, &entry)));
                }
            }
        }
        rows.sort_by_key(|(updated, _)| std::cmp::Reverse(*updated));
        rows.into_iter().map(|(_, row)| row).collect()
    }

    async fn history(&self, viewer: &SessionKey, name: &str, limit: usize) -> Option<History> {
        let io = self.io()?;
        let (key, agent, entry) = find(&io, viewer, name)?;
        let tail = io.store.sessions(&agent).tail(&entry, limit, HISTORY_BYTES_MAX).await;
        let tail = tail
            .inspect_err(|error| tracing::warn!(%error, %key, "cannot read a conversation"))
            .ok()?;
        let read = |raw: &str| serde_json::from_str::<Message>(raw).ok();
        let messages = tail.messages.iter().filter_map(|it| read(it.message.get())).collect();
        Some(History { key, messages, truncated: tail.truncated })
    }

    async fn status(
        &self,
        viewer: &SessionKey,
        name: Option<&str>,
        model: Option<&str>,
    ) -> Result<Status, String> {
        let io = self.io().ok_or("the gateway is stopping")?;
        let (key, agent) = match name {
            None => (viewer.clone(), viewer.agent().unwrap_or_else(AgentId::main)),
            Some(name) => find(&io, viewer, name)
                .map(|(key, agent, _)| (key, agent))
                .ok_or_else(|| format!("there is no session `{name}`"))?,
        };
        if let Some(model) = model {
            status::choose_model(&io, &key, &agent, model)
                .await
                .map_err(|error| error.to_string())??;
        }
        let text = status::card(&io, &key, &agent, false);
        Ok(Status { key, text, changed_model: model.is_some() })
    }
}

/// Whether the sandbox of `viewer` lets it see this conversation.
fn is_visible(io: &Io, viewer: &SessionKey, key: &SessionKey, entry: &SessionEntry) -> bool {
    let config = io.config();
    let own = viewer.agent().unwrap_or_else(|| config.agents.default.clone());
    config.agents.get(&own).is_some_and(|agent| {
        policy::sight::may_see(&config, agent, viewer, key, entry.spawned_by.as_deref())
    })
}

fn visible_agents(io: &Io, viewer: &SessionKey) -> Vec<AgentId> {
    let config = io.config();
    let own = viewer.agent().unwrap_or_else(|| config.agents.default.clone());
    let all = config.agents.list.iter().map(|agent| agent.id.clone());
    all.filter(|agent| *agent == own || may_see(&config.tools, &own, agent)).collect()
}

fn may_see(tools: &config::Tools, viewer: &AgentId, other: &AgentId) -> bool {
    let listed = |agent: &AgentId| {
        tools.agent_to_agent_allow.iter().any(|it| it == "*" || it == agent.as_str())
    };
    tools.agent_to_agent && listed(viewer) && listed(other)
}

fn find(
    io: &Io,
    viewer: &SessionKey,
    name: &str,
) -> Option<(SessionKey, AgentId, Arc<SessionEntry>)> {
    let config = io.config();
    let own = viewer.agent().unwrap_or_else(|| config.agents.default.clone());
    let key = SessionKey::canonical(name, &own, &config.session.main_key);
    for agent in visible_agents(io, viewer) {
        let sessions = io.store.sessions(&agent);
        if key.agent().is_none_or(|it| it == agent)
            && let Some(entry) = sessions.get(&key)
        {
            return is_visible(io, viewer, &key, &entry).then_some((key, agent, entry));
        }
        if let Some((key, entry)) = sessions.find(name) {
            return is_visible(io, viewer, &key, &entry).then_some((key, agent, entry));
        }
    }
    None
}

/// A row of `sessions_list` (`spec: tools` §9).
fn row(key: &SessionKey, entry: &SessionEntry) -> Value {
    let mut row = json!({
        "key": key,
        "kind": kind(key),
        "channel": entry.channel.as_ref().or(entry.last_channel.as_ref()),
        "label": entry.label,
        "displayName": entry.display_name,
        "deliveryContext": entry.delivery_context,
        "updatedAt": entry.updated_at,
        "sessionId": entry.session_id,
        "model": entry.model,
        "contextTokens": entry.context_tokens,
        "totalTokens": entry.total_tokens,
        "thinkingLevel": entry.thinking_level,
        "verboseLevel": entry.verbose_level,
        "systemSent": entry.system_sent,
        "abortedLastRun": entry.aborted_last_run,
        "sendPolicy": entry.send_policy,
        "lastChannel": entry.last_channel,
        "lastTo": entry.last_to,
        "lastAccountId": entry.last_account_id,
    });
    if let Value::Object(fields) = &mut row {
        fields.retain(|_, value| !value.is_null());
    }
    row
}

/// The kind of a conversation as `sessions_list` names it.
fn kind(key: &SessionKey) -> &'static str {
    let rest = key.rest();
    if rest == "main" || key.kind() == Kind::Global {
        "main"
    } else if key.kind() == Kind::Group {
        "group"
    } else if rest.starts_with("cron:") {
        "cron"
    } else if rest.starts_with("hook:") {
        "hook"
    } else if rest.starts_with("node-") {
        "node"
    } else {
        "other"
    }
}
