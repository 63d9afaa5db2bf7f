//! `connect`, which is only good as the first request and never gets here then.

use domain::Scope;

use super::{Cx, Kind, Method, RpcError};

pub(crate) struct Connect;

impl Method for Connect {
    const NAME: &'static str = "connect";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Unchecked;
    type Params = ();
    type Reply = ();

    async fn call(_: Cx, (): ()) -> Result<(), RpcError> {
        Err(RpcError::invalid("connect is only valid as the first request"))
    }
}
