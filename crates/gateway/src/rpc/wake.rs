//! `wake`: has the agent look at something, now or with its next heartbeat or message.

use domain::{AgentId, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

/// Wakes an agent.
pub(super) struct Wake;

/// By what, and when.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    mode: Mode,
    text: String,
    session_key: Option<String>,
    agent_id: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Now,
    NextHeartbeat,
}

/// Whether there was something to look at.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
}

impl Method for Wake {
    const NAME: &'static str = "wake";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let text = params.text.trim();
        if text.is_empty() {
            return Ok(Reply { ok: false });
        }
        let agent = params.agent_id.as_deref().map(AgentId::normalise);
        let key = params.session_key.as_deref().unwrap_or("main");
        let session = gateway.session_key(key, agent.as_ref());
        let config = gateway.config();
        let owner = session.agent().unwrap_or_else(|| config.agents.default.clone());
        if config.agents.get(&owner).is_none() {
            return Err(RpcError::invalid(format!("unknown agent id \"{owner}\"")));
        }
        gateway.sessions.notify(&session, text.to_owned())?;
        match params.mode {
            Mode::NextHeartbeat => {}
            Mode::Now => gateway.heartbeats.wake(owner, session),
        }
        Ok(Reply { ok: true })
    }
}
