//! `sessions.resolve`: which conversation a name means.

use std::sync::Arc;

use domain::{AgentId, SessionKey, session_key::Kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::SessionEntry;

use super::{Cx, Method, RpcError, sessions_list};

/// Conversations that are told when several may be meant.
const CANDIDATES_MAX: usize = 10;

/// Finds a conversation by key, session id, its beginning, or label.
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
    /// The beginning of a session id, or of the last part of a key.
    #[schemars(length(min = 1))]
    short_id: Option<String>,
    /// Part of a name; tells apart what is shortened alike.
    #[schemars(length(min = 1))]
    slug_hint: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[schemars(length(min = 1))]
    spawned_by: Option<String>,
    include_global: bool,
    include_unknown: bool,
    /// Whether finding nothing is an answer and no error.
    allow_missing: bool,
}

/// The conversation, or those that may be meant.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resolution {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<SessionKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<AgentId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Candidate>,
}

/// A conversation that may be meant.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    key: SessionKey,
    agent_id: AgentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

impl Resolution {
    /// The conversation, if there is one.
    pub(super) fn key(&self) -> Option<&SessionKey> {
        self.key.as_ref()
    }

    fn found(key: SessionKey) -> Self {
        Self { ok: true, agent_id: key.agent(), key: Some(key), candidates: Vec::new() }
    }

    fn open(candidates: Vec<Candidate>) -> Self {
        Self { ok: false, key: None, agent_id: None, candidates }
    }
}

impl Method for SessionsResolve {
    const NAME: &'static str = "sessions.resolve";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Resolution;

    async fn call(cx: Cx, params: Params) -> Result<Resolution, RpcError> {
        if let Some(short) = &params.short_id {
            let agent = params.agent_id.as_deref().map(AgentId::normalise);
            let found = by_short_id(&cx, short, (params.slug_hint.as_deref(), agent.as_ref()));
            if !found.ok && !params.allow_missing && found.candidates.is_empty() {
                return Err(not_found(short));
            }
            return Ok(found);
        }
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
            Ok(key) => Ok(Resolution::found(key)),
            Err(_) if params.allow_missing => Ok(Resolution::open(Vec::new())),
            Err(refused) => Err(refused),
        }
    }
}

/// Finds a conversation by the beginning of its session id, or of the last part of its key.
pub(super) fn by_short_id(
    cx: &Cx,
    short: &str,
    (hint, agent): (Option<&str>, Option<&AgentId>),
) -> Resolution {
    let mut found = sessions_list::all(&cx.gateway, agent.map(AgentId::as_str));
    found.retain(|(key, entry)| is_short_for(short, key, entry.session_id.as_str()));
    if let (Some(hint), true) = (hint, found.len() > 1) {
        let has_name = |entry: &SessionEntry| {
            let names = [&entry.label, &entry.display_name];
            names.into_iter().flatten().any(|name| slug(name).contains(&slug(hint)))
        };
        if found.iter().any(|(_, entry)| has_name(entry)) {
            found.retain(|(_, entry)| has_name(entry));
        }
    }
    if let [(key, _)] = found.as_slice() {
        return Resolution::found(key.clone());
    }
    let owner = |key: &SessionKey| {
        key.agent().unwrap_or_else(|| cx.gateway.config().agents.default.clone())
    };
    let candidates = found.into_iter().take(CANDIDATES_MAX).map(|(key, entry)| Candidate {
        agent_id: owner(&key),
        display_name: entry.display_name.clone().or_else(|| entry.label.clone()),
        key,
    });
    Resolution::open(candidates.collect())
}

fn is_short_for(short: &str, key: &SessionKey, session_id: &str) -> bool {
    let plain = |text: &str| text.replace('-', "").to_lowercase();
    let short = plain(short);
    let last = key.as_str().rsplit(':').next().unwrap_or_default();
    !short.is_empty() && [session_id, last].iter().any(|name| plain(name).starts_with(&short))
}

/// A name as addresses have it.
fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_are_beginnings_of_ids() {
        let key = SessionKey::stored("agent:main:dashboard:0A1b2c3d-4e5f");
        let id = "8429a08b-03d1-496e-9c6b-71c88428d91b";

        for short in ["8429a08b", "8429A08B03d1", "0a1b2c3d", "0a1b2c3d4"] {
            assert!(is_short_for(short, &key, id), "{short}");
        }
        for other in ["", "-", "429a", "agent", "dashboard"] {
            assert!(!is_short_for(other, &key, id), "{other}");
        }
        assert_eq!(slug("Fix: the Café’s door!"), "fix-the-café-s-door");
    }
}
