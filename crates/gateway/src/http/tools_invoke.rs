//! `POST /tools/invoke`: one call of a tool, outside any turn.
//!
//! What may be called is what the conversation may, less what reaches far: writes files, runs or
//! steers processes, writes to other conversations. `gateway.tools.allow` names what passes all
//! the same, `gateway.tools.deny` what never does. The call itself is `agent`'s.

use std::{sync::Arc, time::Duration};

use agent::{Invocation, Invoked};
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use config::HttpTools;
use domain::{AgentId, CallResult};
use policy::Door;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub(crate) use self::calls::Calls;
use self::calls::{Claim, Told};
use super::{
    reply::{self, Reply},
    run::{invalid, refused},
};
use crate::{audit::Target, state::Gateway};

mod calls;

/// Largest request body.
const BODY_BYTES_MAX: usize = 2 << 20;
/// How long a call may take; a person may have to be asked.
const PATIENCE: Duration = Duration::from_mins(5);

/// Unknown fields are passed over, as in the reference.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    tool: Option<String>,
    name: Option<String>,
    action: Option<String>,
    args: Option<Value>,
    session_key: Option<String>,
    agent_id: Option<String>,
    dry_run: bool,
    /// The same key with the same request is the same call.
    idempotency_key: Option<String>,
}

/// Answers a request whose sender was let in.
pub(crate) async fn answer(
    gateway: &Arc<Gateway>,
    user: Option<&str>,
    (headers, body): (&HeaderMap, Body),
) -> Reply {
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return invalid(StatusCode::PAYLOAD_TOO_LARGE, "payload too large");
    };
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return invalid(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let digest: [u8; 32] = Sha256::digest(&body).into();
    drop(body);
    let named = [&asked.name, &asked.tool].into_iter().flatten().map(|name| name.trim());
    let Some(tool) = named.into_iter().find(|name| !name.is_empty()).map(str::to_owned) else {
        return invalid(StatusCode::BAD_REQUEST, "tools.invoke requires body.tool");
    };
    let arguments = asked.args.unwrap_or_else(|| json!({}));
    if !arguments.is_object() {
        return invalid(StatusCode::BAD_REQUEST, "body.args must be an object");
    }
    if asked.dry_run {
        // Passing over it would do what the caller did not want done.
        return invalid(StatusCode::BAD_REQUEST, "body.dryRun is not supported");
    }
    let agent = asked.agent_id.as_deref().map(AgentId::normalise);
    let key = asked.session_key.as_deref().unwrap_or("main");
    let invocation = Invocation {
        session: gateway.session_key(key, agent.as_ref()),
        tool: tool.clone(),
        arguments,
        action: asked.action,
        channel: channel(headers),
        door: door(&gateway.config().gateway.tools),
        patience: PATIENCE,
    };
    let key = asked.idempotency_key.map(|key| format!("{} {key}", user.unwrap_or_default()));
    let mut reply = once(gateway, invocation, key.map(|key| (key, digest))).await;
    reply.extensions_mut().insert(Target(tool));
    reply
}

/// Makes the call, unless it was made before under the same key.
async fn once(gateway: &Gateway, invocation: Invocation, key: Option<(String, [u8; 32])>) -> Reply {
    let keeper = match key
        .map(|(key, digest)| gateway.tool_calls.claim(key, digest, tokio::time::Instant::now()))
    {
        None => None,
        Some(Claim::First(keeper)) => Some(keeper),
        Some(Claim::Again(mut answer)) => {
            return match answer.wait_for(Option::is_some).await.ok().and_then(|it| it.clone()) {
                Some(told) => reply::json(told.0, &told.1),
                None => conflict("the first call with this key was given up"),
            };
        }
        Some(Claim::Other) => return conflict("the key stands for another call"),
    };
    let Some(_place) = gateway.tool_calls.enter() else { return too_many() };
    let tool = invocation.tool.clone();
    match gateway.sessions.invoke(invocation).await {
        Ok(invoked) => {
            let told = told(&tool, invoked);
            if let Some(keeper) = keeper {
                keeper.keep(&told);
            }
            reply::json(told.0, &told.1)
        }
        Err(error) => refused(&error),
    }
}

fn conflict(text: &str) -> Reply {
    let (status, body) = fault(StatusCode::CONFLICT, "conflict", text);
    reply::json(status, &body)
}

fn too_many() -> Reply {
    let text = "too many tools run; try again in a moment";
    let (status, body) = fault(StatusCode::TOO_MANY_REQUESTS, "rate_limited", text);
    let mut reply = reply::json(status, &body);
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

fn told(tool: &str, invoked: Invoked) -> Told {
    match invoked {
        Invoked::Ran(result) if !result.is_error => {
            let mut shown = json!({"content": result.content});
            if let Some(details) = result.details {
                shown["details"] = details;
            }
            (StatusCode::OK, json!({"ok": true, "result": shown}))
        }
        Invoked::Ran(result) => {
            tracing::debug!(tool, "tool failed: {}", result.content.joined_text());
            fault(StatusCode::INTERNAL_SERVER_ERROR, "tool_error", "tool execution failed")
        }
        Invoked::NotUnderstood(result) => {
            fault(StatusCode::BAD_REQUEST, "tool_error", &reason(&result))
        }
        Invoked::Refused(result) => fault(StatusCode::FORBIDDEN, "tool_error", &reason(&result)),
        Invoked::TimedOut => {
            fault(StatusCode::REQUEST_TIMEOUT, "timeout", "tool execution timed out")
        }
        Invoked::Unavailable => {
            fault(StatusCode::NOT_FOUND, "not_found", &format!("Tool not available: {tool}"))
        }
    }
}

/// What a failure says in words.
fn reason(result: &CallResult) -> String {
    let told = result.details.as_ref().and_then(|details| details["error"].as_str());
    told.map_or_else(|| result.content.joined_text(), str::to_owned)
}

fn fault(status: StatusCode, kind: &str, message: &str) -> Told {
    (status, json!({"ok": false, "error": {"type": kind, "message": message}}))
}

fn channel(headers: &HeaderMap) -> String {
    let named = headers.get("x-openclaw-message-channel").and_then(|value| value.to_str().ok());
    let named = named.map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| "webchat".to_owned())
}

fn door(tools: &HttpTools) -> Door {
    // What is denied by name is denied, whatever else is said of it.
    Door::Request { named: tools.allow.clone(), withheld: tools.deny.clone() }
}
