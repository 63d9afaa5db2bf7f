//! `system-presence`: who is there, as a bare list.

use domain::Scope;
use protocol::event::PresenceEntry;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cx, Kind, Method, RpcError};

pub(crate) struct SystemPresence;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {}

impl Method for SystemPresence {
    const NAME: &'static str = "system-presence";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Vec<PresenceEntry>;

    async fn call(cx: Cx, _: Params) -> Result<Self::Reply, RpcError> {
        Ok(cx.gateway.roster.list(cx.gateway.clock.now()))
    }
}
