//! `node.invoke.result`: a node's answer to a call.

use domain::Scope;
use policy::scope::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError};
use crate::nodes::Outcome;

pub(super) struct NodeInvokeResult;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    id: String,
    #[schemars(length(min = 1))]
    node_id: String,
    ok: bool,
    payload: Option<Value>,
    #[serde(rename = "payloadJSON")]
    payload_json: Option<String>,
    error: Option<Failure>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Failure {
    code: Option<String>,
    message: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    /// Nobody waits for it any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignored: bool,
}

impl Method for NodeInvokeResult {
    const NAME: &'static str = "node.invoke.result";
    const SCOPE: Scope = Scope::Write;
    const ROLE: Role = Role::Node;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        if !cx.caller.principal.is_device(&params.node_id) {
            return Err(RpcError::invalid("nodeId mismatch"));
        }
        let outcome = if params.ok {
            let parsed =
                params.payload_json.as_deref().and_then(|text| serde_json::from_str(text).ok());
            let payload = params.payload.or(parsed).unwrap_or_default();
            Outcome::Done { payload, json: params.payload_json }
        } else {
            let failure = params.error.unwrap_or(Failure { code: None, message: None });
            Outcome::Failed {
                code: failure.code.unwrap_or_else(|| "UNAVAILABLE".to_owned()),
                message: failure.message.unwrap_or_else(|| "node command failed".to_owned()),
            }
        };
        let was_awaited = cx.gateway.nodes.answer(&cx.caller.conn, &params.id, &outcome);
        Ok(Reply { ok: true, ignored: !was_awaited })
    }
}
