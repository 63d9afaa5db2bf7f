//! `node.pair.remove`: takes the approval of a node's commands back.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct NodePairRemove;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    node_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    node_id: String,
}

impl Method for NodePairRemove {
    const NAME: &'static str = "node.pair.remove";
    const SCOPE: Scope = Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { node_id }: Params) -> Result<Reply, RpcError> {
        if !cx.gateway.nodes.remove(&node_id).await? {
            return Err(RpcError::invalid("unknown nodeId"));
        }
        Ok(Reply { node_id })
    }
}
