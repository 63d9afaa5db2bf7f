//! `device.token.revoke`: takes a device's token back, and ends its connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{Cx, Kind, Method, RpcError, device_row};

/// Revokes a token. The device stays paired: with the shared secret it gets a new one.
pub(super) struct DeviceTokenRevoke;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    device_id: String,
    #[schemars(length(min = 1))]
    role: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    device_id: String,
    role: String,
    revoked_at_ms: i64,
}

impl Method for DeviceTokenRevoke {
    const NAME: &'static str = "device.token.revoke";
    const SCOPE: domain::Scope = domain::Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { device_id, role }: Params) -> Result<Reply, RpcError> {
        device_row::role(&role)?;
        let devices = &cx.gateway.devices;
        let revoked = devices.change(|book, now| book.revoke(&device_id, &role, now)).await?;
        info!(device = device_id, role, "device token revoked");
        devices.drop_clients(&device_id, "client invalidated: device token revoked", |it| {
            it.principal.role.as_str() == role
        });
        Ok(Reply { device_id, role, revoked_at_ms: revoked.0 })
    }
}
