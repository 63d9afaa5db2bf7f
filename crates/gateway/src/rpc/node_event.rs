//! `node.event`: something that happened on a node.
//!
//! What a node says may start a turn, choose a conversation to hear, or leave a note in one that
//! there is. It is the word of another machine: texts are cut and lines joined before an agent
//! reads them. What this gateway does nothing with is answered so.

use std::time::Duration;

use domain::{AgentId, Content, Scope, SessionKey, TurnId};
use policy::scope::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::{debug, info};

use super::{Cx, Kind, Method, RpcError};

/// Longest message that a node may send, in characters.
const TEXT_CHARS_MAX: usize = 20_000;
/// Longest command and longest end of its output in a note, in characters.
const COMMAND_CHARS_MAX: usize = 200;
const OUTPUT_CHARS_MAX: usize = 500;

/// Events that are known and come to nothing, and why.
const IDLE: [(&str, &str); 6] = [
    ("notifications.changed", "notifications of telephones are not part of this version yet"),
    ("push.", "there is no push service here"),
    ("node.presence.activity", "nobody asks here whether a person is at the machine"),
    ("voicewake.", "wake words are not part of this version yet"),
    ("talk.", "talk modes are not part of this version yet"),
    ("voice.", "of voices, only voice.transcript is understood"),
];

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
    /// Why nothing came of it, or less than was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// What came of an event.
enum Fate {
    Done,
    /// Done but for this.
    DoneBut(&'static str),
    Nothing(String),
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
        let fate = match params.event.as_str() {
            "voice.transcript" => submit(&cx, &payload, ("text", "main")).await,
            "agent.request" => {
                let own = cx.caller.principal.device.as_ref().map(|it| format!("node-{it}"));
                submit(&cx, &payload, ("message", own.as_deref().unwrap_or("main"))).await
            }
            "chat.subscribe" => watch(&cx, &payload),
            "chat.unsubscribe" => {
                if let Some(key) = session(&cx, &payload, None) {
                    cx.caller.watching.leave(&key);
                }
                Fate::Done
            }
            "exec.started" | "exec.finished" | "exec.denied" => note(&cx, &params.event, &payload),
            "node.presence.alive" => {
                cx.gateway.nodes.seen(&cx.caller, occasion(&payload));
                Fate::Done
            }
            other => {
                debug!(event = other, "event of a node not handled");
                let idle = IDLE.iter().find(|(start, _)| other.starts_with(start));
                let why = idle.map_or("this gateway does nothing with it", |(_, why)| why);
                Fate::Nothing(why.to_owned())
            }
        };
        let (handled, reason) = match fate {
            Fate::Done => (true, None),
            Fate::DoneBut(reason) => (true, Some(reason.to_owned())),
            Fate::Nothing(reason) => (false, Some(reason)),
        };
        Ok(Reply { ok: true, event: params.event, handled, reason })
    }
}

/// The conversation that a payload names, or the one that is meant when it names none.
fn session(cx: &Cx, payload: &Value, default: Option<&str>) -> Option<SessionKey> {
    let asked = payload["sessionKey"].as_str().map(str::trim).filter(|key| !key.is_empty());
    asked.or(default).map(|key| cx.gateway.session_key(key, None::<&AgentId>))
}

/// Starts a turn with a node's words.
async fn submit(cx: &Cx, payload: &Value, (field, default): (&str, &str)) -> Fate {
    let text = payload[field].as_str().unwrap_or_default().trim();
    if text.is_empty() || text.chars().count() > TEXT_CHARS_MAX {
        return Fate::Nothing(format!("{field} must have 1 to {TEXT_CHARS_MAX} characters"));
    }
    let Some(key) = session(cx, payload, Some(default)) else {
        return Fate::Nothing("sessionKey required".to_owned());
    };
    let mut submission = agent::Submission::of(TurnId::random(), key, Content::text(text));
    "node".clone_into(&mut submission.channel);
    submission.is_kept = true;
    submission.thinking = payload["thinking"].as_str().map(str::to_owned);
    submission.timeout = payload["timeoutSeconds"].as_u64().map(Duration::from_secs);
    match cx.gateway.sessions.submit(submission).await {
        Err(error) => Fate::Nothing(error.to_string()),
        Ok(_) if payload["deliver"] == true => {
            Fate::DoneBut("the reply stays in its conversation: there are no chat services yet")
        }
        Ok(_) => Fate::Done,
    }
}

/// Lets the node hear what happens in a conversation.
fn watch(cx: &Cx, payload: &Value) -> Fate {
    let Some(key) = session(cx, payload, None) else {
        return Fate::Nothing("sessionKey required".to_owned());
    };
    if cx.caller.watching.watch(&key) {
        Fate::Done
    } else {
        Fate::Nothing("too many conversations heard on this connection".to_owned())
    }
}

/// Leaves a note about a command that the node ran, or did not let run.
fn note(cx: &Cx, event: &str, payload: &Value) -> Fate {
    let Some(device) = &cx.caller.principal.device else { return Fate::Done };
    info!(event, node = %device, "command on a node");
    let run = payload["runId"].as_str().map(str::trim).filter(|it| !it.is_empty());
    if run.is_some_and(|run| cx.gateway.nodes.called_for(&cx.caller.conn, run)) {
        // Whoever called has the answer.
        return Fate::Done;
    }
    let Some(key) = session(cx, payload, Some("main")) else { return Fate::Done };
    let is_main = key == cx.gateway.session_key("main", None::<&AgentId>);
    // Only where it will be read.
    if !is_main && cx.gateway.sessions_of(&key).get(&key).is_none() {
        return Fate::Nothing("no such conversation".to_owned());
    }
    match cx.gateway.sessions.notify(&key, told(event, payload, (device.as_str(), run))) {
        Ok(()) => Fate::Done,
        Err(error) => Fate::Nothing(error.to_string()),
    }
}

/// The note's text.
fn told(event: &str, payload: &Value, (node, run): (&str, Option<&str>)) -> String {
    let line = |name: &str| {
        let text = payload[name].as_str().unwrap_or_default();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        words.chars().take(COMMAND_CHARS_MAX).collect::<String>()
    };
    let run: String = run.map(|it| format!(" id={it}")).unwrap_or_default();
    let run: String = run.chars().take(COMMAND_CHARS_MAX).collect();
    let command = Some(line("command")).filter(|it| !it.is_empty());
    let command = command.map(|it| format!(": {it}")).unwrap_or_default();
    match event {
        "exec.started" => format!("Exec running (node={node}{run}){command}"),
        "exec.denied" => {
            let reason = Some(line("reason")).filter(|it| !it.is_empty());
            let reason = reason.map(|it| format!(", {it}")).unwrap_or_default();
            format!("Exec denied (node={node}{run}{reason}){command}")
        }
        _ => {
            let end = match payload["exitCode"].as_i64() {
                _ if payload["timedOut"] == true => "timeout".to_owned(),
                Some(code) => format!("code {code}"),
                None => "code ?".to_owned(),
            };
            let output = payload["output"].as_str().unwrap_or_default().trim();
            let skip = output.chars().count().saturating_sub(OUTPUT_CHARS_MAX);
            let output: String = output.chars().skip(skip).collect();
            let output = if output.is_empty() { output } else { format!("\n{output}") };
            format!("Exec finished (node={node}{run}, {end}){output}")
        }
    }
}

/// On what occasion a node says that it is there.
fn occasion(payload: &Value) -> &'static str {
    const KNOWN: [&str; 6] = [
        "background",
        "silent_push",
        "bg_app_refresh",
        "significant_location",
        "manual",
        "connect",
    ];
    let trigger = payload["trigger"].as_str().unwrap_or_default();
    KNOWN.into_iter().find(|it| *it == trigger).unwrap_or("connect")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_note_has_one_line_for_the_command_and_the_end_of_its_output() {
        let of = |event, payload| told(event, &payload, ("n1", Some("r1")));

        assert_eq!(
            of("exec.started", json!({"command": "make\n all"})),
            "Exec running (node=n1 id=r1): make all"
        );
        assert_eq!(
            of("exec.finished", json!({"exitCode": 2, "output": "x".repeat(2000)})),
            format!("Exec finished (node=n1 id=r1, code 2)\n{}", "x".repeat(OUTPUT_CHARS_MAX))
        );
        assert_eq!(
            of("exec.finished", json!({"timedOut": true})),
            "Exec finished (node=n1 id=r1, timeout)"
        );
        assert_eq!(
            of("exec.denied", json!({"command": "rm x", "reason": "user-denied"})),
            "Exec denied (node=n1 id=r1, user-denied): rm x"
        );
    }
}
