//! `sandbox.explain`: where a session's tools run, which they are, and why.

use agent::sandboxes::{self, Shelf};
use policy::explain::{Report, Subject};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cx, Method, RpcError};

/// Explains a session's sandbox. Ours: the payload is that of `openclaw sandbox explain`.
pub(super) struct SandboxExplain;

/// Which session; an agent's main one when only the agent is named.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    session_key: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
}

impl Method for SandboxExplain {
    const NAME: &'static str = "sandbox.explain";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Report;

    async fn call(cx: Cx, params: Params) -> Result<Report, RpcError> {
        let config = cx.gateway.config();
        let (agent, session) = (params.agent_id.as_deref(), params.session_key.as_deref());
        let subject = Subject::find(&config, agent, session);
        let entry = cx.gateway.store.sessions(&subject.agent).get(&subject.key(&config));
        let channel = entry.and_then(|entry| entry.last_channel.clone());
        let found = cx.gateway.sessions.skills(&subject.agent).await;
        let shelf = Shelf { found: &found, state_dir: &cx.gateway.locations.state_dir };
        sandboxes::explain(&config, &cx.gateway.sandboxes, &subject, channel, shelf)
            .await
            .ok_or_else(|| RpcError::invalid(format!("no such agent: {}", subject.agent)))
    }
}
