//! `models.list`: the models that may be chosen.

use std::sync::Arc;

use config::{Agent, Config, ModelRef};
use domain::AgentId;
use models::Model;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Method, RpcError, levels::ThinkingLevel};
use crate::state::Gateway;

/// Lists models.
pub(super) struct ModelsList;

/// For which agent. Every view is the same here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(rename = "view")]
    _view: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    #[serde(rename = "includeProviderCapabilities")]
    _include_provider_capabilities: Option<bool>,
    #[serde(rename = "preparedOnly")]
    _prepared_only: Option<bool>,
    #[serde(rename = "refresh")]
    _refresh: Option<bool>,
}

/// The models.
#[derive(Serialize)]
pub(super) struct Reply {
    models: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    id: String,
    name: String,
    provider: String,
    context_window: u64,
    reasoning: bool,
    input: Vec<&'static str>,
    tags: Vec<&'static str>,
    thinking_levels: Vec<ThinkingLevel>,
    thinking_default: &'static str,
    /// Whether there is a key, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<bool>,
}

impl Method for ModelsList {
    const NAME: &'static str = "models.list";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        Ok(Reply { models: of(&cx, params.agent_id.as_deref())? })
    }
}

/// The models of an agent, or of the default one.
pub(super) fn of(cx: &Cx, agent: Option<&str>) -> Result<Vec<Row>, RpcError> {
    let config = cx.gateway.config();
    let wanted = agent.map(AgentId::normalise);
    let id = wanted.unwrap_or_else(|| config.agents.default.clone());
    let Some(agent) = config.agents.get(&id) else {
        return Err(RpcError::invalid(format!("unknown agent id \"{id}\"")));
    };
    Ok(rows(&cx.gateway, &config, agent))
}

fn rows(gateway: &Gateway, config: &Config, agent: &Agent) -> Vec<Row> {
    let reachable = gateway.models.list(config, agent);
    let mut rows: Vec<Row> =
        reachable.iter().map(|model| row(model, config, agent, Some(true))).collect();
    let named = agent.catalogue.keys().map(|name| gateway.models.parse_ref(agent, name));
    for wanted in named.chain(agent.models.iter().cloned()) {
        let is_listed =
            rows.iter().any(|row| row.provider == wanted.provider && row.id == wanted.model);
        if is_listed {
            continue;
        }
        if let Ok(model) = gateway.models.resolve(config, agent, &wanted) {
            rows.push(row(&model, config, agent, None));
        }
    }
    rows
}

fn row(model: &Arc<Model>, config: &Config, agent: &Agent, available: Option<bool>) -> Row {
    let wanted = ModelRef { provider: model.provider.clone(), model: model.id.clone() };
    let mut tags = Vec::new();
    if agent.models.first() == Some(&wanted) {
        tags.push("default");
    }
    if config.models.providers.contains_key(&model.provider)
        || agent.catalogue.contains_key(&wanted.to_string())
    {
        tags.push("configured");
    }
    let (thinking_levels, thinking_default) = ThinkingLevel::of(Some(model));
    Row {
        id: model.id.clone(),
        name: model.name.clone(),
        provider: model.provider.clone(),
        context_window: model.context_tokens,
        reasoning: model.reasoning,
        input: if model.images { vec!["text", "image"] } else { vec!["text"] },
        tags,
        thinking_levels,
        thinking_default,
        available,
    }
}
