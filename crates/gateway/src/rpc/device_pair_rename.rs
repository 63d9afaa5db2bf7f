//! `device.pair.rename`: gives a device a name for people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

/// Renames a device.
pub(super) struct DevicePairRename;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    device_id: String,
    #[schemars(length(min = 1, max = 64))]
    label: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    device_id: String,
    label: String,
}

impl Method for DevicePairRename {
    const NAME: &'static str = "device.pair.rename";
    const SCOPE: domain::Scope = domain::Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { device_id, label }: Params) -> Result<Reply, RpcError> {
        let label = label.trim().to_owned();
        if label.is_empty() {
            return Err(RpcError::invalid("label must not be blank"));
        }
        cx.gateway.devices.change(|book, _| book.rename(&device_id, &label)).await?;
        Ok(Reply { device_id, label })
    }
}
