//! `update.status`: whether there is a newer version.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError};

/// Tells what is known: the gateway asks nobody, so nothing.
pub(super) struct UpdateStatus;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(rename = "refreshCheckout")]
    _refresh_checkout: Option<bool>,
}

/// What is known.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    sentinel: Option<Value>,
    update_available: Option<Value>,
    effective_channel: &'static str,
    schedule: Schedule,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Schedule {
    channel: &'static str,
    auto_enabled: bool,
}

impl Method for UpdateStatus {
    const NAME: &'static str = "update.status";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(_: Cx, _: Params) -> Result<Reply, RpcError> {
        Ok(Reply {
            sentinel: None,
            update_available: None,
            effective_channel: "stable",
            schedule: Schedule { channel: "stable", auto_enabled: false },
        })
    }
}
