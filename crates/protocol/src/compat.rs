//! How version 3 differs from version 4. The only place that knows.
//!
//! Everything else speaks the newest version; a connection that negotiated 3 has its hello,
//! events, errors and default scopes shaped here on the way out (or in).

use domain::Scope;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    Code, Error, Version,
    event::{Agent, AgentData, Chat, ChatMessage, ChatState, Shutdown},
    handshake::{Connect, Hello, Mode},
};

/// Events that version 3 knows and this server sends.
const EVENTS_V3: [&str; 15] = [
    "connect.challenge",
    "agent",
    "chat",
    "presence",
    "tick",
    "shutdown",
    "health",
    "heartbeat",
    "node.pair.requested",
    "node.pair.resolved",
    "node.invoke.request",
    "device.pair.requested",
    "device.pair.resolved",
    "exec.approval.requested",
    "exec.approval.resolved",
];

/// Streams of `agent` events that version 3 knows.
const STREAMS_V3: [&str; 5] = ["lifecycle", "assistant", "tool", "compaction", "error"];

/// Limits told to clients of version 3, whose buffers are smaller.
const PAYLOAD_BYTES_MAX_V3: u64 = 524_288;
const BUFFERED_BYTES_MAX_V3: u64 = 1_572_864;

/// The code as `version` knows it.
pub fn code(code: Code, version: Version) -> Code {
    match (version, code) {
        (Version::V3, Code::Forbidden | Code::ApprovalNotFound) => Code::InvalidRequest,
        (Version::V3 | Version::V4, code) => code,
    }
}

/// What an operator may do that did not say: everything in version 3, nothing in version 4.
pub fn default_scopes(version: Version) -> Vec<String> {
    match version {
        Version::V3 => vec![Scope::Admin.as_str().to_owned()],
        Version::V4 => Vec::new(),
    }
}

/// Shortest time between two chat deltas of one turn.
pub fn delta_interval(version: Version) -> Duration {
    match version {
        Version::V3 => Duration::from_millis(150),
        Version::V4 => Duration::from_millis(50),
    }
}

/// Whether messages of a history carry a note of where they stand in the file.
pub fn knows_history_marks(version: Version) -> bool {
    version >= Version::V4
}

/// The refusal of bad params. Version 4 has its own for writes that name no conversation.
pub fn invalid_params(method: &str, problems: &[String], version: Version) -> Error {
    let names_no_session = problems.iter().any(|it| it.ends_with("property 'sessionKey'"));
    if version == Version::V4 && method == "chat.send" && names_no_session {
        return Error::invalid("session mutation target is unavailable")
            .with_details(json!({"code": "SESSION_MUTATION_TARGET_REQUIRED", "method": method}));
    }
    Error::invalid(crate::validation::refusal(method, problems))
}

/// The version whose wording a refused client is likely to know, whatever it negotiated.
pub fn likely_version(connect: &Connect) -> Version {
    if connect.max_protocol >= Version::V4.number() { Version::V4 } else { Version::V3 }
}

/// The text for a control page that brought no device.
pub fn device_required_of_page(version: Version) -> &'static str {
    match version {
        Version::V3 => "control ui requires HTTPS or localhost (secure context)",
        Version::V4 => {
            "control ui requires device identity (use HTTPS or localhost secure context)"
        }
    }
}

/// What a client should do about a missing or wrong token.
pub fn token_hint(connect: &Connect) -> &'static str {
    match (likely_version(connect), connect.client.mode) {
        (Version::V3, Mode::Cli) => "set gateway.remote.token to match gateway.auth.token",
        (Version::V3 | Version::V4, Mode::Webchat | Mode::Ui) => {
            "open the dashboard URL and paste the token in Control UI settings"
        }
        (Version::V3, _) => "provide gateway auth token",
        (Version::V4, _) => "use this gateway's gateway.auth.token or pair the device",
    }
}

/// What a client should do about a missing or wrong password.
pub fn password_hint(connect: &Connect) -> &'static str {
    match connect.client.mode {
        Mode::Cli => "set gateway.remote.password to match gateway.auth.password",
        Mode::Webchat | Mode::Ui => "enter the password in Control UI settings",
        Mode::Backend | Mode::Node | Mode::Probe | Mode::Test | Mode::Worker => {
            "provide gateway auth password"
        }
    }
}

/// The hello as `version` knows it. `host` is told to version 3 only.
pub fn hello(mut hello: Hello, version: Version, host: &str) -> Hello {
    if version == Version::V3 {
        hello.protocol = Version::V3.number();
        hello.server.host = Some(host.to_owned());
        hello.server.boot_id = None;
        hello.features.capabilities.clear();
        hello.features.events.retain(|name| EVENTS_V3.contains(&name.as_str()));
        hello.snapshot.auth_mode = None;
        if let Some(defaults) = &mut hello.snapshot.session_defaults {
            defaults.newest = None;
        }
        hello.auth = hello.auth.filter(|auth| auth.device_token.is_some()).map(|mut auth| {
            auth.method = None;
            auth.scopes.sort();
            auth
        });
        hello.policy.attachments = None;
        hello.policy.max_payload = PAYLOAD_BYTES_MAX_V3;
        hello.policy.max_buffered_bytes = BUFFERED_BYTES_MAX_V3;
    }
    hello
}

/// Payload of `shutdown` for version 3, which wants null rather than nothing.
pub fn shutdown(shutdown: &Shutdown) -> Value {
    json!({"reason": shutdown.reason, "restartExpectedMs": shutdown.restart_expected_ms})
}

/// Payload of an `agent` event for version 3; `None` when it knows no such event.
pub fn agent(event: &Agent) -> Option<AgentV3<'_>> {
    if !STREAMS_V3.contains(&event.stream) {
        return None;
    }
    let data = match &event.data {
        AgentData::Text { text, delta, item_id: _ } => json!({"text": &**text, "delta": delta}),
        AgentData::Other(data) if event.stream == "lifecycle" => lifecycle(data)?,
        AgentData::Other(data) => data.clone(),
    };
    Some(AgentV3 {
        run_id: &event.run_id,
        stream: event.stream,
        data,
        session_key: &event.session_key,
        seq: event.seq,
        ts: event.ts,
    })
}

fn lifecycle(data: &Value) -> Option<Value> {
    let field = |name: &str| data.get(name).cloned().unwrap_or_default();
    match data.get("phase").and_then(Value::as_str)? {
        "start" => Some(json!({"phase": "start", "startedAt": field("startedAt")})),
        "end" => Some(json!({"phase": "end", "endedAt": field("endedAt")})),
        "error" => {
            Some(json!({"phase": "error", "error": field("error"), "endedAt": field("endedAt")}))
        }
        _ => None,
    }
}

/// Data of a `tool` event for version 3: none when the conversation is quiet, and results only
/// when it is fully verbose.
pub fn tool(data: &Value, verbose: &str) -> Option<Value> {
    if verbose == "off" {
        return None;
    }
    let mut data = data.clone();
    if verbose != "full"
        && let Some(fields) = data.as_object_mut()
    {
        fields.remove("result");
        fields.remove("partialResult");
    }
    Some(data)
}

/// Payload of `agent` in version 3.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentV3<'a> {
    run_id: &'a str,
    stream: &'a str,
    data: Value,
    session_key: &'a str,
    seq: u64,
    ts: i64,
}

/// Payload of a `chat` event for version 3; `None` when it knows no such state.
pub fn chat(chat: &Chat) -> Option<Chat> {
    let state = match &chat.state {
        ChatState::Status { .. } => return None,
        ChatState::Delta { message, .. } => {
            ChatState::Delta { delta_text: None, replace: false, message: said(message) }
        }
        ChatState::Final { message, .. } => {
            ChatState::Final { stop_reason: None, message: message.as_ref().map(said) }
        }
        ChatState::Aborted { stop_reason, .. } => ChatState::Aborted { stop_reason, message: None },
        ChatState::Error { error_message, .. } => {
            ChatState::Error { error_message: error_message.clone(), error_kind: None }
        }
    };
    Some(Chat { agent_id: None, state, ..chat.clone() })
}

fn said(message: &ChatMessage) -> ChatMessage {
    let mut message = message.clone();
    if let Some(injected) = &mut message.injected {
        injected.stop_reason = "injected";
        injected.usage = json!({"input": 0, "output": 0, "totalTokens": 0});
        injected.api = None;
        injected.provider = None;
        injected.model = None;
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat_of(state: ChatState) -> Chat {
        Chat {
            run_id: "r".into(),
            session_key: "agent:main:main".into(),
            agent_id: Some("main".into()),
            seq: 3,
            state,
        }
    }

    fn both(state: ChatState) -> (Value, Option<Value>) {
        let newest = chat_of(state);
        let older = chat(&newest).map(|older| serde_json::to_value(older).unwrap());
        (serde_json::to_value(newest).unwrap(), older)
    }

    #[test]
    fn version_3_deltas_carry_no_delta_text() {
        let message = ChatMessage::new("Hello from", 5);
        let delta =
            ChatState::Delta { delta_text: Some(" from".to_owned()), replace: false, message };

        let (newest, older) = both(delta);

        let said = json!({"role": "assistant", "content": [{"type": "text", "text": "Hello from"}],
            "timestamp": 5});
        assert_eq!(
            newest,
            json!({"runId": "r", "sessionKey": "agent:main:main", "agentId": "main", "seq": 3,
                "state": "delta", "deltaText": " from", "message": said})
        );
        assert_eq!(
            older,
            Some(json!({"runId": "r", "sessionKey": "agent:main:main", "seq": 3,
                "state": "delta", "message": said}))
        );
    }

    #[test]
    fn version_3_has_no_status_and_no_partial_text_after_an_abort() {
        let (_, status) = both(ChatState::Status { phase: "starting_model" });
        let message = Some(ChatMessage::new("Hel", 5));
        let (newest, aborted) = both(ChatState::Aborted { stop_reason: "rpc", message });

        assert_eq!(status, None);
        assert!(newest.get("message").is_some());
        assert_eq!(
            aborted,
            Some(json!({"runId": "r", "sessionKey": "agent:main:main", "seq": 3,
                "state": "aborted", "stopReason": "rpc"}))
        );
    }

    #[test]
    fn injected_messages_are_marked_as_each_version_knows_it() {
        let message = Some(ChatMessage::new("note", 5).injected());

        let (newest, older) = both(ChatState::Final { stop_reason: None, message });

        assert_eq!(newest["message"]["model"], "gateway-injected");
        assert_eq!(
            older.unwrap()["message"],
            json!({"role": "assistant", "content": [{"type": "text", "text": "note"}],
                "timestamp": 5, "stopReason": "injected",
                "usage": {"input": 0, "output": 0, "totalTokens": 0}})
        );
    }

    #[test]
    fn version_3_lifecycle_has_two_fields_and_no_model_phase() {
        let event = |data: Value| Agent {
            run_id: "r".into(),
            stream: "lifecycle",
            data: AgentData::Other(data),
            session_key: "agent:main:main".into(),
            session_id: "s".into(),
            agent_id: "main".into(),
            seq: 1,
            ts: 9,
            is_heartbeat: false,
        };
        let end = event(json!({"phase": "end", "endedAt": 9, "startedAt": 1, "aborted": false}));

        assert_eq!(
            serde_json::to_value(agent(&end)).unwrap(),
            json!({"runId": "r", "stream": "lifecycle", "data": {"phase": "end", "endedAt": 9},
                "sessionKey": "agent:main:main", "seq": 1, "ts": 9})
        );
        assert!(agent(&event(json!({"phase": "model"}))).is_none());
    }

    #[test]
    fn missing_scope_is_an_invalid_request_in_version_3() {
        let error = Error::missing_scope(Scope::Write);

        assert_eq!(error.clone().shaped(Version::V4).code, Code::Forbidden);
        let older = error.shaped(Version::V3);
        assert_eq!(
            (older.code, &*older.message),
            (Code::InvalidRequest, "missing scope: operator.write")
        );
    }
}
