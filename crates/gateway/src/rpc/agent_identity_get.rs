//! `agent.identity.get`: how an agent presents itself.

use domain::AgentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Method, RpcError};

const NAME_DEFAULT: &str = "Assistant";
const AVATAR_DEFAULT: &str = "A";

/// Tells how an agent presents itself.
pub(super) struct AgentIdentityGet;

/// Which agent; the default one when nothing is given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
    session_key: Option<String>,
}

/// How it presents itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    agent_id: AgentId,
    name: String,
    name_source: &'static str,
    avatar: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<String>,
}

impl Method for AgentIdentityGet {
    const NAME: &'static str = "agent.identity.get";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let config = cx.gateway.config();
        let wanted = params.agent_id.as_deref().map(AgentId::normalise);
        let of_session = params
            .session_key
            .as_deref()
            .map(str::trim)
            .filter(|key| !key.is_empty())
            .map(|key| cx.gateway.session_key(key, wanted.as_ref()))
            .and_then(|key| key.agent());
        if let (Some(wanted), Some(other)) = (&wanted, &of_session)
            && wanted != other
        {
            let text = format!(
                "invalid agent.identity.get params: agent \"{wanted}\" does not match session key \
                 agent \"{other}\""
            );
            return Err(RpcError::invalid(text));
        }
        let id = wanted.or(of_session).unwrap_or_else(|| config.agents.default.clone());
        let agent = config.agents.get(&id);
        let identity = agent.map(|it| it.identity.clone()).unwrap_or_default();
        let (name, name_source) = match (identity.name, agent.and_then(|it| it.name.clone())) {
            (Some(name), _) => (name, "config"),
            (None, Some(name)) => (name, "agent"),
            (None, None) => (NAME_DEFAULT.to_owned(), "default"),
        };
        let avatar = identity.avatar.or_else(|| identity.emoji.clone());
        let avatar = avatar.unwrap_or_else(|| AVATAR_DEFAULT.to_owned());
        Ok(Reply { agent_id: id, name, name_source, avatar, emoji: identity.emoji })
    }
}
