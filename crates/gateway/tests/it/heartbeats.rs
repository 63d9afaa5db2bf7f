//! Heartbeats: when they are, what they say, and when they say nothing.

use serde_json::{Value, json};
use testkit::{
    home::TempHome,
    llm::{Llm, says},
};

use crate::{client::Client, server::Server};

/// Waits for the next `heartbeat`; gives its payload and the frames before it.
async fn beat(client: &mut Client) -> (Value, Vec<Value>) {
    let mut frames = client.until(|it| it["event"] == "heartbeat").await;
    let last = frames.pop().unwrap();
    (last["payload"].clone(), frames)
}

async fn wake(client: &mut Client, text: &str) {
    let woken = client.call("wake", json!({"mode": "now", "text": text})).await;
    assert_eq!(woken, json!({"ok": true}));
}

/// A gateway whose heartbeats come this often, with this to look at.
#[expect(clippy::disallowed_methods, reason = "a workspace from before the gateway starts")]
async fn with_clock(llm: &Llm, heartbeat: &Value, checklist: &str) -> Server {
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let patch = json!({"agents": {"defaults": {"heartbeat": heartbeat}}});
    home.merge_config(&patch).unwrap();
    let workspace = home.state_dir().join("workspace");
    std::fs::create_dir_all(&workspace).unwrap();
    std::fs::write(workspace.join("HEARTBEAT.md"), checklist).unwrap();
    Server::at(home).await
}

#[tokio::test]
async fn an_answer_for_a_person_is_told_once() {
    let llm = Llm::script([says("The door is open."), says("The door is open.")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    assert!(client.call("last-heartbeat", json!({})).await.is_null());

    wake(&mut client, "the door moved").await;
    let (first, before) = beat(&mut client).await;
    wake(&mut client, "the door moved again").await;
    let (second, again) = beat(&mut client).await;
    let last = client.call("last-heartbeat", json!({})).await;

    let asked = llm.request(0).last_user().to_owned();
    assert!(asked.contains("System: the door moved") && asked.contains("HEARTBEAT_OK"), "{asked}");
    assert_eq!((&first["status"], &first["channel"]), (&json!("sent"), &json!("webchat")));
    assert_eq!(first["preview"], "The door is open.");
    let told = |frames: &[Value]| {
        frames.iter().filter(|it| it["event"] == "chat").cloned().collect::<Vec<_>>()
    };
    let chats = told(&before);
    assert_eq!(chats.len(), 1, "{chats:?}");
    assert_eq!(chats[0]["payload"]["message"]["content"][0]["text"], "The door is open.");
    let is_marked = |it: &&Value| it["event"] == "agent" && it["payload"]["isHeartbeat"] == true;
    assert!(before.iter().any(|it| is_marked(&it)));
    assert_eq!((&second["status"], &second["reason"]), (&json!("skipped"), &json!("duplicate")));
    assert!(told(&again).is_empty());
    assert_eq!(last, second);
    server.stop().await;
}

#[tokio::test]
async fn nothing_to_tell_is_no_use_of_the_conversation() {
    let llm = Llm::script([says("hello"), says("**HEARTBEAT_OK**")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(3).await;
    let message = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "one"});
    client.call("chat.send", message).await;
    client.until(|it| it["payload"]["state"] == "final").await;
    let row = |list: Value| list["sessions"][0]["updatedAt"].clone();
    let before = row(client.call("sessions.list", json!({})).await);

    wake(&mut client, "a mouse").await;
    let (told, frames) = beat(&mut client).await;
    let after = row(client.call("sessions.list", json!({})).await);

    assert_eq!((&told["status"], &told["silent"]), (&json!("ok-token"), &json!(true)));
    assert!(frames.iter().all(|it| it["event"] != "chat"), "{frames:?}");
    assert_eq!(after, before);
    server.stop().await;
}

#[tokio::test]
async fn what_is_switched_off_waits_for_the_next_message() {
    let llm = Llm::script([says("hello")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;

    let off = client.call("set-heartbeats", json!({"enabled": false})).await;
    wake(&mut client, "the door moved").await;
    let message = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "one"});
    client.call("chat.send", message).await;
    client.until(|it| it["payload"]["state"] == "final").await;

    assert_eq!(off, json!({"ok": true, "enabled": false}));
    assert!(llm.request(0).last_user().contains("System: the door moved"));
    assert_eq!(llm.count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn the_clock_wakes_an_agent_that_has_something_to_look_at() {
    let llm = Llm::script([says("HEARTBEAT_OK")]);
    let heartbeat = json!({"every": "300ms", "prompt": "Look around.", "target": "none"});
    let server = with_clock(&llm, &heartbeat, "- the door\n").await;
    let mut client = server.connect(4).await;

    let (told, _) = beat(&mut client).await;
    client.call("set-heartbeats", json!({"enabled": false})).await;

    assert_eq!(told["status"], "ok-token");
    let asked = llm.request(0);
    assert!(asked.last_user().contains("Look around."), "{}", asked.last_user());
    server.stop().await;
}

#[tokio::test]
async fn an_empty_checklist_and_closed_hours_cost_nothing() {
    let llm = Llm::script([]);
    let often = json!({"every": "300ms"});
    let empty = with_clock(&llm, &often, "# Heartbeat\n\n- \n").await;
    let never = json!({"every": "300ms", "activeHours": {"start": "06:00", "end": "06:00"}});
    let closed = with_clock(&llm, &never, "- the door\n").await;

    let (blank, _) = beat(&mut empty.connect(4).await).await;
    let (night, _) = beat(&mut closed.connect(3).await).await;

    assert_eq!(
        (&blank["status"], &blank["reason"]),
        (&json!("skipped"), &json!("empty-heartbeat-file"))
    );
    assert_eq!((&night["status"], &night["reason"]), (&json!("skipped"), &json!("quiet-hours")));
    assert_eq!(llm.count(), 0);
    empty.stop().await;
    closed.stop().await;
}
