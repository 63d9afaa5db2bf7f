//! Calls of tools, conversations and figures over HTTP, and the record of who did what.

#![expect(clippy::disallowed_methods, reason = "tests lay files out and look at them")]

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    home::{TOKEN, TempHome},
    llm::{Llm, calls, hangs_after, says},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    http::{Answer, ask},
    server::{Server, connect_params},
};

const METRICS: &str = "/api/diagnostics/prometheus";

async fn post(server: &Server, path: &str, body: &Value) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}");
    ask(server, &head, &body.to_string()).await
}

async fn get(server: &Server, path: &str) -> Answer {
    ask(server, &format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}"), "").await
}

async fn invoke(server: &Server, body: Value) -> Answer {
    post(server, "/tools/invoke", &body).await
}

#[tokio::test]
async fn a_tool_is_called_by_the_same_door_as_in_a_turn() {
    let home = Server::plain().await.stop().await;
    home.merge_config(&json!({"gateway": {"tools": {"allow": ["process"]}}})).unwrap();
    let server = Server::at(home).await;
    let workspace = server.home.state_dir().join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("note.txt"), "found it").unwrap();

    let read = invoke(&server, json!({"tool": "read", "args": {"path": "note.txt"}})).await;
    let listed = invoke(&server, json!({"name": "process", "action": "list"})).await;
    let misfit = invoke(&server, json!({"tool": "read", "args": {"limit": "many"}})).await;
    let absent = invoke(&server, json!({"tool": "read", "args": {"path": "none.txt"}})).await;

    assert_eq!(read.status, 200, "{}", read.body);
    assert_eq!(read.json()["ok"], true);
    assert!(read.json()["result"]["content"][0]["text"].as_str().unwrap().contains("found it"));
    assert_eq!(listed.status, 200, "{}", listed.body);
    assert_eq!((misfit.status, &misfit.json()["error"]["type"]), (400, &json!("tool_error")));
    assert_eq!(absent.status, 500);
    assert_eq!(absent.json()["error"]["message"], "tool execution failed");
    server.stop().await;
}

#[tokio::test]
async fn the_same_call_under_the_same_key_is_made_once() {
    let home = Server::plain().await.stop().await;
    home.merge_config(&json!({"gateway": {"tools": {"allow": ["edit"]}}})).unwrap();
    let server = Server::at(home).await;
    let workspace = server.home.state_dir().join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("note.txt"), "one").unwrap();
    let edit = |key: &str, new: &str| {
        let args = json!({"path": "note.txt", "oldText": "one", "newText": new});
        json!({"tool": "edit", "args": args, "idempotencyKey": key})
    };

    let first = invoke(&server, edit("k1", "two")).await;
    let again = invoke(&server, edit("k1", "two")).await;
    let other = invoke(&server, edit("k1", "three")).await;
    let anew = invoke(&server, edit("k2", "two")).await;

    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!((again.status, again.body), (200, first.body));
    assert_eq!((other.status, &other.json()["error"]["type"]), (409, &json!("conflict")));
    // There is no `one` any more.
    assert_eq!(anew.status, 500, "{}", anew.body);
    server.stop().await;
}

#[tokio::test]
async fn what_reaches_far_must_be_named_and_writes_nothing_that_would_run() {
    let server = Server::plain().await;
    let call = |tool: &str, args: Value| json!({"tool": tool, "args": args});
    let write = |path: &str| call("write", json!({"path": path, "content": "{}"}));
    let by_default = [
        write("a.txt"),
        call("edit", json!({"path": "a", "oldText": "a", "newText": "b"})),
        call("apply_patch", json!({"input": "*** Begin Patch\n*** End Patch"})),
        call("process", json!({"action": "list"})),
        call("sessions_send", json!({"sessionKey": "main", "message": "x"})),
        call("sessions_spawn", json!({"task": "x"})),
    ];
    for body in by_default {
        assert_eq!(invoke(&server, body.clone()).await.status, 404, "{body}");
    }
    let home = server.stop().await;
    let tools = json!({"allow": ["write", "process"]});
    home.merge_config(&json!({"gateway": {"tools": tools}})).unwrap();

    let server = Server::at(home).await;
    let inside = invoke(&server, write("a.txt")).await;
    let typed = json!({"action": "write", "sessionId": "x", "data": "id\n"});
    let typed = invoke(&server, call("process", typed)).await;
    std::os::unix::fs::symlink(server.home.path(), server.home.state_dir().join("workspace/up"))
        .unwrap();
    let state = server.home.state_dir();
    let outside = [
        state.join("openclaw.json").display().to_string(),
        "../openclaw.json".to_owned(),
        "~/.bashrc".to_owned(),
        "up/.bashrc".to_owned(),
        "up/.openclaw/exec-approvals.json".to_owned(),
    ];

    assert_eq!(inside.status, 200, "{}", inside.body);
    assert_eq!(typed.status, 403, "{}", typed.body);
    for path in &outside {
        assert_eq!(invoke(&server, write(path)).await.status, 403, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn commands_are_out_of_reach_of_a_bare_request_until_the_config_says_otherwise() {
    let exec = json!({"tool": "bash", "args": {"command": "echo out"}});
    let server = Server::plain().await;
    let withheld = invoke(&server, exec.clone()).await;
    let unknown = invoke(&server, json!({"tool": "teleport"})).await;
    let home = server.stop().await;
    home.merge_config(&json!({
        "gateway": {"tools": {"allow": ["exec"], "deny": ["read"]}},
        "tools": {"exec": {"security": "deny"}},
    }))
    .unwrap();

    let server = Server::at(home).await;
    let judged = invoke(&server, exec).await;
    let denied = invoke(&server, json!({"tool": "read", "args": {"path": "x"}})).await;

    assert_eq!((withheld.status, unknown.status, denied.status), (404, 404, 404));
    assert_eq!(
        withheld.json(),
        json!({"ok": false, "error": {"type": "not_found", "message": "Tool not available: bash"}})
    );
    assert_eq!(judged.status, 403, "{}", judged.body);
    assert_eq!(judged.json()["error"]["type"], "tool_error");
    server.stop().await;
}

#[tokio::test]
async fn bad_requests_for_a_tool_end_as_specified() {
    let server = Server::plain().await;
    let bare = |method: &str| format!("{method} /tools/invoke HTTP/1.1");

    let wrong_method = ask(&server, &bare("GET"), "").await;
    let stranger = ask(&server, &bare("POST"), "{}").await;
    let not_json = post(&server, "/tools/invoke", &json!("{")).await;
    let nameless = invoke(&server, json!({"tool": " ", "args": {}})).await;
    let listless = invoke(&server, json!({"tool": "read", "args": []})).await;
    let dry = invoke(&server, json!({"tool": "read", "dryRun": true})).await;
    let agent = invoke(&server, json!({"tool": "read", "agentId": "nobody"})).await;
    let large = invoke(&server, json!({"tool": "x".repeat(3 << 20)})).await;

    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, Some("POST")));
    assert_eq!((stranger.status, not_json.status, nameless.status), (401, 400, 400));
    assert_eq!(
        nameless.json(),
        json!({"error": {
            "message": "tools.invoke requires body.tool", "type": "invalid_request_error",
        }})
    );
    assert_eq!((listless.status, dry.status, agent.status, large.status), (400, 400, 400, 413));
    server.stop().await;
}

#[tokio::test]
async fn figures_are_off_until_they_are_switched_on_and_count_what_happened() {
    let llm = Llm::script([calls("read", json!({"path": "none"})), says("Done.")]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let server = Server::at(home).await;
    let off = get(&server, METRICS).await;
    let home = server.stop().await;
    let on = json!({"plugins": {"entries": {"diagnostics-prometheus": {"enabled": true}}}});
    home.merge_config(&on).unwrap();

    let server = Server::at(home).await;
    let mut client = server.connect(4).await;
    let send = json!({"sessionKey": "main", "message": "look", "idempotencyKey": "k1"});
    client.call("chat.send", send).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;
    let page = get(&server, METRICS).await;
    let stranger = ask(&server, &format!("GET {METRICS} HTTP/1.1"), "").await;

    assert_eq!((off.status, page.status, stranger.status), (404, 200, 401));
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(page.header("content-type"), Some(kind));
    for line in [
        "openclaw_turns_total{outcome=\"done\"} 1",
        "openclaw_model_requests_total 2",
        "openclaw_tool_calls_total{tool=\"read\",outcome=\"failed\"} 1",
        "openclaw_connections{role=\"operator\"} 1",
    ] {
        assert!(page.body.lines().any(|it| it == line), "{line}\n{}", page.body);
    }
    assert!(page.body.contains("\nprocess_resident_memory_bytes "));
    server.stop().await;
}

#[tokio::test]
async fn a_conversation_is_read_in_pages_and_what_runs_in_it_cannot_be_stopped_by_a_bare_secret() {
    let llm = Llm::script([says("one"), says("two")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    for (key, text) in [("a", "first"), ("b", "second")] {
        let send = json!({"sessionKey": "main", "message": text, "idempotencyKey": key});
        client.call("chat.send", send).await;
        client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;
    }

    let newest = get(&server, "/sessions/agent%3Amain%3Amain/history?limit=3").await;
    let cursor = newest.json()["nextCursor"].as_str().unwrap().to_owned();
    let oldest = get(&server, &format!("/sessions/main/history?limit=3&cursor={cursor}")).await;
    let nobody = get(&server, "/sessions/other/history").await;
    let kill = post(&server, "/sessions/main/kill", &json!({})).await;
    let wrong_method = get(&server, "/sessions/main/kill").await;

    assert_eq!(newest.status, 200, "{}", newest.body);
    assert_eq!(newest.json()["sessionKey"], "agent:main:main");
    assert_eq!(newest.json()["items"], newest.json()["messages"]);
    let roles = |answer: &Answer| -> Vec<String> {
        let messages = answer.json()["messages"].as_array().unwrap().clone();
        messages.iter().map(|it| it["role"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(roles(&newest), ["assistant", "user", "assistant"]);
    assert_eq!(
        (roles(&oldest), oldest.json()["hasMore"].clone()),
        (vec!["user".into()], json!(false))
    );
    assert_eq!(nobody.status, 404);
    assert_eq!(nobody.json()["error"]["message"], "Session not found: other");
    assert_eq!((kill.status, wrong_method.status), (403, 405));
    assert_eq!(kill.json()["error"]["details"]["missingScope"], "operator.admin");
    server.stop().await;
}

#[tokio::test]
async fn where_no_secret_is_asked_the_owner_stops_what_runs() {
    let llm = Llm::script([hangs_after("thinking")]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let no_auth = json!({"gateway": {"auth": {"mode": "none"}}});
    home.merge_config(&no_auth).unwrap();
    let server = Server::at(home).await;
    let mut client = server.connect(4).await;
    let send = json!({"sessionKey": "main", "message": "look", "idempotencyKey": "k1"});
    client.call("chat.send", send).await;
    client.until(|it| it["event"] == "agent").await;

    let killed = post(&server, "/sessions/main/kill", &json!({})).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "aborted").await;
    let again = post(&server, "/sessions/main/kill", &json!({})).await;

    assert_eq!(killed.json(), json!({"ok": true, "killed": true}));
    assert_eq!(again.json(), json!({"ok": true, "killed": false}));
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_stays_is_told_each_message_once() {
    let llm = Llm::script([says("one"), says("two")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    let say = |key: &str, text: &str| json!({"sessionKey": "main", "message": text, "idempotencyKey": key});
    client.call("chat.send", say("a", "first")).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;
    let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
    let head = format!(
        "GET /sessions/main/history HTTP/1.1\r\nHost: localhost\r\n\
         Accept: text/event-stream\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let before = heard(&mut stream, |text| text.contains("event: history")).await;

    client.call("chat.send", say("b", "second")).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;
    client.call("chat.inject", json!({"sessionKey": "main", "message": "by the way"})).await;
    let after = heard(&mut stream, |text| {
        text.contains("second") && text.contains("two") && text.contains("by the way")
    })
    .await;

    assert!(before.contains("retry: 1000") && before.contains("first"), "{before}");
    assert_eq!(after.matches("event: message").count(), 3, "{after}");
    server.stop().await;
}

async fn heard(stream: &mut TcpStream, is_enough: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut buffer = vec![0; 64 << 10];
    while !is_enough(&text) || !text.ends_with("\r\n") {
        let read = timeout(Duration::from_secs(20), stream.read(&mut buffer));
        let count = read.await.expect("more").unwrap();
        assert_ne!(count, 0, "ended early: {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

#[tokio::test]
async fn who_did_what_is_recorded_without_what_was_said() {
    let llm = Llm::script([calls("read", json!({"path": "private.txt"})), says("Done.")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    let send = json!({"sessionKey": "main", "message": "a private word", "idempotencyKey": "k1"});
    client.call("chat.send", send).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;
    client.call("sessions.patch", json!({"key": "main", "label": "a private label"})).await;
    client.call_raw("sessions.delete", &json!({"key": "main", "nonsense": 1})).await;
    invoke(&server, json!({"tool": "exec", "args": {"command": "a private command"}})).await;
    ask(&server, "POST /tools/invoke HTTP/1.1", "{}").await;

    let home = server.stop().await;
    let text = std::fs::read_to_string(home.state_dir().join("audit/audit.jsonl")).unwrap();
    let server = Server::at(home).await;
    let mut client = server.connect(4).await;
    let deeds = client.call("audit.list", json!({"kind": "operation"})).await;
    let runs = client.call("audit.list", json!({"limit": 3})).await;
    let cursor = runs["nextCursor"].clone();
    let rest = client.call("audit.list", json!({"cursor": cursor})).await;

    assert!(!text.contains("private"), "{text}");
    let shown: Vec<Value> = deeds["events"].as_array().unwrap().iter().map(told).collect();
    assert_eq!(
        shown,
        [
            json!(["POST /tools/invoke", "exec", "refused", "http"]),
            json!(["sessions.delete", null, "refused", "gateway-client"]),
            json!(["sessions.patch", "main", "succeeded", "gateway-client"]),
            json!(["chat.send", "main", "succeeded", "gateway-client"]),
        ]
    );
    assert_eq!(deeds["events"][3]["actor"]["proof"], "token");
    assert_eq!(deeds["events"][3]["actor"]["address"], "127.0.0.1");
    let actions = |page: &Value| -> Vec<String> {
        let all = page["events"].as_array().unwrap();
        all.iter().map(|it| it["action"].as_str().unwrap().to_owned()).collect()
    };
    let newest = ["agent.run.finished", "tool.action.finished", "tool.action.started"];
    assert_eq!(actions(&runs), newest);
    assert_eq!(actions(&rest), ["agent.run.started"]);
    assert_eq!(runs["events"][1]["errorCode"], "tool_failed");
    server.stop().await;
}

fn told(event: &Value) -> Value {
    json!([event["action"], event["target"], event["status"], event["actor"]["id"]])
}

#[tokio::test]
async fn what_was_not_allowed_is_told_from_what_failed() {
    let llm = Llm::script([
        calls("exec", json!({"command": "rm -rf x"})),
        calls("read", json!({"path": "none.txt"})),
        says("I may not."),
    ]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    home.merge_config(&json!({"tools": {"deny": ["exec"]}})).unwrap();
    let server = Server::at(home).await;
    let mut client = server.connect(4).await;
    let mut reader = server.open().await;
    let mut params = connect_params(4);
    params["scopes"] = json!(["operator.read"]);
    assert_eq!(reader.connect(&params).await["ok"], true);

    let send = json!({"sessionKey": "main", "message": "clean", "idempotencyKey": "k1"});
    client.call("chat.send", send).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;
    reader.call_raw("config.set", &json!({"raw": "{}"})).await;
    client.call_raw("node.rename", &json!({"nodeId": "nobody", "displayName": "x"})).await;
    let blocked = client.call("audit.list", json!({"status": "blocked"})).await;
    let home = server.stop().await;
    let text = std::fs::read_to_string(home.state_dir().join("audit/audit.jsonl")).unwrap();

    let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let of = |action: &str| -> Vec<Value> {
        let of_it = lines.iter().filter(|it| it["action"] == action);
        of_it.map(|it| json!([it["status"], it["errorCode"], it["reason"]])).collect()
    };
    assert_eq!(
        of("tool.action.finished"),
        [json!(["refused", "tool_blocked", "tools.deny"]), json!(["failed", "tool_failed", null])]
    );
    assert_eq!(of("config.set"), [json!(["refused", "FORBIDDEN", "MISSING_SCOPE"])]);
    assert_eq!(of("node.rename"), [json!(["failed", "INVALID_REQUEST", null])]);
    let shown = &blocked["events"];
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
    assert_eq!((&shown[0]["status"], &shown[0]["reason"]), (&json!("blocked"), &Value::Null));
}
