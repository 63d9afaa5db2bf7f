//! The tools' look at conversations (`tools::ports::Conversations`).
//!
//! What a session may see of others is `policy::sight`'s to say.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use domain::{AgentId, Message, SessionKey, session_key::Kind};
use policy::sight::{Other, Viewer};
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
        for agent in agents(&io) {
            for (key, entry) in io.store.sessions(&agent).list() {
                if is_visible(&io, viewer, (&key, &entry)) {
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

/// Whether the tools of `viewer` see this conversation.
fn is_visible(io: &Io, viewer: &SessionKey, (key, entry): (&SessionKey, &SessionEntry)) -> bool {
    let config = io.config();
    let own = viewer.agent().unwrap_or_else(|| config.agents.default.clone());
    let agent = key.agent().unwrap_or_else(|| own.clone());
    let other = Other { session: key, agent: &agent, spawned_by: entry.spawned_by.as_deref() };
    config.agents.get(&own).is_some_and(|own| {
        let viewer = Viewer { config: &config, agent: own, session: viewer };
        policy::sight::hidden_by(&viewer, &other).is_none()
    })
}

fn agents(io: &Io) -> Vec<AgentId> {
    io.config().agents.list.iter().map(|agent| agent.id.clone()).collect()
}

fn find(
    io: &Io,
    viewer: &SessionKey,
    name: &str,
) -> Option<(SessionKey, AgentId, Arc<SessionEntry>)> {
    let found = look_up(io, viewer, name)?;
    is_visible(io, viewer, (&found.0, &found.2)).then_some(found)
}

/// The conversation of that key or session id, whoever may see it. Bare keys are the viewer's
/// own agent's.
pub(crate) fn look_up(
    io: &Io,
    viewer: &SessionKey,
    name: &str,
) -> Option<(SessionKey, AgentId, Arc<SessionEntry>)> {
    let config = io.config();
    let own = viewer.agent().unwrap_or_else(|| config.agents.default.clone());
    let key = SessionKey::canonical(name, &own, &config.session.main_key);
    let named = key.agent().unwrap_or(own);
    if config.agents.get(&named).is_some()
        && let Some(entry) = io.store.sessions(&named).get(&key)
    {
        return Some((key, named, entry));
    }
    agents(io).into_iter().find_map(|agent| {
        let (key, entry) = io.store.sessions(&agent).find(name.trim())?;
        Some((key, agent, entry))
    })
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
