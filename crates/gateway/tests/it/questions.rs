//! Questions about commands: their history, and how they are told and answered in a conversation.

use serde_json::{Value, json};
use testkit::{
    home::TempHome,
    llm::{Llm, calls, says},
};

use crate::server::{Server, connect_params};

async fn asking(llm: &Llm, forwarding: Value) -> Server {
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let exec = json!({"host": "gateway", "security": "full", "ask": "always"});
    home.merge_config(&json!({"tools": {"exec": exec}, "approvals": {"exec": forwarding}}))
        .unwrap();
    Server::at(home).await
}

fn say(key: &str, text: &str) -> Value {
    json!({"sessionKey": "main", "message": text, "idempotencyKey": key})
}

fn text(frame: &Value) -> &str {
    frame["payload"]["message"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_question_is_told_in_its_conversation_and_answered_there_by_who_may() {
    let llm = Llm::script([calls("exec", json!({"command": "echo ran"})), says("Done.")]);
    let server = asking(&llm, json!({"enabled": true, "sessionFilter": ["^agent:main:"]})).await;
    let mut owner = server.connect(4).await;
    let mut guest = server.open().await;
    let mut params = connect_params(3);
    params["scopes"] = json!(["operator.read", "operator.write"]);
    assert_eq!(guest.connect(&params).await["ok"], true);

    owner.call("chat.send", say("r1", "write it")).await;
    let is_question = |it: &Value| {
        let run = it["payload"]["runId"].as_str().unwrap_or_default();
        it["event"] == "chat" && run.starts_with("approval-")
    };
    let asked = owner.until(is_question).await.pop().unwrap();
    let seen = guest.until(is_question).await.pop().unwrap();
    let question = text(&asked).to_owned();
    let command = question.split("/approve ").nth(1).unwrap();
    let slug = command.split(' ').next().unwrap();
    let refused = say("g1", &format!("/approve {slug} allow-always"));
    guest.send_request("chat.send", &refused).await;
    let refused = guest.until(|it| it["payload"]["runId"] == "g1").await.pop().unwrap();
    let allowed = say("o1", &format!("/approve {slug} allow-once"));
    owner.send_request("chat.send", &allowed).await;
    let frames =
        owner.until(|it| it["payload"]["runId"] == "r1" && it["payload"]["state"] == "final").await;
    let history = owner.call("chat.history", json!({"sessionKey": "main"})).await;

    assert!(question.contains("echo ran") && question.contains("allow-once|"), "{question}");
    assert_eq!(asked["payload"]["sessionKey"], "agent:main:main");
    assert_eq!(text(&seen), question);
    assert!(text(&refused).contains("may not answer"), "{refused}");
    assert_eq!(text(frames.last().unwrap()), "Done.");
    assert!(llm.request(1).result_of("exec").contains("ran"));
    let told: Vec<&str> = frames.iter().map(text).filter(|it| !it.is_empty()).collect();
    assert!(told.iter().any(|it| it.contains("was answered: allow-once")), "{told:?}");
    assert!(!history.to_string().contains("May this run"), "{history}");
    server.stop().await;
}

#[tokio::test]
async fn a_question_outside_of_the_filters_is_told_to_nobody_but_operators_with_the_scope() {
    let llm = Llm::script([calls("exec", json!({"command": "echo ran"})), says("Done.")]);
    let server = asking(&llm, json!({"enabled": true, "agentFilter": ["ops"]})).await;
    let mut owner = server.connect(4).await;

    owner.call("chat.send", say("r1", "write it")).await;
    let asked = owner.until(|it| it["event"] == "exec.approval.requested").await.pop().unwrap();
    let answer = json!({"id": asked["payload"]["id"], "decision": "allow-once"});
    owner.call("exec.approval.resolve", answer).await;
    let frames = owner.until(|it| it["payload"]["state"] == "final").await;

    assert_eq!(text(frames.last().unwrap()), "Done.", "{frames:?}");
    server.stop().await;
}

#[tokio::test]
async fn questions_that_ended_are_remembered_newest_first() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;
    let mut other = server.connect(4).await;
    for n in 0..3 {
        let ask = json!({"id": format!("q{n}"), "command": format!("cmd {n}"),
            "sessionKey": "agent:main:main", "agentId": "main"});
        client.send_request("exec.approval.request", &ask).await;
        client.until(|it| it["event"] == "exec.approval.requested").await;
    }
    let id = |id: &str| json!({"id": id});
    let decide = |id: &str, decision: &str| json!({"id": id, "kind": "exec", "decision": decision});

    let waiting = other.call("approval.get", id("q1")).await;
    let first = other.call("approval.resolve", decide("q0", "allow-once")).await;
    let late = other.call("approval.resolve", decide("q0", "deny")).await;
    other.call("approval.resolve", decide("q1", "deny")).await;
    let unknown = other.call_raw("approval.resolve", &decide("none", "deny")).await;
    let newest = other.call("approval.history", json!({"limit": 1})).await;
    let cursor = json!({"cursor": newest["nextCursor"]});
    let older = other.call("approval.history", cursor).await;
    let plugins = other.call("approval.history", json!({"kind": "plugin"})).await;
    let lost = other.call_raw("approval.history", &json!({"cursor": "x"})).await;
    let nothing = other.call("plugin.approval.list", json!({})).await;

    assert_eq!(waiting["approval"]["status"], "pending");
    assert_eq!(waiting["approval"]["presentation"]["commandText"], "cmd 1");
    assert_eq!((&first["applied"], &late["applied"]), (&json!(true), &json!(false)));
    assert_eq!(late["approval"]["decision"], "allow-once");
    assert_eq!(unknown["error"]["code"], "APPROVAL_NOT_FOUND");
    assert_eq!(
        (&newest["items"][0]["id"], &newest["items"][0]["status"]),
        (&json!("q1"), &json!("denied"))
    );
    assert_eq!(
        (&older["items"][0]["id"], older["items"].as_array().unwrap().len()),
        (&json!("q0"), 1)
    );
    assert_eq!(older.get("nextCursor"), None);
    assert_eq!((&plugins["items"], &nothing), (&json!([]), &json!([])));
    assert_eq!(lost["error"]["code"], "INVALID_REQUEST");
    server.stop().await;
}
