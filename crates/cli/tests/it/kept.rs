//! What waits behind a running turn outlives the gateway: killed, or stopped by any signal.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, WsClient},
    home::TempHome,
    llm::{Llm, RequestView, Step, calls, says},
};

use crate::program::openclaw;

const KEY: &str = "agent:main:main";
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_is_answered_after_a_kill_in_every_mode() {
    for mode in ["collect", "followup", "steer", "steer-backlog"] {
        let end = after("KILL", mode, &["two", "three"]).await;
        // What was collected is one turn, under the newest id.
        assert_eq!(end.answers.len(), 2, "{mode}: {:?}", end.answers);
        end.has_once(mode, &["<one>", "<two>", "<three>"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_stops_a_turn_is_there_once_after_a_kill() {
    let model = Llm::respond_with(answer);
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    begin(&mut client, "interrupt").await;
    send(&mut client, "two", "interrupt").await;
    gateway.kill().unwrap();

    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    // It may have begun before the kill; then its turn is known no more.
    let asked = json!({ "runId": "run-two", "timeoutMs": PATIENCE.as_millis() });
    client.call("agent.wait", asked).await.unwrap();

    assert_eq!(history(&mut client).await.matches("<two>").count(), 1);
    assert_eq!(queue_bytes(&home), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_is_answered_after_a_hangup() {
    after("HUP", "collect", &["two"]).await.has_once("HUP", &["<one>", "<two>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_is_answered_after_an_interrupt() {
    after("INT", "followup", &["two"]).await.has_once("INT", &["<one>", "<two>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_is_answered_after_a_stop() {
    after("TERM", "steer", &["two"]).await.has_once("TERM", &["<one>", "<two>"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_aborted_while_it_waited_does_not_come_back() {
    let model = Llm::respond_with(answer);
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    begin(&mut client, "collect").await;
    send(&mut client, "two", "collect").await;
    send(&mut client, "three", "collect").await;
    let aborted = json!({ "sessionKey": KEY, "runId": "run-two" });
    client.call("chat.abort", aborted).await.unwrap();
    gateway.kill().unwrap();

    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    waited(&mut client, "three").await;

    let history = history(&mut client).await;
    assert!(!history.contains("<two>"), "{history}");
    assert_eq!(queue_bytes(&home), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_again_after_the_restart_is_not_doubled() {
    let model = Llm::respond_with(answer);
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    begin(&mut client, "collect").await;
    send(&mut client, "two", "collect").await;
    gateway.kill().unwrap();

    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    send(&mut client, "two", "collect").await;
    waited(&mut client, "two").await;

    assert_eq!(history(&mut client).await.matches("<two>").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_transcript_already_is_not_taken_up_again() {
    let model = Llm::respond_with(answer);
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    begin(&mut client, "collect").await;
    send(&mut client, "two", "collect").await;
    let kept = std::fs::read(home.state_dir().join("queue/backlog.jsonl")).unwrap();
    gateway.kill().unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    waited(&mut client, "two").await;
    gateway.kill().unwrap();

    // As if it had been killed between the transcript and the queue.
    std::fs::write(home.state_dir().join("queue/backlog.jsonl"), kept).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();

    assert_eq!(history(&mut client).await.matches("<two>").count(), 1);
    assert_eq!(queue_bytes(&home), 0);
}

/// What was left after the second start.
struct Left {
    answers: Vec<Value>,
    history: String,
}

impl Left {
    fn has_once(&self, case: &str, texts: &[&str]) {
        for text in texts {
            let count = self.history.matches(text).count();
            assert_eq!(count, 1, "{case}: `{text}` is there {count} times in {}", self.history);
        }
    }
}

/// Sends `one`, whose turn does not end, and then the others; ends the gateway as soon as the
/// last was answered; waits for the others after the next start.
async fn after(signal: &str, mode: &str, others: &[&str]) -> Left {
    let model = Llm::respond_with(answer);
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    begin(&mut client, mode).await;
    for name in others {
        send(&mut client, name, mode).await;
    }
    let pid = gateway.pid().to_string();
    let sent = Command::new("kill").args([&format!("-{signal}"), &*pid]).status().unwrap();
    assert!(sent.success());
    let (status, said) = gateway.wait().unwrap();
    assert_eq!(status.success(), signal != "KILL", "{signal}: {status} {said}");

    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let mut answers = Vec::new();
    for name in others {
        answers.push(waited(&mut client, name).await);
    }
    let history = history(&mut client).await;
    assert_eq!(queue_bytes(&home), 0, "{signal} {mode}");
    Left { answers, history }
}

/// Sends `one`, and waits until its command runs.
async fn begin(client: &mut WsClient, mode: &str) {
    send(client, "one", mode).await;
    let runs = |frame: &Value| frame["payload"]["stream"] == "tool";
    client.wait_for(PATIENCE, runs).await.unwrap();
}

async fn send(client: &mut WsClient, name: &str, mode: &str) {
    let params = json!({
        "sessionKey": KEY, "message": format!("Do <{name}>."), "idempotencyKey": format!("run-{name}"),
        "queueMode": mode,
    });
    let answer = client.call("chat.send", params).await.unwrap();
    assert!(["started", "in_flight"].iter().any(|it| answer["status"] == *it), "{answer}");
}

async fn waited(client: &mut WsClient, name: &str) -> Value {
    let params = json!({ "runId": format!("run-{name}"), "timeoutMs": PATIENCE.as_millis() });
    let waited = client.call("agent.wait", params).await.unwrap();
    assert_ne!(waited["status"], "timeout", "{name}: {waited}");
    waited
}

async fn history(client: &mut WsClient) -> String {
    let params = json!({ "sessionKey": KEY, "limit": 1000 });
    client.call("chat.history", params).await.unwrap().to_string()
}

fn queue_bytes(home: &TempHome) -> u64 {
    std::fs::metadata(home.state_dir().join("queue/backlog.jsonl")).unwrap().len()
}

/// `<one>` runs a command that does not end; the rest is answered at once.
fn answer(request: &RequestView) -> Step {
    let said = request.last_user();
    if said.contains("<one>") && !said.contains("<t") && request.results_since_user() == 0 {
        return calls("exec", json!({ "command": "sleep 600" }));
    }
    says("As you like.")
}
