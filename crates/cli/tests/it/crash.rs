//! Ends the gateway at many points of its work: most often by a kill, else by SIGTERM or SIGHUP.
//!
//! Who saw something acknowledged must find it again after the next start: a message whose
//! `chat.send` was answered `started`, also behind a running turn, a reply in a `final`, the
//! result of a tool, a setting of a conversation.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use testkit::{
    gateway::{CallError, Gateway, WsClient},
    home::TempHome,
    llm::{Llm, RequestView, Step, calls, says, slow},
};

use self::ledger::Ledger;
use crate::program::openclaw;

mod ledger;

/// Sessions that are at work at once.
const SESSIONS: usize = 4;

/// How often the gateway is ended, unless [`KILLS_VAR`] says otherwise.
const KILLS: u64 = 60;

/// How often it is ended in a long run.
const KILLS_VAR: &str = "OPENCLAW_TEST_KILLS";

/// After so many ends other sessions are used, so that a history stays short enough to be read
/// each time.
const KILLS_OF_A_SESSION: u64 = 20;

/// One end in so many is SIGTERM, and another is SIGHUP.
const ENDS: u64 = 8;

/// What the long run's dice begin with, if it is to be another run.
const SEED_VAR: &str = "OPENCLAW_TEST_SEED";

/// Frames after which it is killed at the latest.
const FRAMES_MAX: u64 = 120;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill_at_any_point() {
    let model = Llm::respond_with(answer);
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    let mut dice = Dice(number_in(SEED_VAR).unwrap_or(0x5eed));
    let mut ledger = Ledger::default();
    let kills = number_in(KILLS_VAR).unwrap_or(KILLS);
    for round in 0..kills {
        let gateway = Gateway::start(openclaw(), &home).unwrap();
        let mut client = gateway.connect(4).await.unwrap();
        ledger.check(&mut client).await;
        work(&mut client, &mut ledger, round, dice.below(FRAMES_MAX)).await;
        end(gateway, &mut client, &mut ledger, dice.below(ENDS)).await;
    }

    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    ledger.check(&mut client).await;
    for session in 0..SESSIONS {
        let run = send(&mut client, session, "last").await;
        let end = client.turn_end(&run).await.unwrap();
        assert_eq!(end["state"], "final", "{end}");
    }
    check_files(&home, &ledger);
    println!("{kills} ends, {} acknowledged things found again", ledger.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gentle_stop_lets_the_running_turn_end_and_refuses_new_ones() {
    let words = "one two three four five six seven eight nine ten";
    let model = Llm::respond_with(|_| slow(words, Duration::from_millis(100)));
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let mut other = gateway.connect(3).await.unwrap();
    let run = send(&mut client, 0, "slow").await;
    client.event("chat", PATIENCE, |it| it["state"] == "delta").await.unwrap();

    gateway.terminate().unwrap();
    let refused = refusal(&mut other).await;
    let end = client.turn_end(&run).await.unwrap();
    let shutdown = client.event("shutdown", PATIENCE, |_| true).await.unwrap();
    let closed = client.closed().await.unwrap();
    let (status, _) = gateway.wait().unwrap();

    assert_eq!(shutdown["reason"], "gateway stopping");
    assert_eq!(refused["code"], "UNAVAILABLE", "{refused}");
    assert_eq!((&end["state"], text_of(&end)), (&json!("final"), words));
    assert_eq!(closed, Some((1012, "service restart".to_owned())));
    assert_eq!(status.code(), Some(0));
}

/// Sends messages until one is refused, since the signal may arrive after the first.
async fn refusal(client: &mut WsClient) -> Value {
    for at in 0.. {
        match client.call("chat.send", message(1, &format!("late-{at}"))).await {
            Ok(_) => {}
            Err(CallError::Refused(error)) => return error,
            Err(CallError::Lost(error)) => panic!("{error:#}"),
        }
    }
    unreachable!("numbers do not end")
}

/// Ends the gateway in one of [`ENDS`] ways, and hears what it still says.
async fn end(gateway: Gateway, client: &mut WsClient, ledger: &mut Ledger, way: u64) {
    let signal = match way {
        0 => "-TERM",
        1 => "-HUP",
        _ => {
            gateway.kill().unwrap();
            return ledger.drain(client).await;
        }
    };
    ledger.may_be_refused();
    let sent = Command::new("kill").args([signal, &gateway.pid().to_string()]).status().unwrap();
    assert!(sent.success());
    ledger.drain(client).await;
    let (status, said) = gateway.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{signal}: {said}");
}

/// Keeps all sessions at work until so many frames were heard.
async fn work(client: &mut WsClient, ledger: &mut Ledger, round: u64, frames: u64) {
    let mut sent = BTreeMap::new();
    let first = usize::try_from(round / KILLS_OF_A_SESSION).unwrap() * SESSIONS;
    for session in first..first + SESSIONS {
        // One runs, the others wait behind it.
        for count in 0..3 {
            let name = format!("{round}-{session}-{count}");
            let id = client.send("chat.send", message(session, &name)).await.unwrap();
            ledger.sent(&id, session, &name);
        }
        let label = format!("label {round}-{session}");
        let patch = json!({ "key": key(session), "label": label });
        let id = client.send("sessions.patch", patch).await.unwrap();
        ledger.labelled(&id, session, &label);
        sent.insert(session, 3);
    }
    for _ in 0..frames {
        let frame = client.wait_for(PATIENCE, |_| true).await.unwrap();
        if let Some(session) = ledger.heard(&frame) {
            let count = sent.entry(session).or_insert(0);
            let name = format!("{round}-{session}-{count}");
            *count += 1;
            let id = client.send("chat.send", message(session, &name)).await.unwrap();
            ledger.sent(&id, session, &name);
        }
    }
}

fn number_in(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

async fn send(client: &mut WsClient, session: usize, name: &str) -> String {
    let params = message(session, name);
    let run = params["idempotencyKey"].as_str().unwrap().to_owned();
    client.call("chat.send", params).await.unwrap();
    run
}

fn message(session: usize, name: &str) -> Value {
    json!({
        "sessionKey": key(session),
        "message": format!("Do <{name}>."),
        "idempotencyKey": format!("run-{session}-{name}"),
    })
}

fn key(session: usize) -> String {
    format!("agent:main:crash-{session}")
}

/// Calls a tool for each message, then says a text of its own.
fn answer(request: &RequestView) -> Step {
    let said = request.last_user();
    let name = said.rsplit('<').next().and_then(|it| it.split('>').next()).unwrap_or_default();
    if name == "slow" || name == "last" {
        return says("As you like.");
    }
    if request.results_since_user() == 0 {
        return calls("exec", json!({ "command": format!("echo result-of-{name}") }));
    }
    slow(&format!("This is the reply to {name}."), Duration::from_millis(1))
}

fn text_of(end: &Value) -> &str {
    end["message"]["content"][0]["text"].as_str().unwrap_or_default()
}

/// The index and every line of every transcript parse.
fn check_files(home: &TempHome, ledger: &Ledger) {
    let folder = home.state_dir().join("agents/main/sessions");
    let index = std::fs::read_to_string(folder.join("sessions.json")).unwrap();
    let index: Value = serde_json::from_str(&index).unwrap();
    let known: BTreeSet<&String> = index.as_object().unwrap().keys().collect();
    for session in ledger.sessions() {
        assert!(known.contains(&key(session)), "{known:?}");
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "jsonl") {
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let parsed = serde_json::from_str::<Value>(line);
                assert!(parsed.is_ok(), "{} has `{line}`", path.display());
            }
        }
    }
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    /// A number from 0 to `end` exclusively.
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
