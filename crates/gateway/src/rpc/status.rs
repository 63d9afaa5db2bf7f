//! `status`: heartbeat, channels and conversations at a glance.

use std::sync::Arc;

use domain::{AgentId, Scope, SessionKey, UnixMillis};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::SessionEntry;

use super::{Cx, Kind, Method, RpcError};
use crate::{app::VERSION, state::Gateway};

/// Conversations shown, over all agents and of each.
const RECENT_MAX: usize = 10;
/// Largest percentage shown.
const PERCENT_MAX: u64 = 999;

pub(crate) struct Status;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    runtime_version: &'static str,
    heartbeat: Heartbeats,
    channel_summary: Vec<String>,
    queued_system_events: Vec<String>,
    sessions: Sessions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeats {
    default_agent_id: String,
    agents: Vec<Heartbeat>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Heartbeat {
    agent_id: String,
    enabled: bool,
    every: String,
    every_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sessions {
    paths: Vec<String>,
    count: usize,
    defaults: Defaults,
    recent: Vec<Row>,
    by_agent: Vec<OfAgent>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Defaults {
    model: Option<String>,
    context_tokens: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfAgent {
    agent_id: String,
    path: String,
    count: usize,
    recent: Vec<Row>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    agent_id: String,
    key: SessionKey,
    kind: domain::session_key::Kind,
    session_id: domain::SessionId,
    updated_at: UnixMillis,
    age: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbose_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    elevated_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_sent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aborted_last_run: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    remaining_tokens: Option<u64>,
    percent_used: Option<u64>,
    model: Option<String>,
    context_tokens: Option<u64>,
    flags: Vec<String>,
}

impl Method for Status {
    const NAME: &'static str = "status";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        Ok(reply(&cx.gateway))
    }
}

/// Looks at everything. Also what `openclaw status` shows.
pub(crate) fn reply(gateway: &Gateway) -> Reply {
    let config = gateway.config();
    let now = gateway.clock.now();
    let defaults = gateway.default_model(&config.agents.default);
    let context = defaults.as_ref().map(|model| model.context_tokens);
    let mut all = Vec::new();
    let mut by_agent = Vec::new();
    for agent in &config.agents.list {
        let index = gateway.store.sessions(&agent.id);
        let mut entries = index.list();
        entries.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.updated_at));
        let count = entries.len();
        let recent: Vec<Row> = entries
            .iter()
            .take(RECENT_MAX)
            .map(|(key, entry)| row(&agent.id, key, entry, (context, now)))
            .collect();
        all.extend(recent.iter().cloned());
        by_agent.push(OfAgent {
            agent_id: agent.id.to_string(),
            path: index.path(),
            count,
            recent,
        });
    }
    all.sort_by_key(|row| std::cmp::Reverse(row.updated_at));
    all.truncate(RECENT_MAX);
    Reply {
        runtime_version: VERSION,
        heartbeat: heartbeats(&config),
        channel_summary: Vec::new(),
        queued_system_events: gateway.sessions.notes(&gateway.session_key("main", None)),
        sessions: Sessions {
            paths: by_agent.iter().map(|agent| agent.path.clone()).collect(),
            count: by_agent.iter().map(|agent| agent.count).sum(),
            defaults: Defaults {
                model: defaults.map(|model| model.id.clone()),
                context_tokens: context,
            },
            recent: all,
            by_agent,
        },
    }
}

fn heartbeats(config: &config::Config) -> Heartbeats {
    let agents = config.agents.list.iter().map(|agent| Heartbeat {
        agent_id: agent.id.to_string(),
        enabled: agent.heartbeat.runs && agent.heartbeat_every.is_some(),
        every: agent.heartbeat_every_text.clone(),
        every_ms: agent.heartbeat_every.and_then(|every| u64::try_from(every.as_millis()).ok()),
    });
    Heartbeats { default_agent_id: config.agents.default.to_string(), agents: agents.collect() }
}

fn row(
    agent: &AgentId,
    key: &SessionKey,
    entry: &Arc<SessionEntry>,
    (context, now): (Option<u64>, UnixMillis),
) -> Row {
    let context_tokens = entry.context_tokens.or(context);
    let used = entry.total_tokens;
    let both = used.zip(context_tokens.filter(|tokens| *tokens > 0));
    let mut flags = Vec::new();
    let mut level = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            flags.push(format!("{name}:{value}"));
        }
    };
    level("think", &entry.thinking_level);
    level("verbose", &entry.verbose_level);
    level("reasoning", &entry.reasoning_level);
    level("elevated", &entry.elevated_level);
    if entry.aborted_last_run == Some(true) {
        flags.push("aborted".to_owned());
    }
    flags.push(format!("id:{}", entry.session_id));
    Row {
        agent_id: agent.to_string(),
        key: key.clone(),
        kind: key.kind(),
        session_id: entry.session_id.clone(),
        updated_at: entry.updated_at,
        age: now.since(entry.updated_at),
        thinking_level: entry.thinking_level.clone(),
        verbose_level: entry.verbose_level.clone(),
        reasoning_level: entry.reasoning_level.clone(),
        elevated_level: entry.elevated_level.clone(),
        system_sent: entry.system_sent,
        aborted_last_run: entry.aborted_last_run,
        input_tokens: entry.input_tokens,
        output_tokens: entry.output_tokens,
        total_tokens: used,
        remaining_tokens: both.map(|(used, of)| of.saturating_sub(used)),
        percent_used: both.map(|(used, of)| (used * 100 / of).min(PERCENT_MAX)),
        model: entry.model.clone(),
        context_tokens,
        flags,
    }
}
