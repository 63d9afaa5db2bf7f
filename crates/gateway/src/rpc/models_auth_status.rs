//! `models.authStatus`: which providers of models have a key, and where it comes from.

use std::collections::BTreeMap;

use domain::AgentId;
use domain::Scope;
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
    providers: Vec<Standing>,
    provider_capabilities: Vec<Capability>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    provider: String,
    auth_provider: String,
    display_name: String,
    /// `static` with a key, `missing` without one.
    status: &'static str,
    /// There are no logins, only keys.
    profiles: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<Source>,
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
        for (name, provider) in &config.models.providers {
            sources.insert(name.clone(), provider.api_key.as_ref().map(|_| "config"));
        }
        for model in cx.gateway.models.list(&config, agent) {
            if !config.models.providers.contains_key(&model.provider) {
                sources.insert(model.provider.clone(), Some("env"));
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
            providers: sources.into_iter().map(|(name, source)| provider(&name, source)).collect(),
        })
    }
}

fn provider(name: &str, source: Option<&'static str>) -> Standing {
    Standing {
        provider: name.to_owned(),
        auth_provider: name.to_owned(),
        display_name: name.to_owned(),
        status: if source.is_some() { "static" } else { "missing" },
        profiles: [],
        api_key: source.map(|source| Source { source }),
    }
}
