//! `set-heartbeats`: switches heartbeats on or off until the gateway ends.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

/// Switches them.
pub(super) struct SetHeartbeats;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    enabled: bool,
}

#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    enabled: bool,
}

impl Method for SetHeartbeats {
    const NAME: &'static str = "set-heartbeats";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        cx.gateway.heartbeats.switch(params.enabled);
        Ok(Reply { ok: true, enabled: params.enabled })
    }
}
