//! `exec.approval.list`: the questions that wait for an answer.

use domain::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cx, Kind, Method, RpcError};
use crate::approvals::Asked;

pub(super) struct ExecApprovalList;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

impl Method for ExecApprovalList {
    const NAME: &'static str = "exec.approval.list";
    const SCOPE: Scope = Scope::Approvals;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Vec<Asked>;

    async fn call(cx: Cx, _params: Params) -> Result<Vec<Asked>, RpcError> {
        Ok(cx.gateway.approvals.list().await)
    }
}
