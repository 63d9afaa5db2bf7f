//! Handshakes as they were recorded from the reference, refusals and all.

use serde_json::{Value, json};
use testkit::home::TOKEN;

use crate::{client::Seen, server::Server};

fn params(version: u32, id: &str, mode: &str) -> Value {
    json!({"minProtocol": version, "maxProtocol": version,
        "client": {"id": id, "version": "1.0.0", "platform": "linux", "mode": mode},
        "role": "operator", "scopes": ["operator.admin"], "caps": [],
        "auth": {"token": TOKEN}})
}

fn without_auth(version: u32) -> Value {
    let mut params = params(version, "cli", "cli");
    params.as_object_mut().unwrap().remove("auth");
    params
}

fn with(mut params: Value, pointer: &str, value: Value) -> Value {
    *params.pointer_mut(pointer).unwrap() = value;
    params
}

struct Case {
    name: &'static str,
    params: Value,
    code: &'static str,
    message: &'static str,
    detail: Value,
    close: u16,
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let case = |name, params, (code, message), detail, close| Case {
        name,
        params,
        code,
        message,
        detail,
        close,
    };
    let invalid = |message| ("INVALID_REQUEST", message);
    let range = |params: Value, min: u32, max: u32| {
        with(with(params, "/minProtocol", json!(min)), "/maxProtocol", json!(max))
    };
    let origin = "origin not allowed (open the Control UI from the gateway host or allow it in \
                  gateway.controlUi.allowedOrigins)";
    vec![
        case(
            "v4 bad-token",
            with(params(4, "cli", "cli"), "/auth/token", json!("bad")),
            invalid(
                "unauthorized: gateway token mismatch (use this gateway's gateway.auth.token or \
                 pair the device)",
            ),
            json!("AUTH_TOKEN_MISMATCH"),
            1008,
        ),
        case(
            "v3 bad-token",
            with(params(3, "cli", "cli"), "/auth/token", json!("bad")),
            invalid(
                "unauthorized: gateway token mismatch (set gateway.remote.token to match \
                 gateway.auth.token)",
            ),
            json!("AUTH_TOKEN_MISMATCH"),
            1008,
        ),
        case(
            "v4 no-auth",
            without_auth(4),
            ("NOT_PAIRED", "device identity required"),
            json!("DEVICE_IDENTITY_REQUIRED"),
            1008,
        ),
        case(
            "v3 no-auth",
            without_auth(3),
            ("NOT_PAIRED", "device identity required"),
            json!("DEVICE_IDENTITY_REQUIRED"),
            1008,
        ),
        case(
            "v4 control-ui-no-device",
            params(4, "openclaw-control-ui", "webchat"),
            invalid("control ui requires device identity (use HTTPS or localhost secure context)"),
            json!("CONTROL_UI_DEVICE_IDENTITY_REQUIRED"),
            1008,
        ),
        case(
            "v3 control-ui-no-device",
            params(3, "openclaw-control-ui", "webchat"),
            invalid("control ui requires HTTPS or localhost (secure context)"),
            json!("CONTROL_UI_DEVICE_IDENTITY_REQUIRED"),
            1008,
        ),
        case(
            "v4 webchat-no-device",
            params(4, "webchat-ui", "webchat"),
            invalid(origin),
            json!("CONTROL_UI_ORIGIN_NOT_ALLOWED"),
            1008,
        ),
        case(
            "v3 webchat-no-device",
            params(3, "webchat-ui", "webchat"),
            invalid(origin),
            json!("CONTROL_UI_ORIGIN_NOT_ALLOWED"),
            1008,
        ),
        case(
            "wrong-protocol-high",
            range(params(4, "cli", "cli"), 99, 99),
            invalid("protocol mismatch"),
            json!("PROTOCOL_MISMATCH"),
            1002,
        ),
        case(
            "wrong-protocol-low",
            range(params(3, "cli", "cli"), 1, 2),
            invalid("protocol mismatch"),
            json!("PROTOCOL_MISMATCH"),
            1002,
        ),
        case(
            "bad role",
            with(params(4, "cli", "cli"), "/role", json!("king")),
            invalid("invalid role"),
            Value::Null,
            1008,
        ),
    ]
}

#[tokio::test]
async fn refusals_are_those_of_the_reference() {
    let server = Server::plain().await;

    for case in cases() {
        let mut client = server.open().await;
        let answer = client.connect(&case.params).await;
        let error = &answer["error"];
        assert_eq!(error["code"], case.code, "{}: {answer}", case.name);
        assert_eq!(error["message"], case.message, "{}", case.name);
        assert_eq!(error["details"]["code"], case.detail, "{}", case.name);
        let Seen::Closed(code, reason) = client.next().await else {
            panic!("{}: not closed", case.name)
        };
        assert_eq!(code, case.close, "{}", case.name);
        assert!(case.message.starts_with(&reason), "{}: {reason}", case.name);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_reader_may_read_and_no_more() {
    let server = Server::plain().await;
    let read = |version| {
        with(params(version, "gateway-client", "backend"), "/scopes", json!(["operator.read"]))
    };
    let send = json!({"sessionKey": "main", "message": "x", "idempotencyKey": "no"});

    let mut v4 = server.open().await;
    v4.connect(&read(4)).await;
    let mut v3 = server.open().await;
    v3.connect(&read(3)).await;

    assert_eq!(v4.call("health", json!({})).await["ok"], true);
    assert_eq!(
        v4.call_raw("chat.send", &send).await["error"],
        json!({"code": "FORBIDDEN", "message": "missing scope: operator.write",
            "details": {"code": "MISSING_SCOPE", "missingScope": "operator.write",
                "requiredScopes": ["operator.write"]}})
    );
    let older = v3.call_raw("chat.send", &send).await;
    assert_eq!(older["error"]["code"], "INVALID_REQUEST");
    assert_eq!(older["error"]["message"], "missing scope: operator.write");
    server.stop().await;
}

#[tokio::test]
async fn bad_requests_are_answered_as_recorded_and_the_connection_lives() {
    let server = Server::plain().await;
    let mut v3 = server.connect(3).await;
    let mut v4 = server.connect(4).await;

    v3.send("this is no json").await;
    v3.send(r#"{"hello":1}"#).await;
    let bad_frame = v3.answer("invalid").await;
    let missing = v3.call_raw("chat.send", &json!({"message": "x"})).await;
    let missing_v4 = v4.call_raw("chat.send", &json!({"message": "x"})).await;
    let extra = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "k", "extra": 1});
    let extra = v4.call_raw("chat.send", &extra).await;
    let unknown = v4.call_raw("system.unknown-method-xyz", &json!({})).await;
    let again = v4.call_raw("connect", &json!({})).await;
    let unrelated = v4.call("chat.abort", json!({"sessionKey": "main", "runId": "nope"})).await;
    let any_params = v4.call_raw("health", &json!("notobject")).await;

    assert_eq!(
        bad_frame["error"]["message"],
        "invalid request frame: must have required property 'type'; must have required property \
         'id'; must have required property 'method'; at root: unexpected property 'hello'"
    );
    assert_eq!(
        missing["error"]["message"],
        "invalid chat.send params: must have required property 'sessionKey'; must have required \
         property 'idempotencyKey'"
    );
    assert_eq!(missing_v4["error"]["details"]["code"], "SESSION_MUTATION_TARGET_REQUIRED");
    assert_eq!(
        extra["error"]["message"],
        "invalid chat.send params: at root: unexpected property 'extra'"
    );
    assert_eq!(unknown["error"]["message"], "unknown method: system.unknown-method-xyz");
    assert_eq!(again["error"]["message"], "connect is only valid as the first request");
    assert_eq!(unrelated, json!({"ok": true, "aborted": false, "runIds": []}));
    assert_eq!(any_params["ok"], true);
    server.stop().await;
}
