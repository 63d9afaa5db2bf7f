//! `last-heartbeat`: what the last heartbeat brought.

use domain::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cx, Kind, Method, RpcError};
use crate::heartbeats::Beat;

/// Tells it; `null` when there was none since the gateway began.
pub(super) struct LastHeartbeat;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

impl Method for LastHeartbeat {
    const NAME: &'static str = "last-heartbeat";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Option<Beat>;

    async fn call(cx: Cx, _: Params) -> Result<Self::Reply, RpcError> {
        Ok(cx.gateway.heartbeats.last())
    }
}
