//! `node.invoke.progress`: a piece of what a call brings, ahead of its answer.

use domain::Scope;
use policy::scope::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct NodeInvokeProgress;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    invoke_id: String,
    #[schemars(length(min = 1))]
    node_id: String,
    /// Counts the pieces.
    seq: u64,
    #[schemars(length(max = 16_384))]
    chunk: String,
}

#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    /// Nobody hears it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignored: bool,
}

impl Method for NodeInvokeProgress {
    const NAME: &'static str = "node.invoke.progress";
    const SCOPE: Scope = Scope::Write;
    const ROLE: Role = Role::Node;
    // Nothing is changed by it, and there may be many: the record names the call alone.
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        if !cx.caller.principal.is_device(&params.node_id) {
            return Err(RpcError::invalid("nodeId mismatch"));
        }
        let Params { invoke_id, seq, chunk, .. } = params;
        let was_heard = cx.gateway.nodes.progress(&cx.caller.conn, &invoke_id, seq, &chunk);
        Ok(Reply { ok: true, ignored: !was_heard })
    }
}
