//! `users.prefs.get`: what a person has set for all their clients. There are no profiles of
//! persons here, which this says.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct UsersPrefsGet;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    #[serde(rename = "keys")]
    #[schemars(length(max = 32))]
    _keys: Option<Vec<String>>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    status: &'static str,
}

impl Method for UsersPrefsGet {
    const NAME: &'static str = "users.prefs.get";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(_: Cx, _: Params) -> Result<Reply, RpcError> {
        Ok(Reply { status: "no_durable_identity" })
    }
}
