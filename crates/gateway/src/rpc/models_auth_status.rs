//! `models.authStatus`: which providers of models have a key, and where it comes from.

use std::collections::BTreeMap;

use domain::{AgentId, Scope, UnixMillis};
use models::{ErrorKind, Of, Standing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct ModelsAuthStatus;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    /// Nothing is kept that could be old.
    #[serde(rename = "refresh")]
    _refresh: Option<bool>,
    agent_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ts: i64,
    providers: Vec<Row>,
    provider_capabilities: Vec<Capability>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    provider: String,
    auth_provider: String,
    display_name: String,
    /// `static` with a key, `missing` without one.
    status: &'static str,
    /// There are no logins, only keys.
    profiles: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<Source>,
    /// How its stored keys, and its models, fared so far. Ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    standings: Vec<Fared>,
}

/// How a stored key, or a model with the provider's key, fared.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fared {
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Its last success.
    #[serde(skip_serializing_if = "Option::is_none")]
    worked_at: Option<UnixMillis>,
    /// Not asked before then, after failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    cooldown_until: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl From<Standing> for Fared {
    fn from(standing: Standing) -> Self {
        let (profile_id, model) = match standing.of {
            Of::Profile(id) => (Some(id), None),
            Of::Model(model) => (None, Some(model)),
        };
        let it = standing.fared;
        Self {
            profile_id,
            model,
            worked_at: it.worked,
            cooldown_until: it.rests_until,
            reason: it.failure.map(ErrorKind::reason),
        }
    }
}

#[derive(Serialize)]
struct Source {
    source: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Capability {
    provider: String,
    api_key_supported: bool,
    quick_api_key_setup: bool,
}

impl Method for ModelsAuthStatus {
    const NAME: &'static str = "models.authStatus";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let config = cx.gateway.config();
        let named = params.agent_id.as_deref().filter(|id| !id.trim().is_empty());
        let id = named.map_or_else(|| config.agents.default.clone(), AgentId::normalise);
        let Some(agent) = config.agents.get(&id) else {
            return Err(RpcError::invalid(format!("unknown agent id \"{id}\"")));
        };
        let mut sources: BTreeMap<String, Option<&str>> = BTreeMap::new();
        let mut standings: BTreeMap<String, Vec<Fared>> = BTreeMap::new();
        for standing in cx.gateway.models.standings(&config, agent) {
            if matches!(standing.of, Of::Profile(_)) {
                sources.insert(standing.provider.clone(), Some("profile"));
            }
            standings.entry(standing.provider.clone()).or_default().push(standing.into());
        }
        for (name, provider) in &config.models.providers {
            let source = sources.entry(name.clone()).or_default();
            *source = source.or(provider.api_key.as_ref().map(|_| "config"));
        }
        for model in cx.gateway.models.list(&config, agent) {
            if !config.models.providers.contains_key(&model.provider) {
                sources.entry(model.provider.clone()).or_insert(Some("env"));
            }
        }
        let capability = |provider: &String| Capability {
            provider: provider.clone(),
            api_key_supported: true,
            quick_api_key_setup: false,
        };
        Ok(Reply {
            ts: cx.gateway.clock.now().0,
            provider_capabilities: sources.keys().map(capability).collect(),
            providers: sources
                .into_iter()
                .map(|(name, source)| {
                    let standings = standings.remove(&name).unwrap_or_default();
                    Row { standings, ..row(&name, source) }
                })
                .collect(),
        })
    }
}

fn row(name: &str, source: Option<&'static str>) -> Row {
    Row {
        provider: name.to_owned(),
        auth_provider: name.to_owned(),
        display_name: name.to_owned(),
        status: if source.is_some() { "static" } else { "missing" },
        profiles: [],
        api_key: source.map(|source| Source { source }),
        standings: Vec::new(),
    }
}
