//! `node.list`: the nodes, connected ones first.

use domain::Scope;
use domain::UnixMillis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};
use crate::nodes::Row;

pub(super) struct NodeList;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

#[derive(Serialize)]
pub(super) struct Reply {
    ts: UnixMillis,
    nodes: Vec<Row>,
}

impl Method for NodeList {
    const NAME: &'static str = "node.list";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _params: Params) -> Result<Reply, RpcError> {
        Ok(Reply { ts: cx.gateway.clock.now(), nodes: rows(&cx) })
    }
}

pub(super) fn rows(cx: &Cx) -> Vec<Row> {
    let (_, devices) = cx.gateway.devices.list();
    let rows = cx.gateway.nodes.rows(&devices, &cx.gateway.config().gateway.nodes);
    rows.into_iter().map(|row| row.shaped(cx.caller.version)).collect()
}
