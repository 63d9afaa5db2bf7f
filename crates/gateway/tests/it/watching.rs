//! Pages of version 4: what they begin with, and what they hear of conversations.

use serde_json::{Value, json};
use testkit::llm::{Llm, says};

use crate::{
    client::Client,
    server::{Server, connect_params},
};

const KEY: &str = "agent:main:page";

async fn with_model(replies: &[&str]) -> (Server, Llm) {
    let llm = Llm::script(replies.iter().map(|text| says(text)));
    (Server::with_model(&llm).await, llm)
}

/// Sends a message and waits for the end of its turn.
async fn say(client: &mut Client, key: &str, id: &str) -> Vec<Value> {
    let message = json!({"key": key, "message": "hi", "idempotencyKey": id});
    let sent = client.call("sessions.send", message).await;
    assert_eq!(sent, json!({"runId": id, "status": "started"}));
    client.until(|it| it["payload"]["state"] == "final").await
}

#[tokio::test]
async fn watchers_hear_of_a_conversation_from_its_making_to_its_end() {
    let (server, _llm) = with_model(&["hello"]).await;
    let mut page = server.connect(4).await;
    let mut other = server.connect(4).await;
    let mut older = server.connect(3).await;
    assert_eq!(page.call("sessions.subscribe", json!({})).await, json!({"subscribed": true}));
    page.call("sessions.messages.subscribe", json!({"key": KEY})).await;

    let made = other.call("sessions.create", json!({"key": KEY, "label": "made"})).await;
    say(&mut other, KEY, "one").await;
    let message = |text: &str| {
        let text = text.to_owned();
        move |it: &Value| {
            it["event"] == "session.message"
                && it["payload"]["message"]["content"][0]["text"] == text.as_str()
        }
    };
    let heard = page.until(message("hello")).await;
    other.call("sessions.delete", json!({"key": KEY})).await;
    let end = page.until(|it| it["payload"]["reason"] == "delete").await;

    assert_eq!(
        (&made["ok"], &made["key"], &made["runStarted"]),
        (&json!(true), &json!(KEY), &json!(false))
    );
    let changes: Vec<String> = heard
        .iter()
        .filter(|it| it["event"] == "sessions.changed")
        .map(|it| {
            it["payload"]["reason"].as_str().or(it["payload"]["phase"].as_str()).unwrap().to_owned()
        })
        .collect();
    for expected in ["create", "send", "start"] {
        assert!(changes.iter().any(|it| it == expected), "{expected} in {changes:?}");
    }
    let said = &heard.last().unwrap()["payload"];
    assert_eq!((&said["sessionKey"], &said["agentId"]), (&json!(KEY), &json!("main")));
    assert_eq!((&said["messageSeq"], &said["message"]["role"]), (&json!(2), &json!("assistant")));
    assert_eq!(said["messageId"], said["message"]["__openclaw"]["id"]);
    assert_eq!(said["session"]["label"], "made");
    assert!(end.last().unwrap()["payload"].get("session").is_none());
    let last = older.send_request("health", &json!({})).await;
    let heard = older.until(|it| it["id"] == last.as_str()).await;
    assert!(heard.iter().all(|it| !it["event"].as_str().unwrap_or("").starts_with("session")));
    server.stop().await;
}

#[tokio::test]
async fn who_watches_all_conversations_hears_what_is_said_in_each() {
    let (server, _llm) = with_model(&["hello"]).await;
    let mut page = server.connect(4).await;
    page.call("sessions.subscribe", json!({})).await;
    page.call("sessions.create", json!({"key": KEY})).await;

    let message = json!({"key": KEY, "message": "hi", "idempotencyKey": "one"});
    page.call("sessions.send", message).await;
    let heard = page.until(|it| it["event"] == "session.message").await;

    assert_eq!(heard.last().unwrap()["payload"]["sessionKey"], KEY);
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_chose_conversations_hears_turns_of_those_only() {
    let (server, _llm) = with_model(&["one", "two"]).await;
    let mut params = connect_params(4);
    params["caps"] = json!(["tool-events", "session-scoped-events"]);
    let mut scoped = server.open().await;
    assert_eq!(scoped.connect(&params).await["ok"], true);
    let mut other = server.connect(4).await;
    scoped.call("sessions.messages.subscribe", json!({"key": "agent:main:b"})).await;
    for key in ["agent:main:a", "agent:main:b"] {
        other.call("sessions.create", json!({"key": key})).await;
    }

    say(&mut other, "agent:main:a", "in a").await;
    say(&mut other, "agent:main:b", "in b").await;

    let heard = scoped.until(|it| it["payload"]["state"] == "final").await;
    let of_turns =
        heard.iter().filter(|it| ["chat", "agent"].iter().any(|name| it["event"] == *name));
    assert!(of_turns.clone().count() > 0);
    assert!(of_turns.into_iter().all(|it| it["payload"]["runId"] == "in b"));
    server.stop().await;
}

#[tokio::test]
async fn a_page_begins_with_one_answer_and_looks_up_the_rest() {
    let (server, _llm) = with_model(&["a long story"]).await;
    let mut page = server.connect(4).await;
    page.call("sessions.create", json!({"key": KEY})).await;
    say(&mut page, KEY, "one").await;

    let start = page.call("chat.startup", json!({"sessionKey": KEY, "limit": 5})).await;
    let id = start["messages"][1]["__openclaw"]["id"].clone();
    let get = json!({"sessionKey": KEY, "messageId": id});
    let whole = page.call("chat.message.get", get.clone()).await;
    let mut small = get.clone();
    small["maxChars"] = json!(10);
    let cut = page.call("chat.message.get", small).await;
    let lost = json!({"sessionKey": KEY, "messageId": "nobody"});
    let lost = page.call("chat.message.get", lost).await;
    let described = page.call("sessions.describe", json!({"key": KEY})).await;
    let tools = page.call("tools.effective", json!({"sessionKey": KEY})).await;

    assert_eq!(start["agentsList"]["defaultId"], "main");
    assert!(start["metadata"]["models"].as_array().is_some_and(|it| !it.is_empty()));
    assert_eq!(whole, json!({"ok": true, "message": start["messages"][1]}));
    assert_eq!(cut, json!({"ok": false, "unavailableReason": "oversized"}));
    assert_eq!(lost, json!({"ok": false, "unavailableReason": "not_found"}));
    assert_eq!(described["session"]["key"], KEY);
    let names = tools["groups"][0]["tools"].as_array().unwrap();
    assert!(names.iter().any(|tool| tool["id"] == "read"));
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_to_write_to_or_to_make_is_said_so() {
    let (server, _llm) = with_model(&[]).await;
    let mut page = server.connect(4).await;

    let send = json!({"key": "agent:main:nobody", "message": "hi"});
    let missing = page.call_raw("sessions.send", &send).await;
    let fork = page.call_raw("sessions.create", &json!({"key": KEY, "worktree": true})).await;
    let abort = page.call("sessions.abort", json!({"key": KEY})).await;

    assert_eq!(missing["error"]["message"], "session mutation target is unavailable");
    assert_eq!(missing["error"]["details"]["code"], "SESSION_MUTATION_TARGET_REQUIRED");
    assert_eq!(fork["error"]["code"], "UNAVAILABLE");
    assert_eq!(abort, json!({"ok": true, "abortedRunId": null, "status": "no-active-run"}));
    server.stop().await;
}

#[tokio::test]
async fn the_same_key_makes_the_same_conversation() {
    let (server, _llm) = with_model(&[]).await;
    let mut page = server.connect(4).await;
    let wanted = json!({"idempotencyKey": "make-1", "label": "once"});

    let first = page.call("sessions.create", wanted.clone()).await;
    let again = page.call("sessions.create", wanted).await;
    let other = page.call("sessions.create", json!({})).await;

    assert_eq!((&first["key"], &first["sessionId"]), (&again["key"], &again["sessionId"]));
    assert_ne!(first["key"], other["key"]);
    server.stop().await;
}

#[tokio::test]
async fn who_may_only_write_makes_conversations_and_changes_none() {
    let server = Server::plain().await;
    let mut owner = server.connect(4).await;
    owner.call("sessions.create", json!({"key": KEY, "label": "made"})).await;
    let mut params = connect_params(4);
    params["scopes"] = json!(["operator.read", "operator.write"]);
    let mut writer = server.open().await;
    writer.connect(&params).await;
    let with = |field: &str, value: &str| json!({"key": KEY, "label": "made", (field): value});

    let same = writer.call_raw("sessions.create", &json!({"key": KEY, "label": "made"})).await;
    let off = writer.call_raw("sessions.create", &with("thinkingLevel", "off")).await;
    let thinking = writer.call_raw("sessions.create", &with("thinkingLevel", "low")).await;
    let model = writer.call_raw("sessions.create", &with("model", "other/one")).await;

    assert_eq!((&same["ok"], &off["ok"]), (&json!(true), &json!(true)), "{same} {off}");
    for refused in [thinking, model] {
        assert_eq!(refused["error"]["message"], "missing scope: operator.admin", "{refused}");
    }
    server.stop().await;
}
