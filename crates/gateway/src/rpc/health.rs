//! `health`: the cached payload, as it is.

use std::sync::Arc;

use domain::Scope;
use serde_json::value::RawValue;

use super::{Cx, Kind, Method, RpcError};

pub(crate) struct Health;

impl Method for Health {
    const NAME: &'static str = "health";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Unchecked;
    type Params = ();
    type Reply = Arc<RawValue>;

    async fn call(cx: Cx, (): ()) -> Result<Self::Reply, RpcError> {
        Ok(cx.gateway.health.text())
    }
}
