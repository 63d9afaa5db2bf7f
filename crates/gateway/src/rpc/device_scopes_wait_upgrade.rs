//! `device.scopes.waitUpgrade`: waits until a device's request for scopes is answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};
use crate::pairing::Fate;

/// Waits for the answer to a request, at most as long as the request lives.
pub(super) struct DeviceScopesWaitUpgrade;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    request_id: String,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Reply {
    Approved { request_id: String, device_token: String, scopes: Vec<String> },
    Rejected { request_id: String },
    Expired { request_id: String },
}

impl Method for DeviceScopesWaitUpgrade {
    const NAME: &'static str = "device.scopes.waitUpgrade";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { request_id }: Params) -> Result<Reply, RpcError> {
        let (devices, principal) = (&cx.gateway.devices, &cx.caller.principal);
        let unknown = || RpcError::invalid("unknown requestId");
        let device = principal.device.as_ref().ok_or_else(unknown)?.as_str();
        match devices.fate(&request_id, device).await.ok_or_else(unknown)? {
            Fate::Approved { scopes } => {
                let role = principal.role.as_str();
                let token = devices.token(device, role, &scopes).ok_or_else(unknown)?;
                Ok(Reply::Approved { request_id, device_token: token.token, scopes: token.scopes })
            }
            Fate::Rejected => Ok(Reply::Rejected { request_id }),
            Fate::Expired => Ok(Reply::Expired { request_id }),
        }
    }
}
