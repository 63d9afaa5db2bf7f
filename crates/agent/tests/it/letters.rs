//! Sessions write to each other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use agent::{Stop, Submission};
use domain::{AgentId, Content, SessionKey, TurnId};
use serde_json::{Value, json};
use testkit::llm::{Llm, RequestView, Step, calls, says};

use crate::harness::{Harness, MAIN};

const WORK: &str = "agent:main:work";

/// Who is asked, as far as the newest message tells: a person's, a letter, an answer to one, or
/// the end of an exchange.
fn reads(request: &RequestView) -> &'static str {
    let system = request.system();
    if system.contains("is from another session of yours") {
        "letter"
    } else if system.contains("another session's answer") {
        "answer"
    } else if system.contains("An exchange with another session has ended") {
        "end"
    } else {
        "person"
    }
}

/// A model that sends `letter` when a person speaks to it, and says `answer` to letters.
fn pen_friend(letter: Value, answer: &'static str) -> Llm {
    Llm::respond_with(move |request| match reads(request) {
        "person" if request.last_user().contains("hello") => says("hi"),
        "person" if request.results_since_user() == 0 => calls("sessions_send", letter.clone()),
        "person" => says("sent"),
        "letter" => says(answer),
        "answer" => says("REPLY_SKIP"),
        _ => says("ANNOUNCE_SKIP"),
    })
}

/// A hub whose work session exists.
async fn with_work(llm: Llm, settings: &Value) -> Harness {
    let harness = Harness::with(llm, settings);
    tell(&harness, "w0", WORK, "hello").await;
    harness.outcome("w0").await;
    harness
}

async fn tell(harness: &Harness, turn: &str, session: &str, text: &str) {
    let session = SessionKey::stored(session);
    let message = Submission::of(TurnId::new(turn), session, Content::text(text));
    harness.sessions.submit(message).await.unwrap();
}

/// What the first letter of the main session brought.
async fn sent(harness: &Harness) -> Value {
    harness.say("t1", "write").await;
    let asked = |it: &Arc<RequestView>| reads(it) == "person" && it.results_since_user() > 0;
    let request = harness.llm.requests().into_iter().find(asked).unwrap();
    serde_json::from_str(request.result_of("sessions_send")).unwrap()
}

#[tokio::test]
async fn a_letter_is_answered_and_the_two_go_on_until_one_has_nothing_to_say() {
    let llm = pen_friend(json!({"sessionKey": WORK, "message": "what is it?"}), "42");
    let harness = with_work(llm, &json!({})).await;

    let result = sent(&harness).await;
    // Beside those of people: the letter, the answer to it, and the end.
    harness.llm.wait_for_requests(6).await;

    assert_eq!((&result["status"], &result["reply"]), (&json!("ok"), &json!("42")));
    assert_eq!(result["sessionKey"], WORK);
    assert_eq!(result["delivery"], json!({"status": "pending", "mode": "announce"}));
    let requests = harness.llm.requests();
    let one = |sort: &str| requests.iter().find(|it| reads(it) == sort).unwrap();
    assert_eq!(one("letter").last_user(), "[Message from session agent:main:main]\nwhat is it?");
    assert_eq!(one("answer").last_user(), "[Message from session agent:main:work]\n42");
    assert!(one("end").last_user().contains("Your first answer: 42"));
    let texts = harness.outcome("t1").await.texts.clone();
    assert_eq!(texts, ["sent"]);
}

#[tokio::test]
async fn as_many_answers_are_exchanged_as_the_config_says() {
    let llm = Llm::respond_with(|request| match reads(request) {
        "person" if request.last_user().contains("hello") => says("hi"),
        "person" if request.results_since_user() == 0 => {
            calls("sessions_send", json!({"sessionKey": WORK, "message": "go on"}))
        }
        "letter" | "answer" => says("and you?"),
        _ => says("done"),
    });
    let settings = json!({"session": {"agentToAgent": {"maxPingPongTurns": 3}}});
    let harness = with_work(llm, &settings).await;

    sent(&harness).await;
    harness.llm.wait_for_requests(8).await;

    let requests = harness.llm.requests();
    let of = |sort: &str| requests.iter().filter(|it| reads(it) == sort).count();
    assert_eq!((of("letter"), of("answer"), of("end")), (1, 3, 1));
}

#[tokio::test]
async fn a_letter_that_is_not_waited_for_is_read_all_the_same() {
    let letter = json!({"sessionKey": WORK, "message": "later", "timeoutSeconds": 0});
    let harness = with_work(pen_friend(letter, "read"), &json!({})).await;

    let result = sent(&harness).await;
    harness.llm.wait_for_requests(6).await;

    assert_eq!(result["status"], "accepted");
    assert!(result.get("reply").is_none());
    assert!(harness.llm.requests().iter().any(|it| it.last_user().ends_with("later")));
}

#[tokio::test]
async fn a_label_names_a_session_and_an_unknown_name_none() {
    let letter = json!({"label": "desk", "message": "psst"});
    let harness = with_work(pen_friend(letter, "yes?"), &json!({})).await;
    let sessions = harness.store.sessions(&AgentId::main());
    let label = |entry: &mut store::SessionEntry| entry.label = Some("desk".to_owned());
    sessions.update(&SessionKey::stored(WORK), label).await.unwrap();
    let unknown = pen_friend(json!({"label": "desk", "message": "psst"}), "yes?");
    let elsewhere = with_work(unknown, &json!({})).await;

    assert_eq!(sent(&harness).await["reply"], "yes?");
    let result = sent(&elsewhere).await;
    assert_eq!(result["status"], "error");
    assert_eq!(result["error"], "No session found with label: desk");
}

#[tokio::test]
async fn what_is_out_of_reach_gets_no_letter() {
    let cases = [
        (json!({"tools": {"sessions": {"visibility": "tree"}}}), "tools.sessions.visibility"),
        (
            json!({"session": {"sendPolicy": {"rules": [
                {"action": "deny", "match": {"keyPrefix": WORK}}
            ]}}}),
            "",
        ),
    ];
    for (settings, rule) in cases {
        let llm = pen_friend(json!({"sessionKey": WORK, "message": "psst"}), "never");
        let harness = Harness::with(llm, &settings);
        let sessions = harness.store.sessions(&AgentId::main());
        sessions.update(&SessionKey::stored(WORK), |_| {}).await.unwrap();

        let result = sent(&harness).await;

        let error = result["error"].as_str().unwrap();
        if rule.is_empty() {
            assert_eq!(
                (&result["status"], error),
                (&json!("error"), "send blocked by session policy")
            );
        } else {
            assert_eq!(result["status"], "forbidden");
            assert!(error.contains(rule), "{error}");
        }
        assert!(harness.llm.requests().iter().all(|it| reads(it) == "person"));
    }
}

#[tokio::test]
async fn a_session_does_not_write_to_itself() {
    let llm = pen_friend(json!({"sessionKey": "main", "message": "me again"}), "never");
    let harness = with_work(llm, &json!({})).await;

    let result = sent(&harness).await;

    assert_eq!(result["status"], "error");
    assert_eq!(result["error"], "this is the session itself: just go on");
}

#[tokio::test]
async fn two_sessions_never_wait_for_each_other() {
    let llm = Llm::respond_with(|request| {
        let done = request.results_since_user() > 0;
        let send = |to: &str| {
            calls("sessions_send", json!({"sessionKey": to, "message": "x", "timeoutSeconds": 600}))
        };
        match reads(request) {
            "person" if request.last_user().contains("hello") => says("hi"),
            "person" if !done => send(WORK),
            "letter" if !done && request.last_user().contains("session agent:main:main") => {
                send(MAIN)
            }
            "person" | "letter" => says("fine"),
            _ => says("REPLY_SKIP"),
        }
    });
    let harness = with_work(llm, &json!({})).await;

    let result = sent(&harness).await;

    assert_eq!(result["reply"], "fine");
    let back = harness
        .llm
        .requests()
        .into_iter()
        .find(|it| reads(it) == "letter" && it.results_since_user() > 0);
    let back: Value = serde_json::from_str(back.unwrap().result_of("sessions_send")).unwrap();
    assert_eq!(back["status"], "accepted");
    assert!(back["note"].as_str().unwrap().contains("waits for an answer"), "{back}");
}

#[tokio::test]
async fn a_model_that_never_stops_writing_is_stopped() {
    let refused = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&refused);
    let llm = Llm::respond_with(move |request| {
        let is_work = request.last_user().contains("session agent:main:main");
        match request.results_since_user() {
            _ if request.last_user().contains("hello") => says("hi"),
            0 => {
                let to = if is_work { MAIN } else { WORK };
                let letter = json!({"sessionKey": to, "message": "x", "timeoutSeconds": 0});
                calls("sessions_send", letter)
            }
            _ => {
                let is_end = request.result_of("sessions_send").contains("\"forbidden\"");
                seen.fetch_or(is_end, Ordering::SeqCst);
                says("REPLY_SKIP")
            }
        }
    });
    let mut harness = with_work(llm, &json!({})).await;

    harness.submit("t1", "go").await;

    while !refused.load(Ordering::SeqCst) {
        harness.until(|event| matches!(event.body, agent::EventBody::Ended(_))).await;
    }
    assert!(harness.llm.count() < 300, "{}", harness.llm.count());
}

#[tokio::test]
async fn a_letter_is_no_command() {
    let llm = pen_friend(json!({"sessionKey": WORK, "message": "/new"}), "no");
    let harness = with_work(llm, &json!({})).await;
    let id = || {
        let sessions = harness.store.sessions(&AgentId::main());
        sessions.get(&SessionKey::stored(WORK)).unwrap().session_id.clone()
    };
    let before = id();

    assert_eq!(sent(&harness).await["reply"], "no");

    assert_eq!(id(), before);
    let entry = harness.store.sessions(&AgentId::main()).get(&SessionKey::stored(WORK)).unwrap();
    assert_eq!(entry.last_channel.as_deref(), Some("webchat"), "replies go where people are");
}

#[tokio::test]
async fn a_failed_turn_of_the_other_session_is_told() {
    let llm = Llm::respond_with(|request| -> Step {
        match reads(request) {
            "person" if request.last_user().contains("hello") => says("hi"),
            "person" if request.results_since_user() == 0 => {
                calls("sessions_send", json!({"sessionKey": WORK, "message": "x"}))
            }
            "person" => says("so be it"),
            _ => testkit::llm::fails(400, None),
        }
    });
    let harness = with_work(llm, &json!({})).await;

    let result = sent(&harness).await;

    assert_eq!(result["status"], "error");
    assert!(result["error"].as_str().unwrap().contains("400"), "{result}");
    assert_eq!(harness.outcome("t1").await.stop, Stop::Done);
}
