//! `exec.approvals.set`: replaces this machine's approvals file.

use domain::Scope;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tracing::info;

use super::{Cx, Kind, Method, RpcError, exec_approvals_get as get};

pub(super) struct ExecApprovalsSet;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    file: Value,
    /// The hash that `exec.approvals.get` told.
    base_hash: Option<String>,
}

impl Method for ExecApprovalsSet {
    const NAME: &'static str = "exec.approvals.set";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = get::Reply;

    async fn call(cx: Cx, params: Params) -> Result<get::Reply, RpcError> {
        if params.file["version"] != 1 {
            return Err(RpcError::invalid("exec approvals file must have version 1"));
        }
        let file = cx.gateway.store.exec_approvals();
        let set = file.set(params.file, params.base_hash).await.map_err(get::refusal)?;
        info!(conn = %cx.caller.conn, "exec approvals changed");
        Ok(get::reply(&cx, set))
    }
}
