//! `sandbox.recreate`: removes sandboxes, so that their next use makes them anew.

use agent::sandboxes::{self, Selector};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::{Cx, Method, RpcError, error};

/// Removes sandboxes. Ours.
pub(super) struct SandboxRecreate;

/// Which ones: exactly one of these.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct Params {
    all: bool,
    /// Scope key, as `sandbox.list` tells it.
    #[schemars(length(min = 1))]
    session_key: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
}

/// What became of them, by container name.
#[derive(Serialize)]
pub(super) struct Reply {
    removed: Vec<String>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    container_name: String,
    error: String,
}

impl Params {
    fn selector(self) -> Result<Selector, RpcError> {
        let session = self.session_key.map(Selector::Session);
        let agent = self.agent_id.map(Selector::Agent);
        let mut chosen = [self.all.then_some(Selector::All), session, agent].into_iter().flatten();
        match (chosen.next(), chosen.next()) {
            (Some(selector), None) => Ok(selector),
            (None, _) | (Some(_), Some(_)) => {
                Err(RpcError::invalid("give one of all, sessionKey and agentId"))
            }
        }
    }
}

impl Method for SandboxRecreate {
    const NAME: &'static str = "sandbox.recreate";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let selector = params.selector()?;
        let (config, engines) = (cx.gateway.config(), &cx.gateway.sandboxes);
        let mut rows = sandboxes::list(&config, engines)
            .await
            .map_err(|error| RpcError::internal("cannot read the list of sandboxes", &error))?;
        rows.retain(|row| selector.means(&row.entry.session_key));
        let mut reply = Reply { removed: Vec::new(), failed: Vec::new() };
        for row in rows {
            let outcome = sandboxes::remove(&config, engines, &row).await;
            let container_name = row.entry.container_name;
            match outcome {
                Ok(()) => {
                    info!(container = container_name, "sandbox removed");
                    reply.removed.push(container_name);
                }
                Err(cause) => {
                    let error = error::chain(&cause);
                    warn!(container = container_name, error, "sandbox not removed");
                    reply.failed.push(Failed { container_name, error });
                }
            }
        }
        Ok(reply)
    }
}
