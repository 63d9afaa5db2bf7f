//! What messages do while a turn runs.

use std::time::Duration;

use agent::{EventBody, Stop, Submission};
use config::QueueMode;
use domain::SessionKey;
use serde_json::json;
use testkit::llm::{Llm, calls, calls_many, hangs_after, says, slow};

use crate::harness::{Harness, message, texts};

#[tokio::test]
async fn steer_during_a_tool_call_is_seen_by_the_next_request() {
    let llm = Llm::script([
        calls_many(vec![
            ("exec", json!({"command": "while [ ! -e go ]; do sleep 0.01; done"})),
            ("exec", json!({"command": "touch second-ran"})),
        ]),
        says("as you wish"),
    ]);
    let mut harness = Harness::start(llm);
    harness.submit("t1", "work").await;
    harness.until(|event| matches!(event.body, EventBody::CallStarted { .. })).await;

    let steer =
        Submission { queue: Some(QueueMode::Steer), ..message("t2", "wait, stop after that one") };
    harness.sessions.submit(steer).await.unwrap();
    std::fs::write(harness.home.state_dir().join("workspace/go"), "").unwrap();

    assert_eq!(harness.outcome("t1").await.texts, ["as you wish"]);
    assert_eq!(harness.outcome("t2").await.texts, ["as you wish"]);
    let texts = texts(&harness.llm.request(1));
    assert!(texts.last().unwrap().contains("wait, stop after that one"), "{texts:?}");
    assert!(!harness.home.state_dir().join("workspace/second-ran").exists());
}

#[tokio::test]
async fn collected_messages_become_one_turn() {
    let llm = Llm::script([slow("one two three", Duration::from_millis(50)), says("both")]);
    let mut harness = Harness::start(llm);
    harness.submit("t1", "first").await;
    harness.until(|event| matches!(event.body, EventBody::Text { .. })).await;

    harness.submit("t2", "second").await;
    harness.submit("t3", "third").await;

    assert_eq!(harness.outcome("t3").await.texts, ["both"]);
    assert_eq!(harness.outcome("t2").await.texts, ["both"]);
    let last = texts(&harness.llm.request(1)).join("\n");
    assert!(last.contains("second") && last.contains("third"), "{last}");
    assert_eq!(harness.llm.requests().len(), 2);
}

#[tokio::test]
async fn interrupt_stops_the_turn_and_runs_the_newest() {
    let llm = Llm::script([hangs_after("one two three"), says("new")]);
    let mut harness = Harness::start(llm);
    harness.submit("t1", "first").await;
    harness.until(|event| matches!(event.body, EventBody::Text { .. })).await;

    let newest = Submission { queue: Some(QueueMode::Interrupt), ..message("t2", "second") };
    harness.sessions.submit(newest).await.unwrap();

    assert!(matches!(harness.outcome("t1").await.stop, Stop::Aborted { .. }));
    assert_eq!(harness.outcome("t2").await.texts, ["new"]);
}

#[tokio::test]
async fn conversations_do_not_wait_for_each_other() {
    let llm = Llm::respond_with(|request| {
        if texts(request).join(" ").contains("slow") { hangs_after("a b c") } else { says("quick") }
    });
    let mut harness = Harness::start(llm);
    harness.submit("t1", "slow please").await;
    harness.until(|event| matches!(event.body, EventBody::Text { .. })).await;

    let other = SessionKey::stored("agent:main:other");
    let quick = Submission { session: other, ..message("t2", "hello") };
    harness.sessions.submit(quick).await.unwrap();

    assert_eq!(harness.outcome("t2").await.texts, ["quick"]);
}

#[tokio::test]
async fn a_background_command_leaves_a_note_for_the_next_message() {
    let llm = Llm::script([
        calls("exec", json!({"command": "echo finished-it", "background": true})),
        says("started"),
        says("noted"),
    ]);
    let harness = Harness::start(llm);
    let key = SessionKey::stored(crate::harness::MAIN);
    harness.say("t1", "start it").await;
    let wait = async {
        while harness.sessions.notes(&key).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();

    harness.say("t2", "and?").await;

    let texts = texts(&harness.llm.request(2)).join("\n");
    assert!(texts.contains("System: Exec completed"), "{texts}");
}
