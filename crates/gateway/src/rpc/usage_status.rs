//! `usage.status`: what providers say is left of a subscription.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

/// Tells what is left. Keys that are paid by use have no such limits, so nobody is listed.
pub(super) struct UsageStatus;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

/// Providers with a subscription.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    updated_at: i64,
    providers: [(); 0],
}

impl Method for UsageStatus {
    const NAME: &'static str = "usage.status";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        Ok(Reply { updated_at: cx.gateway.clock.now().0, providers: [] })
    }
}
