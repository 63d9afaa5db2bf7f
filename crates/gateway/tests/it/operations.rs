//! Methods about the gateway as a thing that is run: notes, workspace files, what is not built.

use serde_json::json;
use testkit::llm::{Llm, says};

use crate::server::Server;

#[tokio::test]
async fn workspace_files_are_listed_read_and_replaced() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;
    let soul = |content: &str| json!({"agentId": "main", "name": "SOUL.md", "content": content});

    let made = client.call("agents.files.set", soul("calm")).await;
    let listed = client.call("agents.files.list", json!({"agentId": "main"})).await;
    let read = client.call("agents.files.get", json!({"agentId": "main", "name": "SOUL.md"})).await;
    let mut stale = soul("other");
    stale["expectedHash"] = json!("0".repeat(64));
    let stale = client.call_raw("agents.files.set", &stale).await;
    let other = json!({"agentId": "main", "name": "../openclaw.json"});
    let other = client.call_raw("agents.files.get", &other).await;
    let nobody = client.call_raw("agents.files.list", &json!({"agentId": "nobody"})).await;

    assert_eq!(made["file"]["missing"], false);
    let row = listed["files"].as_array().unwrap().iter().find(|it| it["name"] == "SOUL.md");
    assert_eq!(row.unwrap()["size"], 4);
    assert_eq!(read["file"]["content"], "calm");
    assert!(stale["error"]["message"].as_str().unwrap().contains("changed"));
    assert_eq!(other["error"]["message"], "unsupported file \"../openclaw.json\"");
    assert_eq!(nobody["error"]["message"], "unknown agent id");
    server.stop().await;
}

#[tokio::test]
async fn a_note_waits_for_the_next_message_and_a_call_to_wake_does_not() {
    let llm = Llm::script([says("I looked."), says("Yes.")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;

    client.call("system-event", json!({"text": "the door opened", "host": "door"})).await;
    let roster = client.call("system-presence", json!({})).await;
    client.call("wake", json!({"mode": "now", "text": "look at the door"})).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;
    let blank = client.call("wake", json!({"mode": "now", "text": " "})).await;

    let said = llm.request(0).last_user().to_owned();
    assert!(said.contains("the door opened") && said.contains("look at the door"), "{said}");
    assert!(roster.as_array().unwrap().iter().any(|it| it["text"] == "the door opened"));
    assert_eq!((blank["ok"].as_bool(), llm.count()), (Some(false), 1));
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_built_says_so_and_is_not_advertised() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;

    let tts = client.call_raw("tts.status", &json!({})).await;
    let nothing = client.call_raw("no.such", &json!({})).await;
    let update = client.call("update.run", json!({})).await;

    assert_eq!(tts["error"]["code"], "UNAVAILABLE");
    assert_eq!(nothing["error"]["message"], "unknown method: no.such");
    assert_eq!((&update["ok"], &update["result"]["status"]), (&json!(false), &json!("skipped")));
    let mut other = server.open().await;
    let hello = other.connect(&crate::server::connect_params(4)).await;
    let methods = hello["payload"]["features"]["methods"].as_array().unwrap();
    assert!(!methods.contains(&json!("tts.status")) && methods.contains(&json!("wake")));
    server.stop().await;
}
