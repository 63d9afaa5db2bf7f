//! `device.pair.remove`: forgets a device, and ends its connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::{Cx, Kind, Method, RpcError};

/// Removes a device. It has to be approved anew.
pub(super) struct DevicePairRemove;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    device_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    device_id: String,
}

impl Method for DevicePairRemove {
    const NAME: &'static str = "device.pair.remove";
    const SCOPE: domain::Scope = domain::Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { device_id }: Params) -> Result<Reply, RpcError> {
        let devices = &cx.gateway.devices;
        devices.change(|book, _| book.remove(&device_id)).await?;
        info!(device = device_id, "device removed");
        devices.drop_clients(&device_id, "client invalidated: device removed", |_| true);
        Ok(Reply { device_id })
    }
}
