//! `device.pair.list`: requests that wait, and devices that were let in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::PendingDevice;

use super::{
    Cx, Kind, Method, RpcError,
    device_row::{DeviceRow, row},
};

/// Lists devices.
pub(super) struct DevicePairList;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

#[derive(Serialize)]
pub(super) struct Reply {
    pending: Vec<PendingDevice>,
    paired: Vec<DeviceRow>,
}

impl Method for DevicePairList {
    const NAME: &'static str = "device.pair.list";
    const SCOPE: domain::Scope = domain::Scope::Pairing;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        let (pending, paired) = cx.gateway.devices.list();
        let paired = paired.into_iter().map(|device| row(&cx.gateway, device)).collect();
        Ok(Reply { pending, paired })
    }
}
