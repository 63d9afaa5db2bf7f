//! `node.invoke`: calls a command of a node and waits for its answer.

use std::{sync::Arc, time::Duration};

use domain::Scope;
use protocol::{Code, Error, Version, frame::EventText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Cx, Kind, Method, RpcError, node_list};
use crate::{
    events::Slow,
    nodes::{self, Invocation, Listener, Outcome},
};

/// How long to wait when the client does not say, and at most.
const PATIENCE_MS: u64 = 30_000;
const PATIENCE_MS_MAX: u64 = 60 * 60_000;
/// What only an operator who may answer questions may claim about a command.
const CLAIMS: [&str; 3] = ["approved", "approvalDecision", "runId"];

pub(super) struct NodeInvoke;

#[derive(Deserialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those of the wire")]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    /// Id or name.
    #[schemars(length(min = 1))]
    node_id: String,
    #[schemars(length(min = 1))]
    command: String,
    params: Option<Value>,
    timeout_ms: Option<u64>,
    #[schemars(length(min = 1))]
    idempotency_key: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    node_id: String,
    command: String,
    pub(super) payload: Value,
    #[serde(rename = "payloadJSON")]
    payload_json: Option<String>,
}

impl Method for NodeInvoke {
    const NAME: &'static str = "node.invoke";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        if params.command.starts_with("system.execApprovals.") {
            return Err(RpcError::invalid(
                "node.invoke does not allow system.execApprovals.*; use exec.approvals.node.*",
            ));
        }
        let may_approve = cx.caller.principal.may(Scope::Approvals);
        let mut asked = params.params;
        if let Some(Value::Object(fields)) = &mut asked
            && params.command == "system.run"
            && !may_approve
        {
            fields.retain(|name, _| !CLAIMS.contains(&name.as_str()));
        }
        let timeout =
            params.timeout_ms.filter(|ms| *ms > 0).unwrap_or(PATIENCE_MS).min(PATIENCE_MS_MAX);
        let invocation = Invocation {
            node: params.node_id,
            command: params.command,
            params: asked,
            timeout: Duration::from_millis(timeout),
            listener: teller(&cx, params.idempotency_key.clone()),
            key: params.idempotency_key,
        };
        call(&cx, invocation).await
    }
}

/// Tells the caller what its call brings before the end; a caller that is slow misses it.
fn teller(cx: &Cx, key: String) -> Listener {
    if cx.caller.version < Version::V4 {
        return Listener::default();
    }
    let caller = Arc::clone(&cx.caller);
    Listener::new(move |piece| {
        let told = json!({
            "invokeId": piece.id,
            "nodeId": piece.node,
            "idempotencyKey": key,
            "seq": piece.seq,
            "chunk": piece.text,
        });
        if let Ok(text) = EventText::new("node.invoke.progress", &told, None) {
            caller.outbox.send_event(&Arc::new(text), false, Slow::Drop);
        }
    })
}

/// Calls the node that is meant, and turns its failure into a refusal.
pub(super) async fn call(cx: &Cx, invocation: Invocation) -> Result<Reply, RpcError> {
    let rows = node_list::rows(cx);
    let node = nodes::find(&rows, &invocation.node).map(|row| row.node_id.clone());
    let node_id = node.unwrap_or_else(|| invocation.node.clone());
    let command = invocation.command.clone();
    let invocation = Invocation { node: node_id.clone(), ..invocation };
    let config = cx.gateway.config();
    match cx.gateway.nodes.invoke(invocation, &config.gateway.nodes).await? {
        Outcome::Done { payload, json: payload_json } => {
            Ok(Reply { ok: true, node_id, command, payload, payload_json })
        }
        Outcome::Failed { code, message } => {
            let details = json!({ "nodeError": { "code": code, "message": message } });
            Err(Error::new(Code::Unavailable, message).with_details(details).into())
        }
    }
}
