//! `exec.approval.request`: puts a question to the operators and waits for the answer.

use std::time::Duration;

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Cx, Kind, Method, RpcError, exec_approval_answer as answer};
use crate::approvals;

/// How long to wait when the client does not say, and at most.
const PATIENCE_MS: u64 = 120_000;
const PATIENCE_MS_MAX: u64 = 30 * 60_000;

pub(super) struct ExecApprovalRequest;

/// The union of what versions 3 and 4 send; what is not named here is shown to operators as it
/// came.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params {
    id: Option<String>,
    command: Option<String>,
    command_argv: Option<Vec<String>>,
    system_run_plan: Option<Value>,
    cwd: Option<String>,
    node_id: Option<String>,
    host: Option<String>,
    security: Option<String>,
    ask: Option<String>,
    agent_id: Option<String>,
    resolved_path: Option<String>,
    session_key: Option<String>,
    timeout_ms: Option<u64>,
    two_phase: Option<bool>,
}

/// The first of two answers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted<'a> {
    status: &'static str,
    id: &'a str,
    delivery_route: &'static str,
    created_at_ms: i64,
    expires_at_ms: i64,
}

impl Method for ExecApprovalRequest {
    const NAME: &'static str = "exec.approval.request";
    const SCOPE: Scope = Scope::Approvals;
    // Goes on when the client goes: it may come back and ask for the decision.
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = answer::Decision;

    async fn call(cx: Cx, params: Params) -> Result<answer::Decision, RpcError> {
        let text = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned)
        };
        let planned = params.system_run_plan.as_ref().and_then(|plan| plan["commandText"].as_str());
        let argv = params.command_argv.as_ref().map(|argv| argv.join(" "));
        let command = text(&params.command).or(planned.map(str::to_owned)).or(argv);
        let Some(command) = command else {
            return Err(RpcError::invalid("command is required"));
        };
        let id = text(&params.id).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let patience =
            params.timeout_ms.filter(|ms| *ms > 0).unwrap_or(PATIENCE_MS).min(PATIENCE_MS_MAX);
        let mut request = json!({
            "command": command,
            "cwd": text(&params.cwd),
            "host": text(&params.host),
            "security": text(&params.security),
            "ask": text(&params.ask),
            "agentId": text(&params.agent_id),
            "resolvedPath": text(&params.resolved_path),
            "sessionKey": text(&params.session_key),
            "allowedDecisions": approvals::allowed(true),
        });
        for (key, value) in [
            ("nodeId", text(&params.node_id).map(Value::from)),
            ("commandArgv", params.command_argv.map(Value::from)),
            ("systemRunPlan", params.system_run_plan),
        ] {
            if let Some(value) = value {
                request[key] = value;
            }
        }
        let put = cx.gateway.approvals.put(id, request, Duration::from_millis(patience));
        let waiter = put.await.map_err(answer::refusal)?;
        if params.two_phase == Some(true) {
            cx.answer_early(&Accepted {
                status: "accepted",
                id: &waiter.asked.id,
                delivery_route: "operators",
                created_at_ms: waiter.asked.created_at_ms,
                expires_at_ms: waiter.asked.expires_at_ms,
            });
        }
        Ok(answer::decision(waiter.end().await))
    }
}
