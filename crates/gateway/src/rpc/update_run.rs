//! `update.run`: a program that is an image, or was built, does not replace itself; this says how
//! to.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError};

/// Says how to update.
pub(super) struct UpdateRun;

/// All of it is about an update that is carried out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[serde(rename = "sessionKey")]
    _session_key: Option<String>,
    #[serde(rename = "deliveryContext")]
    _delivery_context: Option<Value>,
    #[serde(rename = "note")]
    _note: Option<String>,
    #[serde(rename = "continuationMessage")]
    _continuation_message: Option<String>,
    #[serde(rename = "restartDelayMs")]
    _restart_delay_ms: Option<u64>,
    #[serde(rename = "timeoutMs")]
    #[schemars(range(min = 1))]
    _timeout_ms: Option<u64>,
    #[serde(rename = "target")]
    _target: Option<Value>,
}

/// Nothing was done, and why.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    result: Outcome,
    restart: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    status: &'static str,
    mode: &'static str,
    reason: &'static str,
    steps: [(); 0],
    duration_ms: u64,
}

impl Method for UpdateRun {
    const NAME: &'static str = "update.run";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        let (mode, reason) = if cx.gateway.identity.is_contained {
            (
                "container",
                "a container is updated from outside: build or pull the new image, then \
                 `docker compose up -d`",
            )
        } else {
            ("unknown", "this program was built here: get the new sources, then `make run`")
        };
        let result = Outcome { status: "skipped", mode, reason, steps: [], duration_ms: 0 };
        Ok(Reply { ok: false, result, restart: None })
    }
}
