//! `sandbox.list`: the sandboxes there are, and what they use right now.

use agent::sandboxes::{self, Listed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Method, RpcError};

/// Lists sandboxes. Ours: the payload is that of `openclaw sandbox list --json`, with load.
pub(super) struct SandboxList;

/// What to tell.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Params {
    /// Whether processor and memory of those that run are measured, which takes a moment.
    stats: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self { stats: true }
    }
}

/// The sandboxes. Browsers are none of this build's making.
#[derive(Serialize)]
pub(super) struct Reply {
    containers: Vec<Listed>,
    browsers: Vec<Listed>,
    /// Started containers that wait for a session.
    spares: usize,
}

impl Method for SandboxList {
    const NAME: &'static str = "sandbox.list";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let (config, engines) = (cx.gateway.config(), &cx.gateway.sandboxes);
        let mut containers = sandboxes::list(&config, engines)
            .await
            .map_err(|error| RpcError::internal("cannot read the list of sandboxes", &error))?;
        if params.stats {
            sandboxes::measure(&config, engines, &mut containers).await;
        }
        Ok(Reply { containers, browsers: Vec::new(), spares: sandboxes::spares(engines) })
    }
}
