//! `node.rename`: gives a node a name.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError, node_list};
use crate::nodes;

pub(super) struct NodeRename;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    node_id: String,
    #[schemars(length(min = 1, max = 64))]
    display_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    node_id: String,
    display_name: String,
}

impl Method for NodeRename {
    const NAME: &'static str = "node.rename";
    const SCOPE: Scope = Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let rows = node_list::rows(&cx);
        let node = nodes::find(&rows, &params.node_id).map(|row| row.node_id.clone());
        let node_id = node.ok_or_else(|| RpcError::invalid("unknown nodeId"))?;
        let display_name = params.display_name.trim().to_owned();
        if display_name.is_empty() {
            return Err(RpcError::invalid("displayName required"));
        }
        cx.gateway.nodes.rename(&node_id, &display_name).await?;
        Ok(Reply { node_id, display_name })
    }
}
