//! `node.describe`: one node.

use domain::Scope;
use domain::UnixMillis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, node_list};
use crate::nodes::{self, Row};

pub(super) struct NodeDescribe;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    /// Id or name.
    #[schemars(length(min = 1))]
    node_id: String,
}

#[derive(Serialize)]
pub(super) struct Reply {
    ts: UnixMillis,
    #[serde(flatten)]
    node: Row,
}

impl Method for NodeDescribe {
    const NAME: &'static str = "node.describe";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let rows = node_list::rows(&cx);
        let node = nodes::find(&rows, &params.node_id).cloned();
        let node = node.ok_or_else(|| RpcError::invalid("unknown nodeId"))?;
        Ok(Reply { ts: cx.gateway.clock.now(), node })
    }
}
