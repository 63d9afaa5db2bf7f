//! `node.event`: something that happened on a node.

use domain::{AgentId, Content, Scope, SessionKey, TurnId};
use policy::scope::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{debug, info};

use super::{Cx, Kind, Method, RpcError};

/// Longest message that a node may send, in characters.
const TEXT_CHARS_MAX: usize = 20_000;

pub(super) struct NodeEvent;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    event: String,
    payload: Option<Value>,
    #[serde(rename = "payloadJSON")]
    payload_json: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    event: String,
    handled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Method for NodeEvent {
    const NAME: &'static str = "node.event";
    const SCOPE: Scope = Scope::Write;
    const ROLE: Role = Role::Node;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let parsed = params.payload_json.as_deref().and_then(|it| serde_json::from_str(it).ok());
        let payload: Value = params.payload.or(parsed).unwrap_or_default();
        let reason = match params.event.as_str() {
            "voice.transcript" => submit(&cx, &payload, "text").await,
            "agent.request" => submit(&cx, &payload, "message").await,
            "exec.started" | "exec.finished" | "exec.denied" => {
                info!(event = params.event, conn = %cx.caller.conn, "command on a node");
                None
            }
            other => {
                debug!(event = other, "event of a node not handled");
                Some("this gateway does nothing with it".to_owned())
            }
        };
        Ok(Reply { ok: true, event: params.event, handled: reason.is_none(), reason })
    }
}

/// Starts a turn with a node's words; gives the reason when there is none.
async fn submit(cx: &Cx, payload: &Value, field: &str) -> Option<String> {
    let text = payload[field].as_str().unwrap_or_default().trim();
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Some(format!("{field} must have 1 to {TEXT_CHARS_MAX} characters"));
    }
    let device = cx.caller.principal.device.as_ref()?;
    let gateway = &cx.gateway;
    let asked = payload["sessionKey"].as_str().map(str::trim).filter(|key| !key.is_empty());
    let key: SessionKey = match asked {
        Some(key) => gateway.session_key(key, None::<&AgentId>),
        None => gateway.session_key(&format!("node-{device}"), None::<&AgentId>),
    };
    let mut submission = agent::Submission::of(TurnId::random(), key, Content::text(text));
    "node".clone_into(&mut submission.channel);
    gateway.sessions.submit(submission).await.err().map(|error| error.to_string())
}
