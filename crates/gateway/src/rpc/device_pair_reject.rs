//! `device.pair.reject`: turns a request down.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{Cx, Kind, Method, RpcError};

/// Rejects a request. The device may ask again.
pub(super) struct DevicePairReject;

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
    device_id: String,
}

impl Method for DevicePairReject {
    const NAME: &'static str = "device.pair.reject";
    const SCOPE: domain::Scope = domain::Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { request_id }: Params) -> Result<Reply, RpcError> {
        let devices = &cx.gateway.devices;
        let request = devices.change(|book, now| book.reject(&request_id, now)).await?;
        info!(request = request_id, device = request.device_id, "pairing rejected");
        devices.resolved(&request_id, &request.device_id, "rejected", cx.gateway.clock.now());
        Ok(Reply { request_id, device_id: request.device_id })
    }
}
