//! `chat.send`: puts a message into a conversation and answers at once.

use std::sync::Arc;

use agent::{Outcome, Stop, Submitted};
use domain::AgentId;
use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Cx, Kind, Method, RpcError,
    submission::{Attachment, submission, time_limit},
};
use crate::events::Change;

pub(crate) struct ChatSend;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "fields of newer clients are taken and not used")]
pub(crate) struct Params {
    #[schemars(length(min = 1))]
    session_key: String,
    message: String,
    #[schemars(length(min = 1))]
    idempotency_key: String,
    pub(super) thinking: Option<String>,
    deliver: Option<bool>,
    pub(super) attachments: Option<Vec<Attachment>>,
    pub(super) timeout_ms: Option<u64>,
    agent_id: Option<String>,
    session_id: Option<String>,
    queue_mode: Option<String>,
    fast_mode: Option<Value>,
    tool_bindings: Option<Value>,
    originating_channel: Option<String>,
    originating_to: Option<String>,
    originating_account_id: Option<String>,
    originating_thread_id: Option<Value>,
}

impl Params {
    /// A plain message.
    pub(super) fn of(session_key: String, message: String, idempotency_key: String) -> Self {
        Self { session_key, message, idempotency_key, ..Self::default() }
    }
}

/// What became of the message.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub(crate) enum Reply {
    /// A turn.
    Turn {
        run_id: String,
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        summary: Option<String>,
    },
    /// It was a word that stops turns.
    Stopped { ok: bool, aborted: bool, run_ids: Vec<domain::TurnId> },
}

impl Method for ChatSend {
    const NAME: &'static str = "chat.send";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Turn;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let agent = params.agent_id.as_deref().map(AgentId::normalise);
        let session = gateway.session_key(&params.session_key, agent.as_ref());
        let run_id = params.idempotency_key;
        let attachments = params.attachments.unwrap_or_default();
        let mut message = submission(&run_id, session, params.message, &attachments);
        message.thinking = params.thinking;
        message.may_approve = cx.caller.principal.may(Scope::Approvals);
        message.timeout = time_limit(params.timeout_ms);
        message.queue = params.queue_mode.as_deref().and_then(queue_mode);
        let (turn, key) = (message.turn.clone(), message.session.clone());
        gateway.events.claim(&turn, &cx.caller.conn);
        let submitted = gateway.sessions.submit(message).await;
        if matches!(submitted, Ok(Submitted::Started | Submitted::InFlight)) {
            gateway.events.conversation_changed(gateway, &key, Change::By("send"));
        } else {
            gateway.events.disclaim(&turn);
        }
        Ok(match submitted? {
            Submitted::Started => Reply::Turn { run_id, status: "started", summary: None },
            Submitted::InFlight => Reply::Turn { run_id, status: "in_flight", summary: None },
            Submitted::Done(outcome) => over(run_id, &outcome),
            Submitted::Stopped(turns) => {
                Reply::Stopped { ok: true, aborted: !turns.is_empty(), run_ids: turns }
            }
        })
    }
}

fn over(run_id: String, outcome: &Arc<Outcome>) -> Reply {
    match &outcome.stop {
        Stop::Done | Stop::Aborted { .. } => Reply::Turn { run_id, status: "ok", summary: None },
        Stop::Failed { error, .. } => {
            Reply::Turn { run_id, status: "error", summary: Some(error.clone()) }
        }
    }
}

fn queue_mode(name: &str) -> Option<config::QueueMode> {
    Some(match name {
        "steer" => config::QueueMode::Steer,
        "followup" => config::QueueMode::Followup,
        "collect" => config::QueueMode::Collect,
        "steer-backlog" => config::QueueMode::SteerBacklog,
        "interrupt" => config::QueueMode::Interrupt,
        _ => return None,
    })
}
