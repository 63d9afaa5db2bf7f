//! `exec.approval.get`: one question that waits, for a person to look at.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError, exec_approval_answer as answer};
use crate::approvals::Unfit;

pub(super) struct ExecApprovalGet;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    id: String,
    command_text: Value,
    command_preview: Value,
    allowed_decisions: Value,
    host: Value,
    node_id: Value,
    agent_id: Value,
    created_at_ms: i64,
    expires_at_ms: i64,
}

impl Method for ExecApprovalGet {
    const NAME: &'static str = "exec.approval.get";
    const SCOPE: Scope = Scope::Approvals;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let all = cx.gateway.approvals.list().await;
        let asked = all.into_iter().find(|it| it.id == params.id);
        let asked = asked.ok_or_else(|| answer::refusal(Unfit::Unknown))?;
        let field = |name: &str| asked.request.get(name).cloned().unwrap_or_default();
        Ok(Reply {
            command_text: field("command"),
            command_preview: Value::Null,
            allowed_decisions: field("allowedDecisions"),
            host: field("host"),
            node_id: field("nodeId"),
            agent_id: field("agentId"),
            created_at_ms: asked.created_at_ms,
            expires_at_ms: asked.expires_at_ms,
            id: asked.id,
        })
    }
}
