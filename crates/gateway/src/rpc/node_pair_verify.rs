//! `node.pair.verify`: whether a token is that of a node that was approved.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::NodeRecord;

use super::{Cx, Kind, Method, RpcError};

pub(super) struct NodePairVerify;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    node_id: String,
    #[schemars(length(min = 1))]
    token: String,
}

#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<NodeRecord>,
}

impl Method for NodePairVerify {
    const NAME: &'static str = "node.pair.verify";
    const SCOPE: Scope = Scope::Pairing;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let node = cx.gateway.nodes.verify(&params.node_id, &params.token);
        Ok(Reply { ok: node.is_some(), node })
    }
}
