//! Sessions start sub-agents.

use std::time::Duration;

use agent::{Aborted, Event, EventBody, Invocation, Invoked, Submitted};
use domain::{AgentId, SessionKey, TurnId};
use serde_json::{Value, json};
use testkit::llm::{Llm, RequestView, calls, calls_many, hangs, says};

use crate::harness::{Harness, MAIN};

fn is_child(request: &RequestView) -> bool {
    request.system().contains("You are a sub-agent.")
}

fn is_report(request: &RequestView) -> bool {
    request.last_user().contains("[Sub-agent report]")
}

/// A model that sends out a sub-agent when a person speaks, tells in it `found`, and tells
/// people what came of it.
fn delegating(errand: Value, found: &'static str) -> Llm {
    Llm::respond_with(move |request| {
        if is_child(request) {
            says(found)
        } else if is_report(request) {
            says("It is found.")
        } else if request.results_since_user() == 0 {
            calls("sessions_spawn", errand.clone())
        } else {
            says("I have sent someone.")
        }
    })
}

fn ended(event: &Event) -> bool {
    matches!(event.body, EventBody::Ended(_))
}

fn is_of_child(event: &Event) -> bool {
    event.session.is_subagent()
}

/// The result of the first call of `sessions_spawn`.
fn spawned(harness: &Harness) -> Value {
    let requests = harness.llm.requests();
    let with_result = requests.iter().find(|it| !is_child(it) && it.results_since_user() > 0);
    serde_json::from_str(with_result.unwrap().result_of("sessions_spawn")).unwrap()
}

#[tokio::test]
async fn a_sub_agent_works_by_itself_and_its_result_is_told() {
    let errand = json!({"task": "find the key", "label": "scout", "runTimeoutSeconds": 60});
    let mut harness = Harness::start(delegating(errand, "under the mat"));

    harness.say("t1", "where is the key?").await;
    let report =
        harness.until(|event| event.turn.as_str().starts_with("report:") && ended(event)).await;

    let result = spawned(&harness);
    assert_eq!(result["status"], "accepted");
    let child = SessionKey::stored(result["childSessionKey"].as_str().unwrap());
    assert!(child.is_subagent(), "{child}");
    let entry = harness.store.sessions(&AgentId::main()).get(&child).unwrap();
    assert_eq!((entry.spawned_by.as_deref(), entry.label.as_deref()), (Some(MAIN), Some("scout")));
    assert_eq!(report.session.as_str(), MAIN);
    let EventBody::Ended(outcome) = report.body else { panic!("it ended") };
    assert_eq!(outcome.texts, ["It is found."]);
    let requests = harness.llm.requests();
    let at_work = requests.iter().find(|it| is_child(it)).unwrap();
    assert!(at_work.last_user().ends_with("find the key"), "{}", at_work.last_user());
    let theirs = at_work.tools();
    assert!(theirs.contains(&"exec") && !theirs.contains(&"sessions_spawn"), "{theirs:?}");
    let told = requests.iter().find(|it| is_report(it)).unwrap().last_user().to_owned();
    for piece in ["The sub-agent \"scout\" is done", "under the mat", "tokens", child.as_str()] {
        assert!(told.contains(piece), "{told}");
    }
}

#[tokio::test]
async fn a_busy_parent_hears_of_it_after_its_turn() {
    let wait = json!({"command": "until [ -e go ]; do read -t 0.02 < /dev/zero; done; echo gone"});
    let llm = Llm::respond_with(move |request| {
        if is_child(request) {
            says("found")
        } else if is_report(request) {
            says("told")
        } else if request.results_since_user() == 0 {
            let errand = json!({"task": "look"});
            calls_many(vec![("sessions_spawn", errand), ("exec", wait.clone())])
        } else {
            says("I waited.")
        }
    });
    let mut harness = Harness::start(llm);

    harness.submit("t1", "look while you wait").await;
    harness.until(|event| is_of_child(event) && ended(event)).await;
    assert!(harness.llm.requests().iter().all(|it| !is_report(it)));
    std::fs::write(harness.home.state_dir().join("workspace/go"), "").unwrap();

    assert_eq!(harness.outcome("t1").await.texts, ["I waited."]);
    harness.until(|event| event.turn.as_str().starts_with("report:") && ended(event)).await;
}

#[tokio::test]
async fn a_sub_agent_starts_no_other_even_where_it_has_the_tool() {
    for is_lifted in [false, true] {
        let lifted = if is_lifted { json!(["sessions_spawn"]) } else { json!([]) };
        let llm = Llm::respond_with(|request| {
            if is_report(request) || request.results_since_user() > 0 {
                says("so be it")
            } else {
                calls("sessions_spawn", json!({"task": "deeper"}))
            }
        });
        let settings = json!({"tools": {"subagents": {"tools": {"alsoAllow": lifted}}}});
        let mut harness = Harness::with(llm, &settings);

        harness.submit("t1", "go").await;
        harness.until(|event| is_of_child(event) && ended(event)).await;

        let requests = harness.llm.requests();
        let child = requests.iter().find(|it| is_child(it) && it.results_since_user() > 0);
        let result = child.unwrap().result_of("sessions_spawn").to_owned();
        if is_lifted {
            assert!(result.contains("a sub-agent may not start sub-agents"), "{result}");
            assert!(result.contains("\"forbidden\""), "{result}");
        } else {
            let denied = "denied: `sessions_spawn` (rule `tools.subagents.tools.deny`)";
            assert_eq!(result, denied);
        }
    }
}

#[tokio::test]
async fn only_as_many_run_at_once_as_the_config_says() {
    let llm = Llm::respond_with(|request| {
        if is_child(request) {
            testkit::llm::slow("one two three", Duration::from_millis(10))
        } else if is_report(request) {
            says("ANNOUNCE_SKIP")
        } else if request.results_since_user() == 0 {
            let errand = |n: u32| ("sessions_spawn", json!({"task": format!("part {n}")}));
            calls_many(vec![errand(1), errand(2), errand(3)])
        } else {
            says("three are on it")
        }
    });
    let settings = json!({"agents": {"defaults": {"subagents": {"maxConcurrent": 1}}}});
    let mut harness = Harness::with(llm, &settings);

    harness.submit("t1", "go").await;

    // A reply is stored, and paid for, before its turn gives its place away.
    let mut running = 0;
    for _ in 0..6 {
        let is_edge = |event: &Event| {
            is_of_child(event) && matches!(event.body, EventBody::Started | EventBody::Usage(_))
        };
        let is_start = matches!(harness.until(is_edge).await.body, EventBody::Started);
        running += if is_start { 1 } else { -1 };
        assert!((0..=1).contains(&running), "{running}");
    }
}

#[tokio::test]
async fn a_session_to_delete_is_put_away_once_its_result_was_told() {
    let errand = json!({"task": "look", "cleanup": "delete"});
    let mut harness = Harness::start(delegating(errand, "found"));

    harness.say("t1", "go").await;
    harness.until(|event| event.turn.as_str().starts_with("report:") && ended(event)).await;

    let child = SessionKey::stored(spawned(&harness)["childSessionKey"].as_str().unwrap());
    let sessions = harness.store.sessions(&AgentId::main());
    until(|| sessions.get(&child).is_none()).await;
    let file = harness.home.state_dir().join("subagents/runs.json");
    until(|| {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        serde_json::from_str::<Value>(&text).is_ok_and(|it| it["runs"] == json!({}))
    })
    .await;
    let names = || {
        let dir = std::fs::read_dir(harness.home.state_dir().join("agents/main/sessions")).unwrap();
        dir.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    until(|| names().iter().any(|name| name.contains(".jsonl.deleted."))).await;
}

#[tokio::test]
async fn stopping_the_parent_stops_its_sub_agents_and_nothing_is_told() {
    for by_word in [true, false] {
        let llm = Llm::respond_with(|request| {
            if is_child(request) {
                hangs()
            } else if request.results_since_user() == 0 {
                calls("sessions_spawn", json!({"task": "look"}))
            } else {
                says("sent")
            }
        });
        let mut harness = Harness::start(llm);
        harness.say("t1", "go").await;
        let begun = harness
            .until(|event| is_of_child(event) && matches!(event.body, EventBody::Started))
            .await;

        let stopped = if by_word {
            let submitted = harness.submit("t2", "/stop").await;
            let Submitted::Stopped(turns) = submitted else { panic!("{submitted:?}") };
            turns
        } else {
            match harness.sessions.abort(&SessionKey::stored(MAIN), None).await {
                Aborted::Turns(turns) => turns,
                Aborted::OtherSession => panic!("it is this one"),
            }
        };
        harness.until(|event| event.turn == begun.turn && ended(event)).await;

        assert_eq!(stopped, [begun.turn]);
        assert!(harness.sessions.notes(&SessionKey::stored(MAIN)).is_empty());
        assert!(!harness.llm.requests().iter().any(|it| is_report(it)));
    }
}

#[tokio::test]
async fn its_time_runs_out_and_that_is_told() {
    let llm = Llm::respond_with(|request| {
        if is_child(request) {
            hangs()
        } else if is_report(request) {
            says("too slow")
        } else if request.results_since_user() == 0 {
            calls("sessions_spawn", json!({"task": "look", "runTimeoutSeconds": 0.2}))
        } else {
            says("sent")
        }
    });
    let mut harness = Harness::start(llm);

    harness.say("t1", "go").await;
    harness.until(|event| event.turn.as_str().starts_with("report:") && ended(event)).await;

    let requests = harness.llm.requests();
    let report = requests.iter().find(|it| is_report(it)).unwrap();
    assert!(report.last_user().contains("ran out of time"), "{}", report.last_user());
}

#[tokio::test]
async fn a_model_that_is_not_there_is_a_warning_and_a_wrong_level_an_error() {
    let settings = json!({"agents": {"defaults": {"models": {"mock/mock-1": {}}}}});
    let errand = json!({"task": "look", "model": "nobody/none", "thinking": "high"});
    let mut harness = Harness::with(delegating(errand, "found"), &settings);
    harness.say("t1", "go").await;
    harness.until(|event| is_of_child(event) && ended(event)).await;
    let errand = json!({"task": "look", "thinking": "furiously"});
    let odd = Harness::start(delegating(errand, "never"));
    odd.say("t1", "go").await;

    let result = spawned(&harness);
    assert_eq!((&result["status"], &result["modelApplied"]), (&json!("accepted"), &json!(false)));
    assert!(result["warning"].as_str().unwrap().contains("nobody/none"), "{result}");
    let child = SessionKey::stored(result["childSessionKey"].as_str().unwrap());
    let entry = harness.store.sessions(&AgentId::main()).get(&child).unwrap();
    assert_eq!(entry.thinking_level.as_deref(), Some("high"));
    let refused = spawned(&odd);
    assert_eq!(refused["status"], "error");
    assert!(refused["error"].as_str().unwrap().contains("Invalid thinking level"), "{refused}");
}

#[tokio::test]
async fn who_is_in_a_sandbox_starts_nobody_outside() {
    let settings = json!({"agents": {"list": [
        {"id": "main", "sandbox": {"mode": "all"}, "subagents": {"allowAgents": ["free"]}},
        {"id": "free", "sandbox": {"mode": "off"}},
    ]}});
    let harness = Harness::with(Llm::script([]), &settings);

    let invoked = harness
        .sessions
        .invoke(Invocation {
            session: SessionKey::stored(MAIN),
            tool: "sessions_spawn".to_owned(),
            arguments: json!({"task": "look around", "agentId": "free"}),
            action: None,
            channel: "webchat".to_owned(),
            door: policy::Door::Turn,
            patience: Duration::from_secs(20),
        })
        .await
        .unwrap();

    let Invoked::Ran(result) = invoked else { panic!("{invoked:?}") };
    let details = result.details.unwrap();
    assert_eq!(details["status"], "forbidden");
    let error = details["error"].as_str().unwrap();
    assert!(error.contains("this session is in a sandbox"), "{error}");
    assert!(harness.sessions.running().is_empty());
}

#[tokio::test]
async fn a_report_that_finds_no_place_is_left_as_a_note() {
    let llm = Llm::respond_with(|request| {
        if is_child(request) {
            says("found it")
        } else if request.results_since_user() == 0 {
            calls("sessions_spawn", json!({"task": "look"}))
        } else {
            hangs()
        }
    });
    let settings = json!({"messages": {"queue": {"mode": "followup", "cap": 1}}});
    let mut harness = Harness::with(llm, &settings);
    let key = SessionKey::stored(MAIN);

    harness.submit("t1", "go").await;
    harness.submit("t2", "and then?").await;
    harness.until(|event| is_of_child(event) && ended(event)).await;

    until(|| harness.sessions.notes(&key).iter().any(|note| note.contains("found it"))).await;
    harness.sessions.abort(&key, Some(&TurnId::new("t1"))).await;
}

#[tokio::test]
async fn a_person_sees_and_stops_sub_agents_by_word() {
    let llm = Llm::respond_with(|request| {
        if is_child(request) {
            hangs()
        } else if request.results_since_user() == 0 {
            calls("sessions_spawn", json!({"task": "look", "label": "scout"}))
        } else {
            says("sent")
        }
    });
    let mut harness = Harness::start(llm);
    let none = harness.say("t0", "/subagents").await;
    harness.say("t1", "go").await;
    harness.until(|event| is_of_child(event) && matches!(event.body, EventBody::Started)).await;

    let listed = harness.say("t2", "/subagents list").await;
    let log = harness.say("t3", "/subagents log 1").await;
    let unknown = harness.say("t4", "/subagents stop rover").await;
    let stopped = harness.say("t5", "/subagents stop scout").await;
    let info = harness.say("t6", "/subagents info 1").await;
    let odd = harness.say("t7", "/subagents dance").await;

    assert_eq!(none.texts, ["No sub-agents of this conversation."]);
    assert!(listed.texts[0].starts_with("1. scout: running for "), "{listed:?}");
    assert!(log.texts[0].contains("look"), "{log:?}");
    assert_eq!(unknown.texts, ["No sub-agent `rover`."]);
    assert_eq!(stopped.texts, ["Stopped 1 sub-agent."]);
    assert!(
        info.texts[0].contains("stopped, ") && info.texts[0].contains("Task: look"),
        "{info:?}"
    );
    assert!(odd.texts[0].starts_with("Usage: /subagents"), "{odd:?}");
    harness.until(|event| is_of_child(event) && ended(event)).await;
}

/// Waits until a condition holds.
async fn until(holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it comes to that");
}
