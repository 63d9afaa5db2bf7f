//! `node.pair.request`: asks for the commands of a node that is not connected, as bridges of
//! version 3 do for theirs.

use domain::Scope;
use serde::Serialize;

use super::{Cx, Kind, Method, RpcError};
use crate::nodes::{About, PairRequest};

pub(super) struct NodePairRequest;

#[derive(Serialize)]
pub(super) struct Reply {
    status: &'static str,
    request: PairRequest,
    created: bool,
}

impl Method for NodePairRequest {
    const NAME: &'static str = "node.pair.request";
    const SCOPE: Scope = Scope::Pairing;
    const KIND: Kind = Kind::Write;
    type Params = About;
    type Reply = Reply;

    async fn call(cx: Cx, about: About) -> Result<Reply, RpcError> {
        let (request, created) = cx.gateway.nodes.ask_for(about);
        Ok(Reply { status: "pending", request, created })
    }
}
