//! One message becomes one turn.

use std::time::Duration;

use agent::{Aborted, EventBody, Stop, Submitted};
use domain::{SessionKey, TurnId};
use serde_json::json;
use testkit::llm::{
    Llm, calls, calls_badly, calls_many, closes_mid_stream, fails, hangs, hangs_after, says, slow,
};

use crate::harness::{Harness, MAIN, message, texts};

#[tokio::test]
async fn a_turn_runs_a_real_tool_and_everything_is_on_disk() {
    let llm = Llm::script([calls("exec", json!({"command": "echo hi"})), says("It said hi.")]);
    let mut harness = Harness::start(llm);

    let outcome = harness.say("t1", "run it").await;

    assert_eq!(outcome.stop, Stop::Done);
    assert_eq!(outcome.texts, ["It said hi."]);
    assert_eq!(harness.llm.request(1).result_of("exec"), "hi");
    let kinds: Vec<String> = harness
        .transcript()
        .iter()
        .map(|line| {
            let role = line["message"]["role"].as_str().unwrap_or_default();
            format!("{} {role}", line["type"].as_str().unwrap()).trim().to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "session",
            "model_change",
            "thinking_level_change",
            "message user",
            "message assistant",
            "message toolResult",
            "message assistant",
        ]
    );
    let trail = harness.trail("t1").await;
    assert_eq!(trail.first().map(String::as_str), Some("started"));
    assert!(trail.contains(&"call exec".to_owned()), "{trail:?}");
    assert!(trail.contains(&"called exec (ok)".to_owned()), "{trail:?}");
    assert_eq!(trail.last().map(String::as_str), Some("ended Done"));
}

#[tokio::test]
async fn several_calls_of_one_reply_run_in_order() {
    let llm = Llm::script([
        calls_many(vec![
            ("exec", json!({"command": "echo one > f"})),
            ("exec", json!({"command": "cat f"})),
            ("read", json!({"path": "f"})),
        ]),
        says("done"),
    ]);
    let harness = Harness::start(llm);

    let outcome = harness.say("t1", "go").await;

    assert_eq!(outcome.stop, Stop::Done);
    assert_eq!(harness.llm.requests().len(), 2);
}

#[tokio::test]
async fn a_denied_call_is_told_to_the_model_and_never_runs() {
    let llm = Llm::script([calls("exec", json!({"command": "touch ran"})), says("I may not.")]);
    let settings = json!({"tools": {"deny": ["exec"]}});
    let harness = Harness::with(llm, &settings);

    let outcome = harness.say("t1", "clean up").await;

    assert_eq!(outcome.texts, ["I may not."]);
    assert_eq!(harness.llm.request(1).result_of("exec"), "denied: `exec` (rule `tools.deny`)");
    assert!(!harness.home.state_dir().join("workspace/ran").exists());
    let first = harness.llm.request(0);
    let offered = first.tools().join(" ");
    assert!(!offered.contains("exec"), "{offered:?}");
}

#[tokio::test]
async fn unknown_tools_and_broken_arguments_are_results() {
    let llm = Llm::script([
        calls("teleport", json!({})),
        calls_badly("exec", "{not json"),
        says("sorry"),
    ]);
    let harness = Harness::start(llm);

    let outcome = harness.say("t1", "go").await;

    assert_eq!(outcome.stop, Stop::Done);
    assert!(harness.llm.request(1).result_of("teleport").contains("no tool `teleport`"));
    assert!(harness.llm.request(2).result_of("exec").contains("JSON object"));
}

#[tokio::test]
async fn the_same_id_twice_is_one_turn() {
    let llm = Llm::script([says("once")]);
    let harness = Harness::start(llm);
    harness.say("t1", "hello").await;

    let again = harness.submit("t1", "other text").await;

    assert!(matches!(again, Submitted::Done(outcome) if outcome.texts == ["once"]));
    assert_eq!(harness.llm.requests().len(), 1);
}

#[tokio::test]
async fn an_abort_keeps_what_was_said_and_the_next_turn_works() {
    let llm = Llm::script([hangs_after("one two three four five six"), says("still here")]);
    let mut harness = Harness::start(llm);
    harness.submit("t1", "count").await;
    harness.until(|event| matches!(event.body, EventBody::Text { .. })).await;

    let aborted = harness.sessions.abort(&SessionKey::stored(MAIN), None).await;

    assert_eq!(aborted, Aborted::Turns(vec![TurnId::new("t1")]));
    assert_eq!(harness.outcome("t1").await.stop, Stop::Aborted { reason: "rpc" });
    let kept = harness.transcript();
    assert_eq!(kept.last().unwrap()["message"]["stopReason"], "aborted");
    assert_eq!(harness.say("t2", "and now?").await.texts, ["still here"]);
}

#[tokio::test]
async fn an_abort_kills_the_running_command() {
    let llm =
        Llm::script([calls("exec", json!({"command": "echo $$ > pid; sleep 1000"})), says("ok")]);
    let mut harness = Harness::start(llm);
    harness.submit("t1", "sleep").await;
    harness.until(|event| matches!(event.body, EventBody::CallStarted { .. })).await;

    assert!(matches!(harness.submit("t2", "/stop").await, Submitted::Stopped(_)));

    assert_eq!(harness.outcome("t1").await.stop, Stop::Aborted { reason: "stop" });
    let results = harness.transcript();
    assert_eq!(results.last().unwrap()["message"]["role"], "toolResult");
    assert_eq!(harness.say("t3", "next").await.texts, ["ok"]);
}

#[tokio::test]
async fn a_turn_of_another_conversation_is_not_aborted() {
    let llm = Llm::script([says("hi")]);
    let harness = Harness::start(llm);
    harness.say("t1", "hello").await;
    let other = SessionKey::stored("agent:main:other");

    assert_eq!(
        harness.sessions.abort(&other, Some(&TurnId::new("t1"))).await,
        Aborted::OtherSession
    );
    let unknown = harness.sessions.abort(&other, Some(&TurnId::new("t9"))).await;
    assert_eq!(unknown, Aborted::Turns(vec![]));
}

#[tokio::test]
async fn failures_of_the_model_end_the_turn_with_a_reason() {
    let llm = Llm::script([fails(401, None), closes_mid_stream(), says("back")]);
    let harness = Harness::start(llm);

    let refused = harness.say("t1", "one").await;
    let broken = harness.say("t2", "two").await;
    let fine = harness.say("t3", "three").await;

    assert!(matches!(&refused.stop, Stop::Failed { error, .. } if error.contains("mock")));
    assert!(matches!(broken.stop, Stop::Failed { .. }));
    assert_eq!(fine.texts, ["back"]);
}

#[tokio::test]
async fn a_time_limit_stops_a_hanging_model() {
    let llm = Llm::script([hangs()]);
    let harness = Harness::start(llm);
    let limit = Some(Duration::from_millis(200));
    let hanging = agent::Submission { timeout: limit, ..message("t1", "hello?") };

    harness.sessions.submit(hanging).await.unwrap();

    assert_eq!(harness.outcome("t1").await.stop, Stop::Aborted { reason: "timeout" });
}

#[tokio::test]
async fn silence_is_kept_from_the_person() {
    let llm = Llm::script([says("NO_REPLY")]);
    let mut harness = Harness::start(llm);

    let outcome = harness.say("t1", "fyi").await;

    assert_eq!(outcome.texts, Vec::<String>::new());
    let trail = harness.trail("t1").await;
    assert!(!trail.iter().any(|word| word.starts_with("text")), "{trail:?}");
}

#[tokio::test]
async fn reset_starts_a_new_file_and_the_old_one_stays() {
    let llm = Llm::script([says("one"), says("hello again")]);
    let harness = Harness::start(llm);
    harness.say("t1", "hi").await;
    let before = harness.transcript();

    harness.say("t2", "/new").await;

    let after = harness.transcript();
    assert_ne!(before[0]["id"], after[0]["id"]);
    assert_eq!(harness.llm.request(1).messages().len(), 1);
    let old = format!("agents/main/sessions/{}.jsonl", before[0]["id"].as_str().unwrap());
    assert!(harness.home.state_dir().join(old).exists());
}

#[tokio::test]
async fn a_session_that_needs_a_sandbox_never_runs_on_the_host() {
    let settings = json!({"agents": {"defaults": {"sandbox": {"mode": "all"}}}});
    let harness = Harness::with(Llm::script([]), &settings);

    let refused = harness.sessions.submit(message("t1", "hello")).await;

    assert!(matches!(refused, Err(agent::SubmitError::NoSandbox(key)) if key.as_str() == MAIN));
    assert_eq!(harness.llm.requests().len(), 0);
}

#[tokio::test]
async fn commands_answer_without_a_model() {
    let harness = Harness::start(Llm::script([]));

    let status = harness.say("t1", "/status").await;
    let think = harness.say("t2", "/think high").await;
    let bad = harness.say("t3", "/think sideways").await;

    assert!(status.text().contains("Model: mock/"), "{}", status.text());
    assert_eq!(think.texts, ["Set to high."]);
    assert!(bad.text().contains("not a choice"));
    assert_eq!(harness.llm.requests().len(), 0);
}

#[tokio::test]
async fn injected_messages_are_in_the_conversation() {
    let llm = Llm::script([says("one"), says("two")]);
    let harness = Harness::start(llm);
    harness.say("t1", "hi").await;

    let id = harness.sessions.inject(&SessionKey::stored(MAIN), "by hand").await.unwrap();

    assert!(id.is_some());
    harness.say("t2", "what did you say?").await;
    let texts = texts(&harness.llm.request(1));
    // Neighbouring words of the model are one message: strict servers want the roles to alternate.
    assert_eq!(texts[1], "one\n\nby hand", "{texts:?}");
    let nowhere = harness.sessions.inject(&SessionKey::stored("agent:main:none"), "x").await;
    assert_eq!(nowhere.unwrap(), None);
}

#[tokio::test]
async fn a_message_injected_while_the_last_reply_runs_asks_no_model() {
    let llm = Llm::script([slow("a b c d", Duration::from_millis(30))]);
    let mut harness = Harness::start(llm);
    harness.submit("t1", "count").await;
    harness.until(|event| matches!(event.body, EventBody::Text { .. })).await;

    let key = SessionKey::stored(MAIN);
    let (injected, outcome) =
        tokio::join!(harness.sessions.inject(&key, "by hand"), harness.outcome("t1"));

    assert!(injected.unwrap().is_some());
    assert_eq!((&outcome.stop, outcome.texts.len()), (&Stop::Done, 1));
    assert_eq!(harness.llm.requests().len(), 1);
    let roles: Vec<String> = harness
        .transcript()
        .iter()
        .filter_map(|line| line["message"]["role"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(roles, ["user", "assistant", "assistant"]);
}

#[tokio::test]
async fn closing_refuses_new_turns_and_lets_running_ones_end() {
    let llm = Llm::script([slow("a b c", Duration::from_millis(20)), says("never")]);
    let mut harness = Harness::start(llm);
    harness.submit("t1", "count").await;
    harness.until(|event| matches!(event.body, EventBody::Text { .. })).await;

    harness.sessions.close(Duration::from_secs(10)).await;

    assert_eq!(harness.outcome("t1").await.stop, Stop::Done);
    let refused = harness.sessions.submit(message("t2", "late")).await;
    assert!(matches!(refused, Err(agent::SubmitError::Closing)));
}
