//! `approval.resolve`: a person's answer to a question of any kind; a late one learns the first.

use domain::Scope;
use policy::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;

use super::{
    Cx, Kind, Method, RpcError, approval_history::Sort, approval_snapshot as snapshot,
    exec_approval_answer,
};
use crate::approvals::Unfit;

pub(super) struct ApprovalResolve;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    id: String,
    kind: Sort,
    decision: Decision,
    /// Who decided in a chat.
    reviewer: Option<Reviewer>,
    /// For grants that outlive the question, which are not kept here.
    #[serde(rename = "grantExpiresInDays")]
    #[schemars(range(min = 1, max = 3650))]
    _grant_expires_in_days: Option<u64>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Decision {
    AllowOnce,
    AllowAlways,
    Deny,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the record names the sender alone")]
struct Reviewer {
    channel: String,
    account_id: String,
    sender_id: String,
}

#[derive(Serialize)]
pub(super) struct Reply {
    /// Whether this answer was the first.
    applied: bool,
    approval: Value,
}

impl Method for ApprovalResolve {
    const NAME: &'static str = "approval.resolve";
    const SCOPE: Scope = Scope::Approvals;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let verdict = match params.decision {
            Decision::AllowOnce => Verdict::AllowOnce,
            Decision::AllowAlways => Verdict::AllowAlways,
            Decision::Deny => Verdict::Deny,
        };
        let approvals = &cx.gateway.approvals;
        let is_waiting = approvals.list().await.iter().any(|it| it.id == params.id);
        let applied = if params.kind == Sort::Exec && is_waiting {
            let by = params.reviewer.as_ref().map_or(&*cx.caller.client_id, |it| &it.sender_id);
            let resolved = approvals.resolve(&params.id, verdict, by).await;
            info!(id = params.id, by, ok = resolved.is_ok(), "approval answered");
            resolved.is_ok()
        } else {
            false
        };
        let ended = approvals.ended().await;
        let found = ended.iter().find(|it| it.asked.id == params.id && params.kind == Sort::Exec);
        let found = found.ok_or_else(|| exec_approval_answer::refusal(Unfit::Unknown))?;
        Ok(Reply { applied, approval: snapshot::ended(found) })
    }
}
