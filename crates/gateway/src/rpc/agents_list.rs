//! `agents.list`: the agents and how they present themselves.

use config::{Agent, Config};
use domain::AgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Method, RpcError, levels::ThinkingLevel};
use crate::state::Gateway;

/// Lists agents.
pub(super) struct AgentsList;

/// Nothing to choose.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

/// The agents, in file order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    default_id: AgentId,
    main_key: String,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ownership: Option<&'static str>,
    selection_required: bool,
    agents: Vec<Row>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: AgentId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
    workspace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<Models>,
    thinking_levels: Vec<ThinkingLevel>,
    thinking_default: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    theme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

#[derive(Serialize)]
struct Models {
    primary: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fallbacks: Vec<String>,
}

impl Method for AgentsList {
    const NAME: &'static str = "agents.list";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        Ok(all(&cx.gateway))
    }
}

/// All agents.
pub(super) fn all(gateway: &Gateway) -> Reply {
    let config = gateway.config();
    let agents: Vec<Row> =
        config.agents.list.iter().map(|agent| row(gateway, &config, agent)).collect();
    Reply {
        default_id: config.agents.default.clone(),
        main_key: config.session.main_key.clone(),
        scope: if config.session.global_scope { "global" } else { "per-sender" },
        ownership: (agents.len() == 1).then_some("sole"),
        selection_required: false,
        agents,
    }
}

fn row(gateway: &Gateway, config: &Config, agent: &Agent) -> Row {
    let mut models = agent.models.iter().map(ToString::to_string);
    let primary = agent.models.first();
    let known = primary.and_then(|it| gateway.models.resolve(config, agent, it).ok());
    let (thinking_levels, thinking_default) = ThinkingLevel::of(known.as_deref());
    Row {
        id: agent.id.clone(),
        name: agent.name.clone(),
        identity: identity(&agent.identity),
        workspace: gateway.locations.shorten(&agent.workspace),
        model: models.next().map(|primary| Models { primary, fallbacks: models.collect() }),
        thinking_levels,
        thinking_default,
    }
}

fn identity(identity: &config::Identity) -> Option<Identity> {
    if *identity == config::Identity::default() {
        return None;
    }
    let is_url = |text: &&String| {
        ["http://", "https://", "data:image/"].iter().any(|start| text.starts_with(start))
    };
    Some(Identity {
        name: identity.name.clone(),
        theme: identity.theme.clone(),
        emoji: identity.emoji.clone(),
        avatar: identity.avatar.clone(),
        avatar_url: identity.avatar.as_ref().filter(is_url).cloned(),
    })
}
