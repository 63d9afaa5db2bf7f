//! `device.scopes.requestUpgrade`: a device asks to be allowed more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

/// Asks for more scopes. `device.scopes.waitUpgrade` tells what became of it.
pub(super) struct DeviceScopesRequestUpgrade;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1, max = 8))]
    scopes: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    request_id: String,
}

impl Method for DeviceScopesRequestUpgrade {
    const NAME: &'static str = "device.scopes.requestUpgrade";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { scopes }: Params) -> Result<Reply, RpcError> {
        let principal = &cx.caller.principal;
        let Some(device) = &principal.device else {
            return Err(RpcError::invalid("only a paired device can ask for scopes"));
        };
        if scopes.iter().any(|scope| domain::Scope::parse(scope).is_none()) {
            return Err(RpcError::invalid("unknown scope"));
        }
        let request_id = cx
            .gateway
            .devices
            .ask_for_scopes(device.as_str(), principal.role.as_str(), &scopes)
            .ok_or_else(|| RpcError::invalid("only a paired device can ask for scopes"))?;
        Ok(Reply { request_id })
    }
}
