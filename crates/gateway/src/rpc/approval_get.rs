//! `approval.get`: one question, whether it waits or has ended.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError, approval_snapshot as snapshot, exec_approval_answer};
use crate::approvals::Unfit;

pub(super) struct ApprovalGet;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    id: String,
}

#[derive(Serialize)]
pub(super) struct Reply {
    approval: Value,
}

impl Method for ApprovalGet {
    const NAME: &'static str = "approval.get";
    const SCOPE: Scope = Scope::Approvals;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let approvals = &cx.gateway.approvals;
        let waiting = approvals.list().await;
        if let Some(asked) = waiting.iter().find(|it| it.id == params.id) {
            return Ok(Reply { approval: snapshot::pending(asked) });
        }
        let ended = approvals.ended().await;
        let found = ended.iter().find(|it| it.asked.id == params.id).map(snapshot::ended);
        let approval = found.ok_or_else(|| exec_approval_answer::refusal(Unfit::Unknown))?;
        Ok(Reply { approval })
    }
}
