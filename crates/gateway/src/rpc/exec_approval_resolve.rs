//! `exec.approval.resolve`: a person's answer to a question.

use domain::Scope;
use policy::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::{Cx, Kind, Method, RpcError, exec_approval_answer as answer};

pub(super) struct ExecApprovalResolve;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    /// The id, or its beginning.
    #[schemars(length(min = 1))]
    id: String,
    #[schemars(length(min = 1))]
    decision: String,
    /// Who decided in a chat; version 4.
    reviewer: Option<Value>,
    /// For grants that outlive the question, which are not kept here; version 4.
    #[serde(rename = "grantExpiresInDays")]
    _grant_expires_in_days: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
}

impl Method for ExecApprovalResolve {
    const NAME: &'static str = "exec.approval.resolve";
    const SCOPE: Scope = Scope::Approvals;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let Some(verdict) = Verdict::parse(&params.decision) else {
            return Err(RpcError::invalid("invalid decision"));
        };
        let caller = &cx.caller;
        let reviewer = params.reviewer.as_ref().and_then(|it| it["senderId"].as_str());
        let by = reviewer.unwrap_or(&caller.client_id);
        let resolved = cx.gateway.approvals.resolve(&params.id, verdict, by).await;
        let id = resolved.map_err(answer::refusal)?;
        info!(id, decision = params.decision, conn = %caller.conn, by, "approval answered");
        Ok(Reply { ok: true })
    }
}
