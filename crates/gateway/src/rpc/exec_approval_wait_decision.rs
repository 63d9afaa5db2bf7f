//! `exec.approval.waitDecision`: waits for the end of a question, also after a reconnect.

use domain::Scope;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Cx, Kind, Method, RpcError, exec_approval_answer as answer};

pub(super) struct ExecApprovalWaitDecision;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    id: String,
}

impl Method for ExecApprovalWaitDecision {
    const NAME: &'static str = "exec.approval.waitDecision";
    const SCOPE: Scope = Scope::Approvals;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = answer::Decision;

    async fn call(cx: Cx, params: Params) -> Result<answer::Decision, RpcError> {
        let waiter = cx.gateway.approvals.find(&params.id).await.map_err(answer::refusal)?;
        Ok(answer::decision(waiter.end().await))
    }
}
