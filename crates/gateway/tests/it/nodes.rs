//! Nodes on the wire: what they say of calls that run, what they hear, what they ask for, and who
//! else speaks for them.

use serde_json::{Value, json};
use testkit::llm::{Llm, says};

use crate::{
    client::Client,
    device::{Device, params},
    server::Server,
};

/// A connected node, its id, and a client whose operator approved its commands.
async fn joined(server: &Server, version: u32) -> (Client, String, Client) {
    let mut operator = server.connect(4).await;
    let device = Device::new(7);
    let mut asks = params(version, &[]);
    asks["client"] = json!({"id": "node-host", "version": "1", "platform": "linux",
        "mode": "node"});
    asks["role"] = json!("node");
    asks["commands"] = json!(["system.run", "system.which"]);
    let (node, hello) = device.connect(server, &[], &asks).await;
    assert_eq!(hello["ok"], true, "{hello}");
    let pending = operator.call("node.pair.list", json!({})).await;
    if let Some(request) = pending["pending"].get(0) {
        let approve = json!({"requestId": request["requestId"]});
        operator.call("node.pair.approve", approve).await;
    }
    (node, device.id(), operator)
}

fn run(node: &str, key: &str) -> Value {
    json!({"nodeId": node, "command": "system.run", "params": {"command": ["true"]},
        "idempotencyKey": key})
}

async fn event(client: &mut Client, name: &str) -> Value {
    let frames = client.until(|it| it["event"] == name).await;
    frames.last().unwrap()["payload"].clone()
}

#[tokio::test]
async fn a_call_tells_its_caller_what_it_brings_in_order_and_once() {
    let server = Server::plain().await;
    let (mut node, id, mut operator) = joined(&server, 4).await;
    let mut other = server.connect(4).await;

    let call = operator.send_request("node.invoke", &run(&id, "k1")).await;
    let asked = event(&mut node, "node.invoke.request").await;
    let invoke = asked["id"].clone();
    let piece = |seq: u64, chunk: &str| json!({"invokeId": invoke, "nodeId": id, "seq": seq, "chunk": chunk});
    let mut told = Vec::new();
    for (seq, chunk) in [(0, "one "), (2, "three "), (1, "two "), (2, "three "), (3, "four")] {
        told.push(node.call("node.invoke.progress", piece(seq, chunk)).await);
    }
    let stranger = other.call_raw("node.invoke.progress", &piece(4, "x")).await;
    let mut elsewhere = piece(5, "x");
    elsewhere["nodeId"] = json!("other");
    let elsewhere = node.call_raw("node.invoke.progress", &elsewhere).await;
    let result = json!({"id": invoke, "nodeId": id, "ok": true, "payload": {"exitCode": 0}});
    node.call("node.invoke.result", result).await;
    let late = node.call("node.invoke.progress", piece(6, "late")).await;
    let frames = operator.until(|it| it["id"] == call.as_str()).await;

    let heard: Vec<&Value> =
        frames.iter().filter(|it| it["event"] == "node.invoke.progress").collect();
    let pieces: Vec<Value> =
        heard.iter().map(|it| json!([it["payload"]["seq"], it["payload"]["chunk"]])).collect();
    assert_eq!(pieces, [json!([0, "one "]), json!([2, "three "]), json!([3, "four"])]);
    assert_eq!(heard[0]["payload"]["idempotencyKey"], "k1");
    assert_eq!(frames.last().unwrap()["payload"]["payload"]["exitCode"], 0);
    let ignored: Vec<bool> = told.iter().map(|it| it["ignored"] == true).collect();
    assert_eq!(ignored, [false, false, true, true, false]);
    assert_eq!(late["ignored"], true);
    assert_eq!(stranger["error"]["message"], "unauthorized role: operator");
    assert_eq!(elsewhere["error"]["message"], "nodeId mismatch");
    server.stop().await;
}

#[tokio::test]
async fn somebody_asks_for_a_node_that_is_elsewhere_and_knows_it_again_by_its_token() {
    let server = Server::plain().await;
    let mut client = server.connect(3).await;
    let about = json!({"nodeId": "bridge-1", "displayName": "Attic", "platform": "ios",
        "caps": ["canvas"], "commands": ["canvas.eval"]});

    let asked = client.call("node.pair.request", about.clone()).await;
    let again = client.call("node.pair.request", about).await;
    let approve = json!({"requestId": asked["request"]["requestId"]});
    let approved = client.call("node.pair.approve", approve).await;
    let listed = client.call("node.pair.list", json!({})).await;
    let token = approved["node"]["token"].as_str().unwrap();
    let verify = |token: &str| json!({"nodeId": "bridge-1", "token": token});
    let good = client.call("node.pair.verify", verify(token)).await;
    let bad = client.call("node.pair.verify", verify("guess")).await;
    let home = server.stop().await;
    let server = Server::at(home).await;
    let mut client = server.connect(3).await;
    let later = client.call("node.pair.verify", verify(token)).await;

    assert_eq!((&asked["status"], &asked["created"]), (&json!("pending"), &json!(true)));
    assert_eq!(again["created"], false);
    assert_eq!(asked["request"], again["request"]);
    assert_eq!(listed["paired"][0]["nodeId"], "bridge-1");
    assert!(!listed.to_string().contains(token), "{listed}");
    assert_eq!((&good["ok"], &good["node"]["nodeId"]), (&json!(true), &json!("bridge-1")));
    assert_eq!(bad, json!({"ok": false}));
    assert_eq!(later["ok"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_node_hears_the_conversation_that_it_chose_until_it_leaves() {
    let llm = Llm::script([says("one"), says("two"), says("three")]);
    let server = Server::with_model(&llm).await;
    let (mut node, _, mut operator) = joined(&server, 4).await;
    let say = |session: &str, key: &str| json!({"sessionKey": session, "message": "hi", "idempotencyKey": key});
    let choose = |event: &str| json!({"event": event, "payload": {"sessionKey": "den"}});

    let chosen = node.call("node.event", choose("chat.subscribe")).await;
    operator.call("chat.send", say("hall", "r1")).await;
    operator.until(|it| it["payload"]["state"] == "final").await;
    operator.call("chat.send", say("den", "r2")).await;
    operator.until(|it| it["payload"]["state"] == "final").await;
    let heard = node.until(|it| it["payload"]["state"] == "final").await;
    node.call("node.event", choose("chat.unsubscribe")).await;
    operator.call("chat.send", say("den", "r3")).await;
    operator.until(|it| it["payload"]["state"] == "final").await;
    let id = node.send_request("node.event", &json!({"event": "ping"})).await;
    let after = node.until(|it| it["id"] == id.as_str()).await;

    assert_eq!((&chosen["handled"], &chosen["ok"]), (&json!(true), &json!(true)));
    let chats: Vec<&Value> = heard.iter().filter(|it| it["event"] == "chat").collect();
    assert!(!chats.is_empty());
    assert!(chats.iter().all(|it| it["payload"]["sessionKey"] == "agent:main:den"), "{chats:?}");
    assert!(heard.iter().any(|it| it["event"] == "agent"));
    assert!(!after.iter().any(|it| it["event"] == "chat"), "{after:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_a_node_tells_becomes_a_note_a_turn_or_an_honest_no() {
    let llm = Llm::script([says("Heard."), says("Seen.")]);
    let server = Server::with_model(&llm).await;
    let (mut node, id, mut operator) = joined(&server, 4).await;
    let mut tell = async |event: &str, payload: Value| {
        node.call("node.event", json!({"event": event, "payloadJSON": payload.to_string()})).await
    };

    let before = operator.call("node.describe", json!({"nodeId": id})).await;
    let finished = json!({"sessionKey": "main", "runId": "r9", "exitCode": 1,
        "command": "make", "output": "no rule"});
    let noted = tell("exec.finished", finished).await;
    let nowhere = tell("exec.denied", json!({"sessionKey": "agent:main:none"})).await;
    let alive = tell("node.presence.alive", json!({"trigger": "background"})).await;
    let wake = tell("voicewake.changed", json!({"triggers": []})).await;
    let unknown = tell("no.such", json!({})).await;
    let spoken = tell("voice.transcript", json!({"text": "what did it say"})).await;
    operator.until(|it| it["payload"]["state"] == "final").await;
    let request = json!({"message": "look", "deliver": true, "channel": "telegram", "to": "1"});
    let asked = tell("agent.request", request).await;
    operator.until(|it| it["payload"]["state"] == "final").await;
    let after = operator.call("node.describe", json!({"nodeId": id})).await;
    let list = operator.call("sessions.list", json!({})).await;

    assert_eq!((&noted["handled"], &noted["event"]), (&json!(true), &json!("exec.finished")));
    assert_eq!(nowhere["reason"], "no such conversation");
    assert_eq!(alive["handled"], true);
    assert!(wake["reason"].as_str().unwrap().contains("wake words"), "{wake}");
    assert_eq!((&unknown["ok"], &unknown["handled"]), (&json!(true), &json!(false)));
    assert_eq!(spoken["handled"], true);
    assert!(asked["reason"].as_str().unwrap().contains("no chat services"), "{asked}");
    let said = llm.request(0).last_user().to_owned();
    assert!(said.contains("what did it say"), "{said}");
    assert!(said.contains("id=r9, code 1)") && said.contains("no rule"), "{said}");
    assert_eq!(before["lastSeenReason"], "connect");
    assert_eq!(after["lastSeenReason"], "background");
    let keys = list["sessions"].to_string();
    assert!(keys.contains(&format!("agent:main:node-{id}")), "{keys}");
    server.stop().await;
}

#[tokio::test]
async fn what_nodes_may_ask_for_later_is_told_to_nodes_alone() {
    let server = Server::plain().await;
    let (mut node, id, mut operator) = joined(&server, 4).await;
    let skills = json!({"skills": []});

    let asked = node.call_raw("node.skills.update", &skills).await;
    let by_operator = operator.call_raw("node.skills.update", &skills).await;
    let queue = json!({"nodeId": id, "type": "status.request"});
    let queued = operator.call_raw("node.pending.enqueue", &queue).await;
    let pulled = node.call_raw("node.pending.pull", &json!({})).await;

    assert_eq!(asked["error"]["code"], "UNAVAILABLE");
    assert!(asked["error"]["message"].as_str().unwrap().contains("skills of nodes"));
    assert_eq!(by_operator["error"]["message"], "unauthorized role: operator");
    assert_eq!(
        (&queued["error"]["code"], &pulled["error"]["code"]),
        (&json!("UNAVAILABLE"), &json!("UNAVAILABLE"))
    );
    server.stop().await;
}
