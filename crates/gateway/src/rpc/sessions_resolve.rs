//! `sessions.resolve`: which conversation a name means.

use std::sync::Arc;

use domain::{AgentId, SessionKey, session_key::Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::SessionEntry;

use super::{Cx, Method, RpcError, sessions_list};

/// Finds a conversation by key, session id or label.
pub(super) struct SessionsResolve;

/// One name, and where to look.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: Option<String>,
    #[schemars(length(min = 1))]
    session_id: Option<String>,
    #[schemars(length(min = 1, max = 512))]
    label: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1))]
    spawned_by: Option<String>,
    include_global: bool,
    include_unknown: bool,
    /// Whether finding nothing is an answer and no error.
    allow_missing: bool,
}

/// The conversation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<SessionKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<AgentId>,
}

impl Method for SessionsResolve {
    const NAME: &'static str = "sessions.resolve";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let names = [&params.key, &params.session_id, &params.label];
        match names.into_iter().flatten().count() {
            0 => return Err(RpcError::invalid("Either key, sessionId, or label is required")),
            1 => {}
            _ => {
                let text = "Provide either key, sessionId, or label (not multiple)";
                return Err(RpcError::invalid(text));
            }
        }
        let found = match &params.key {
            Some(key) => by_key(&cx, key, &params),
            None => search(&cx, &params),
        };
        match found {
            Ok(key) => Ok(Reply { ok: true, agent_id: key.agent(), key: Some(key) }),
            Err(_) if params.allow_missing => Ok(Reply { ok: false, key: None, agent_id: None }),
            Err(refused) => Err(refused),
        }
    }
}

fn by_key(cx: &Cx, key: &str, params: &Params) -> Result<SessionKey, RpcError> {
    let agent = params.agent_id.as_deref().map(AgentId::normalise);
    let key = cx.gateway.session_key(key, agent.as_ref());
    let is_known = cx.gateway.sessions_of(&key).get(&key).is_some();
    if is_known { Ok(key) } else { Err(not_found(key.as_str())) }
}

fn search(cx: &Cx, params: &Params) -> Result<SessionKey, RpcError> {
    let is_meant = |key: &SessionKey, entry: &Arc<SessionEntry>| {
        let is_of_kind = match key.kind() {
            Kind::Global => params.include_global,
            Kind::Unknown => params.include_unknown,
            Kind::Direct | Kind::Group => true,
        };
        let is_named = match (&params.session_id, &params.label) {
            (Some(id), _) => entry.session_id.as_str() == id || key.as_str() == id,
            (None, label) => entry.label == *label,
        };
        let has_parent = params.spawned_by.is_none() || params.spawned_by == entry.spawned_by;
        is_of_kind && is_named && has_parent
    };
    let mut found = sessions_list::all(&cx.gateway, params.agent_id.as_deref());
    found.retain(|(key, entry)| is_meant(key, entry));
    let name = params.session_id.as_ref().or(params.label.as_ref()).cloned().unwrap_or_default();
    let mut keys: Vec<SessionKey> = found.into_iter().map(|(key, _)| key).collect();
    match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => Ok(key),
        (None, _) if params.label.is_some() => {
            Err(RpcError::invalid(format!("No session found with label: {name}")))
        }
        (None, _) => Err(not_found(&name)),
        (Some(last), false) => {
            let all: Vec<String> = keys.iter().chain([&last]).map(ToString::to_string).collect();
            let text =
                format!("Multiple sessions found with that name: {name} ({})", all.join(", "));
            Err(RpcError::invalid(text))
        }
    }
}

fn not_found(name: &str) -> RpcError {
    RpcError::invalid(format!("No session found: {name}"))
}
