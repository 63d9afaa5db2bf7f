//! `node.pair.list`: nodes whose commands wait for approval, and those that have it.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::NodeRecord;

use super::{Cx, Kind, Method, RpcError};
use crate::nodes::PairRequest;

pub(super) struct NodePairList;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

#[derive(Serialize)]
pub(super) struct Reply {
    pending: Vec<PairRequest>,
    paired: Vec<NodeRecord>,
}

impl Method for NodePairList {
    const NAME: &'static str = "node.pair.list";
    const SCOPE: Scope = Scope::Pairing;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _params: Params) -> Result<Reply, RpcError> {
        let (pending, paired) = cx.gateway.nodes.pairings();
        Ok(Reply { pending, paired })
    }
}
