//! `device.token.rotate`: puts a new token in the place of a device's old one.

use protocol::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{Cx, Kind, Method, RpcError, device_row};
use crate::{auth::Proof, devices};

/// Rotates a token. Connections that came by the old one end, but for the one that asks.
pub(super) struct DeviceTokenRotate;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    device_id: String,
    #[schemars(length(min = 1))]
    role: String,
    #[serde(default)]
    scopes: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    device_id: String,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    scopes: Vec<String>,
    rotated_at_ms: i64,
    /// Version 4 tells others than the device nothing: it gets its token when it next connects.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_delivery: Option<&'static str>,
}

impl Method for DeviceTokenRotate {
    const NAME: &'static str = "device.token.rotate";
    const SCOPE: domain::Scope = domain::Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let Params { device_id, role, scopes } = params;
        device_row::role(&role)?;
        let (devices, caller) = (&cx.gateway.devices, &cx.caller);
        let fresh = devices::fresh_token();
        let held = &caller.principal.scopes;
        let token = devices
            .change(|book, now| {
                book.rotate(&device_id, (&role, scopes.as_deref()), (&fresh, held), now)
            })
            .await?;
        info!(device = device_id, role, "device token rotated");
        devices.drop_clients(&device_id, "client invalidated: device token rotated", |it| {
            it.conn != caller.conn
                && it.principal.proof == Proof::DeviceToken
                && it.principal.role.as_str() == role
        });
        let is_own = caller.principal.is_device(&device_id);
        let (value, token_delivery) = match caller.version {
            Version::V3 => (Some(token.token), None),
            Version::V4 if is_own => (Some(token.token), Some("in-band")),
            Version::V4 => (None, Some("withheld-cross-device")),
        };
        Ok(Reply {
            device_id,
            role,
            token: value,
            scopes: token.scopes,
            rotated_at_ms: token.rotated_at_ms.unwrap_or(token.created_at_ms).0,
            token_delivery,
        })
    }
}
