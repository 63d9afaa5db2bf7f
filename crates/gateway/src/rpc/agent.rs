//! `agent`: runs a turn and answers twice with one id: accepted, then done.

use std::{sync::Arc, time::Duration};

use agent::{Lookup, Outcome, Stop, Submitted};
use domain::{AgentId, Scope, SessionKey};
use protocol::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Cx, Kind, Method, RpcError,
    submission::{Attachment, submission},
};
use crate::state::Gateway;

/// How long the final answer may take; longer than any turn.
const PATIENCE: Duration = Duration::from_hours(24);

pub(crate) struct Agent;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "routing of channels that are not built yet")]
pub(crate) struct Params {
    #[schemars(length(min = 1))]
    message: String,
    #[schemars(length(min = 1))]
    idempotency_key: String,
    agent_id: Option<String>,
    session_id: Option<String>,
    session_key: Option<String>,
    thinking: Option<String>,
    attachments: Option<Vec<Attachment>>,
    /// Seconds; 0 is without end.
    timeout: Option<u64>,
    extra_system_prompt: Option<String>,
    to: Option<String>,
    reply_to: Option<String>,
    deliver: Option<bool>,
    channel: Option<String>,
    reply_channel: Option<String>,
    account_id: Option<String>,
    reply_account_id: Option<String>,
    thread_id: Option<Value>,
    group_id: Option<String>,
    group_channel: Option<String>,
    group_space: Option<String>,
    lane: Option<String>,
    label: Option<String>,
    spawned_by: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    run_id: String,
    session_key: SessionKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<AgentId>,
    status: &'static str,
    #[serde(rename = "acceptedAt")]
    at: domain::UnixMillis,
}

impl Method for Agent {
    const NAME: &'static str = "agent";
    const SCOPE: Scope = Scope::Write;
    const KIND: Kind = Kind::Turn;
    type Params = Params;
    type Reply = Value;

    async fn call(cx: Cx, params: Params) -> Result<Value, RpcError> {
        let gateway = &cx.gateway;
        let session = session_of(gateway, &params)?;
        let run_id = params.idempotency_key;
        let attachments = params.attachments.unwrap_or_default();
        let mut message = submission(&run_id, session.clone(), params.message, &attachments);
        message.thinking = params.thinking;
        message.may_approve = cx.caller.principal.may(Scope::Approvals);
        message.extra_system = params.extra_system_prompt;
        message.timeout = params.timeout.map(Duration::from_secs);
        let turn = message.turn.clone();
        gateway.events.claim(&turn, &cx.caller.conn);
        let submitted = gateway.sessions.submit(message).await;
        if !matches!(submitted, Ok(Submitted::Started | Submitted::InFlight)) {
            gateway.events.disclaim(&turn);
        }
        match submitted? {
            Submitted::Started | Submitted::InFlight => {}
            Submitted::Done(outcome) => return finished(&outcome),
            Submitted::Stopped(turns) => {
                return Ok(json!({"runId": run_id, "status": "ok", "summary": "completed",
                    "result": {"payloads": [], "meta": {"durationMs": 0, "aborted": false}},
                    "stopped": turns}));
            }
        }
        let at = gateway.clock.now();
        cx.answer_early(&Accepted {
            run_id: run_id.clone(),
            agent_id: session.agent(),
            session_key: session,
            status: "accepted",
            at,
        });
        match gateway.sessions.wait(&turn, PATIENCE).await {
            Lookup::Done(outcome) => finished(&outcome),
            Lookup::Pending => {
                let reply = json!({"runId": run_id, "status": "error", "summary": "timeout"});
                Err(RpcError::unavailable("turn did not end").with_payload(&reply))
            }
        }
    }
}

/// The conversation meant: by key, by id, or the main one of the agent.
fn session_of(gateway: &Gateway, params: &Params) -> Result<SessionKey, RpcError> {
    let config = gateway.config();
    let agent = match &params.agent_id {
        Some(raw) => {
            let id = AgentId::normalise(raw);
            if config.agents.get(&id).is_none() {
                return Err(RpcError::invalid(format!("unknown agent id \"{raw}\"")));
            }
            Some(id)
        }
        None => None,
    };
    if let Some(raw) = params.session_key.as_deref().filter(|raw| !raw.trim().is_empty()) {
        let key = gateway.session_key(raw, agent.as_ref());
        return match (&agent, key.agent()) {
            (Some(asked), Some(owner)) if *asked != owner => Err(RpcError::invalid(format!(
                "agent \"{asked}\" does not match session key agent \"{owner}\""
            ))),
            _ => Ok(key),
        };
    }
    if let Some(id) = params.session_id.as_deref().filter(|id| !id.trim().is_empty()) {
        let found = config
            .agents
            .list
            .iter()
            .filter(|it| agent.as_ref().is_none_or(|asked| *asked == it.id))
            .find_map(|it| gateway.store.sessions(&it.id).find(id.trim()));
        let owner = agent.as_ref().unwrap_or(&config.agents.default);
        return Ok(found.map_or_else(|| SessionKey::of(owner, id.trim()), |(key, _)| key));
    }
    Ok(gateway.session_key("main", agent.as_ref()))
}

fn finished(outcome: &Arc<Outcome>) -> Result<Value, RpcError> {
    let is_aborted = matches!(outcome.stop, Stop::Aborted { .. });
    if let Stop::Failed { error, .. } = &outcome.stop {
        let reply = json!({"runId": outcome.turn, "status": "error", "summary": error});
        return Err(
            RpcError::from(Error::new(protocol::Code::Unavailable, error)).with_payload(&reply)
        );
    }
    Ok(json!({
        "runId": outcome.turn,
        "status": "ok",
        "summary": if is_aborted { "aborted" } else { "completed" },
        "result": result_of(outcome),
    }))
}

/// The result of a turn, as `agent` and `openclaw agent --local` give it.
pub fn result_of(outcome: &Outcome) -> Value {
    let payloads: Vec<Value> =
        outcome.texts.iter().map(|text| json!({"text": text, "mediaUrl": null})).collect();
    let usage = &outcome.usage;
    json!({
        "payloads": payloads,
        "meta": {
            "durationMs": outcome.ended.since(outcome.started),
            "agentMeta": {
                "sessionId": outcome.session_id,
                "provider": outcome.provider,
                "model": outcome.model,
                "usage": {
                    "input": usage.input,
                    "output": usage.output,
                    "cacheRead": usage.cache_read,
                    "cacheWrite": usage.cache_write,
                    "total": usage.total_tokens,
                },
            },
            "aborted": matches!(outcome.stop, Stop::Aborted { .. }),
        },
    })
}
