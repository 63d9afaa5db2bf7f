//! `device.pair.approve`: lets the device of a request in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{
    Cx, Kind, Method, RpcError,
    device_row::{DeviceRow, row},
};

/// Approves a request. Nobody gives away scopes that they do not have.
pub(super) struct DevicePairApprove;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    request_id: String,
    device: DeviceRow,
}

impl Method for DevicePairApprove {
    const NAME: &'static str = "device.pair.approve";
    const SCOPE: domain::Scope = domain::Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { request_id }: Params) -> Result<Reply, RpcError> {
        let devices = &cx.gateway.devices;
        let held = &cx.caller.principal.scopes;
        let device = devices.change(|book, now| book.approve(&request_id, Some(held), now)).await?;
        info!(request = request_id, device = device.device_id, "pairing approved");
        devices.resolved(&request_id, &device.device_id, "approved", cx.gateway.clock.now());
        Ok(Reply { device: row(&cx.gateway, device), request_id })
    }
}
