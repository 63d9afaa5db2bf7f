//! `node.pair.approve`: lets the commands of a node be called.

use domain::Scope;
use protocol::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::NodeRecord;

use super::{Cx, Kind, Method, RpcError};

pub(super) struct NodePairApprove;

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
    node: NodeRecord,
}

impl Method for NodePairApprove {
    const NAME: &'static str = "node.pair.approve";
    const SCOPE: Scope = Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, Params { request_id }: Params) -> Result<Reply, RpcError> {
        // Commands of a node act on a whole machine.
        if !cx.caller.principal.may(Scope::Admin) {
            return Err(Error::missing_scope(Scope::Admin).into());
        }
        let node = cx.gateway.nodes.approve(&request_id).await?;
        Ok(Reply { request_id, node })
    }
}
