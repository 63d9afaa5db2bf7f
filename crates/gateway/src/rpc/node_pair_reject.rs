//! `node.pair.reject`: turns down the request of a node.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct NodePairReject;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    request_id: String,
    node_id: String,
}

impl Method for NodePairReject {
    const NAME: &'static str = "node.pair.reject";
    const SCOPE: Scope = Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { request_id }: Params) -> Result<Reply, RpcError> {
        let node_id = cx.gateway.nodes.reject(&request_id)?.node_id;
        Ok(Reply { request_id, node_id })
    }
}
