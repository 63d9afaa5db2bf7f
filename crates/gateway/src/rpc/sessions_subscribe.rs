//! `sessions.subscribe` and `sessions.unsubscribe`: whether a connection hears that
//! conversations changed.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct SessionsSubscribe;
pub(super) struct SessionsUnsubscribe;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

#[derive(Serialize)]
pub(super) struct Reply {
    subscribed: bool,
}

impl Method for SessionsSubscribe {
    const NAME: &'static str = "sessions.subscribe";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        cx.caller.watching.watch_rows();
        Ok(Reply { subscribed: true })
    }
}

impl Method for SessionsUnsubscribe {
    const NAME: &'static str = "sessions.unsubscribe";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        cx.caller.watching.leave_rows();
        Ok(Reply { subscribed: false })
    }
}
