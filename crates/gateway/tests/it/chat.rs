//! Turns, from the request to the events.

use serde_json::{Value, json};
use testkit::llm::{Llm, calls, fails, hangs_after, says};

use crate::server::Server;

const KEY: &str = "agent:main:trace";

fn is_chat(state: &str) -> impl Fn(&Value) -> bool + '_ {
    move |frame| frame["event"] == "chat" && frame["payload"]["state"] == state
}

fn payloads<'a>(frames: &'a [Value], event: &str) -> Vec<&'a Value> {
    frames.iter().filter(|frame| frame["event"] == event).map(|frame| &frame["payload"]).collect()
}

#[tokio::test]
async fn a_message_becomes_a_turn_and_both_versions_hear_of_it() {
    let llm = Llm::script([says("Hello from the model.")]);
    let server = Server::with_model(&llm).await;
    let mut v4 = server.connect(4).await;
    let mut v3 = server.connect(3).await;

    let send = json!({"sessionKey": KEY, "message": "hi", "idempotencyKey": "t1"});
    let reply = v4.call("chat.send", send).await;
    let newest = v4.until(is_chat("final")).await;
    let older = v3.until(is_chat("final")).await;

    assert_eq!(reply, json!({"runId": "t1", "status": "started"}));
    let last = &newest.last().unwrap()["payload"];
    assert_eq!(last["message"]["content"][0]["text"], "Hello from the model.");
    assert_eq!((&last["agentId"], &last["stopReason"]), (&json!("main"), &json!("stop")));
    let deltas: String =
        payloads(&newest, "chat").iter().filter_map(|chat| chat["deltaText"].as_str()).collect();
    assert_eq!(deltas, "Hello from the model.");

    let last = &older.last().unwrap()["payload"];
    assert_eq!(last.get("agentId"), None);
    assert_eq!(last["message"]["content"][0]["text"], "Hello from the model.");
    let phases: Vec<&Value> = payloads(&older, "agent")
        .iter()
        .filter(|event| event["stream"] == "lifecycle")
        .map(|event| &event["data"]["phase"])
        .collect();
    assert_eq!(phases, ["start", "end"]);
    assert!(payloads(&older, "chat").iter().all(|chat| chat.get("deltaText").is_none()));
    server.stop().await;
}

#[tokio::test]
async fn frames_are_numbered_without_gaps_on_each_connection() {
    let llm = Llm::script([says("one"), says("two")]);
    let server = Server::with_model(&llm).await;
    let mut early = server.connect(4).await;
    let send = |key: &str| json!({"sessionKey": KEY, "message": "hi", "idempotencyKey": key});
    early.send_request("chat.send", &send("a")).await;
    let mut frames = early.until(is_chat("final")).await;
    let mut late = server.connect(4).await;

    late.send_request("chat.send", &send("b")).await;
    let of_late = late.until(is_chat("final")).await;
    frames.extend(early.until(is_chat("final")).await);

    for frames in [frames, of_late] {
        let numbers: Vec<u64> = frames.iter().filter_map(|frame| frame["seq"].as_u64()).collect();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected);
    }
    server.stop().await;
}

#[tokio::test]
async fn tool_events_reach_those_who_asked_for_them() {
    let llm = Llm::script([calls("exec", json!({"command": "echo out"})), says("done")]);
    let server = Server::with_model(&llm).await;
    let mut with_cap = server.connect(4).await;
    let mut without = server.open().await;
    let mut params = crate::server::connect_params(4);
    params["caps"] = json!([]);
    without.connect(&params).await;

    let send = json!({"sessionKey": KEY, "message": "run it", "idempotencyKey": "t"});
    with_cap.send_request("chat.send", &send).await;
    let seen = with_cap.until(is_chat("final")).await;
    let unseen = without.until(is_chat("final")).await;

    let tools = |frames: &[Value]| -> Vec<String> {
        payloads(frames, "agent")
            .iter()
            .filter(|event| event["stream"] == "tool")
            .map(|event| event["data"]["phase"].as_str().unwrap().to_owned())
            .filter(|phase| phase != "update")
            .collect()
    };
    assert_eq!(tools(&seen), ["start", "result"]);
    assert_eq!(tools(&unseen), Vec::<String>::new());
    server.stop().await;
}

#[tokio::test]
async fn the_same_key_is_the_same_turn_and_other_input_is_refused() {
    let llm = Llm::script([says("once")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    let send = |text: &str| json!({"sessionKey": KEY, "message": text, "idempotencyKey": "k"});
    client.send_request("chat.send", &send("hi")).await;
    client.until(is_chat("final")).await;
    client.call("agent.wait", json!({"runId": "k", "timeoutMs": 5000})).await;

    let again = client.call("chat.send", send("hi")).await;
    let other = client.call_raw("chat.send", &send("ho")).await;

    assert_eq!(again, json!({"runId": "k", "status": "ok"}));
    assert_eq!(other["error"]["details"]["reason"], "chat-request-conflict");
    assert_eq!(llm.count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn agent_answers_twice_with_one_id() {
    let llm = Llm::script([says("hello")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;

    let run = json!({"message": "hi", "sessionKey": KEY, "idempotencyKey": "a1"});
    let id = client.send_request("agent", &run).await;
    let accepted = client.answer(&id).await;
    let done = client.answer(&id).await;
    let waited = client.call("agent.wait", json!({"runId": "a1"})).await;

    assert_eq!(accepted["payload"]["status"], "accepted");
    assert_eq!(done["payload"]["status"], "ok");
    assert_eq!(done["payload"]["summary"], "completed");
    assert_eq!(done["payload"]["result"]["payloads"], json!([{"text": "hello", "mediaUrl": null}]));
    assert_eq!(done["payload"]["result"]["meta"]["agentMeta"]["model"], "mock-1");
    assert_eq!((&waited["runId"], &waited["status"]), (&json!("a1"), &json!("ok")));
    server.stop().await;
}

#[tokio::test]
async fn a_failed_turn_is_an_error_with_a_payload() {
    let llm = Llm::respond_with(|_| fails(400, None));
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;

    let run = json!({"message": "hi", "sessionKey": KEY, "idempotencyKey": "a1"});
    let id = client.send_request("agent", &run).await;
    client.answer(&id).await;
    let failed = client.answer(&id).await;

    assert_eq!(failed["ok"], false);
    assert_eq!(failed["error"]["code"], "UNAVAILABLE");
    assert_eq!(failed["payload"]["status"], "error");
    assert_eq!(failed["payload"]["runId"], "a1");
    server.stop().await;
}

#[tokio::test]
async fn an_abort_keeps_the_partial_text_for_version_4_only() {
    let llm = Llm::script([hangs_after("Hello from")]);
    let server = Server::with_model(&llm).await;
    let mut v4 = server.connect(4).await;
    let mut v3 = server.connect(3).await;
    let send = json!({"sessionKey": KEY, "message": "hi", "idempotencyKey": "t"});
    v4.send_request("chat.send", &send).await;
    v4.until(is_chat("delta")).await;

    let id = v4.send_request("chat.abort", &json!({"sessionKey": KEY, "runId": "t"})).await;
    let newest = v4.until(|frame| frame["id"] == id.as_str()).await;
    let older = v3.until(is_chat("aborted")).await.pop().unwrap();

    assert_eq!(
        newest.last().unwrap()["payload"],
        json!({"ok": true, "aborted": true, "runIds": ["t"]})
    );
    let aborted = match newest.iter().find(|frame| is_chat("aborted")(frame)) {
        Some(frame) => frame.clone(),
        None => v4.until(is_chat("aborted")).await.pop().unwrap(),
    };
    assert_eq!(aborted["payload"]["stopReason"], "rpc");
    assert_eq!(aborted["payload"]["message"]["content"][0]["text"], "Hello from");
    assert_eq!(older["payload"]["stopReason"], "rpc");
    assert_eq!(older["payload"].get("message"), None);
    server.stop().await;
}

#[tokio::test]
async fn history_and_inject_show_what_was_said() {
    let llm = Llm::script([says("hello")]);
    let server = Server::with_model(&llm).await;
    let mut v3 = server.connect(3).await;
    let send = json!({"sessionKey": KEY, "message": "hi", "idempotencyKey": "t"});
    v3.send_request("chat.send", &send).await;
    v3.until(is_chat("final")).await;

    let note = json!({"sessionKey": KEY, "message": "injected note", "label": "lab"});
    let id = v3.send_request("chat.inject", &note).await;
    let frames = v3.until(|frame| frame["id"] == id.as_str()).await;
    let injected = match frames.iter().find(|frame| is_chat("final")(frame)) {
        Some(frame) => frame.clone(),
        None => v3.until(is_chat("final")).await.pop().unwrap(),
    };
    let history = v3.call("chat.history", json!({"sessionKey": KEY, "limit": 20})).await;

    let message_id = frames.last().unwrap()["payload"]["messageId"].as_str().unwrap().to_owned();
    assert_eq!(injected["payload"]["runId"], format!("inject-{message_id}"));
    assert_eq!(injected["payload"]["seq"], 0);
    assert_eq!(injected["payload"]["message"]["stopReason"], "injected");
    let texts: Vec<&str> = history["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|message| message["content"][0]["text"].as_str())
        .collect();
    assert_eq!(texts.len(), 3);
    assert!(texts[0].ends_with("hi"), "{texts:?}");
    assert_eq!(texts[1..], ["hello", "[lab]\n\ninjected note"]);
    assert_eq!(history["sessionKey"], KEY);
    assert_eq!(history["thinkingLevel"], "off");
    server.stop().await;
}
