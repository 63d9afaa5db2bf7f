//! Replays the recordings of the reference against the real program.
//!
//! Owns the run and its verdict; how to replay, compare and excuse is in the modules below.

use std::{fs, path::Path};

use serde_json::json;
use testkit::{gateway::Gateway, home::TempHome, llm::Llm};

use self::{
    recording::Trace,
    shape::Difference,
    table::{DELIBERATE, LATER, REPLAYED, matches},
};

mod compare;
mod device;
mod http;
mod node;
mod recording;
mod replay;
mod shape;
mod table;

#[tokio::test(flavor = "multi_thread")]
async fn recorded_conversations_agree_in_shape() {
    let (third, fourth) = tokio::join!(replay_all(3), replay_all(4));
    let results: Vec<_> = third.into_iter().chain(fourth).collect();

    let verdict = judge(&results);

    println!("{verdict}");
    assert!(verdict.ends_with("deliberate differences)"), "{verdict}");
}

#[test]
fn every_recording_is_replayed_or_waits_for_a_feature() {
    for version in [3, 4] {
        for name in recording::names(version) {
            let later = LATER.iter().any(|(prefix, _)| name.starts_with(prefix));
            assert!(name == "http" || later || REPLAYED.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn the_deliberate_differences_are_those_of_the_documentation() {
    let document = include_str!("../../../../docs/protocol.md");
    let section = document.split("## Differences from the recordings").nth(1).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let documented: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();

    let ours: Vec<String> = DELIBERATE
        .iter()
        .map(|row| format!("| `{}` | `{}` | {} |", row.file, row.path, row.why))
        .collect();

    assert_eq!(documented, ours);
}

/// A recording's name, and where we differ from it.
type Outcome = (String, Vec<Difference>);

async fn replay_all(version: u32) -> Vec<Outcome> {
    let model = Llm::steered();
    let home = home(&model);
    let program = Path::new(env!("CARGO_BIN_EXE_openclaw"));
    let former = Gateway::start(program, &home).unwrap();
    warm_up(&former, version).await;
    former.terminate().unwrap();
    former.wait().unwrap();
    let gateway = Gateway::start(program, &home).unwrap();
    drop(gateway.connect(version).await.unwrap());
    let place = home.path().to_str().unwrap();
    let mut outcomes = Vec::new();
    let slow = async {
        let mut slow = Vec::new();
        for name in ["connect-timeout-no-frame", "tick"] {
            slow.push(replay_one(&gateway, place, version, name).await);
        }
        slow
    };
    let quick = async {
        let mut quick = Vec::new();
        for name in REPLAYED.iter().filter(|it| !it.starts_with("shutdown") && !is_slow(it)) {
            quick.push(replay_one(&gateway, place, version, name).await);
        }
        quick.push((format!("v{version}/http"), http::compare(&gateway, version).await));
        quick
    };
    let (slow, quick) = tokio::join!(slow, quick);
    outcomes.extend(quick.into_iter().chain(slow));
    outcomes.push(replay_one(&gateway, place, version, "shutdown-sigterm").await);
    outcomes
}

fn is_slow(name: &str) -> bool {
    name == "connect-timeout-no-frame" || name == "tick"
}

/// The config of the recordings, without the sandbox.
fn home(model: &Llm) -> TempHome {
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    home.merge_config(&json!({
        "gateway": { "port": 12789 },
        "agents": { "defaults": { "maxConcurrent": 8 } },
        "models": { "mode": "merge" },
    }))
    .unwrap();
    // The recorded gateways had skills that came with them.
    let skill = home.state_dir().join("skills/sky");
    fs::create_dir_all(&skill).unwrap();
    fs::write(skill.join("SKILL.md"), SKILL).unwrap();
    home
}

const SKILL: &str = "---\nname: sky\ndescription: Tells the weather.\nhomepage: https://sky.example\n\
    metadata: {openclaw: {emoji: S, primaryEnv: SKY_KEY, os: [darwin], requires: {bins: [sky], \
    anyBins: [sky], env: [SKY_KEY], config: [sky.on]}, install: [{id: brew, kind: brew, formula: sky, \
    bins: [sky], label: Sky}]}}\n---\n";

/// The recorded gateways had served one turn in the main session before.
async fn warm_up(gateway: &Gateway, version: u32) {
    let mut client = gateway.connect(version).await.unwrap();
    let params = json!({
        "sessionKey": "main", "message": "Hello. REPLY:n=8", "idempotencyKey": "warm-up",
    });
    client.call("chat.send", params).await.unwrap();
    client.turn_end("warm-up").await.unwrap();
}

async fn replay_one(gateway: &Gateway, home: &str, version: u32, name: &str) -> Outcome {
    let trace: Trace = recording::read(version, name);
    let heard = replay::replay(gateway, home, &trace).await;
    let found = compare::compare(&trace, &heard);
    (trace.name, found)
}

/// What to print: the count, or all that nobody meant.
fn judge(results: &[Outcome]) -> String {
    let mut used = vec![false; DELIBERATE.len()];
    let mut undeclared = Vec::new();
    let mut agreeing = 0;
    for (file, differences) in results {
        let before = undeclared.len();
        for difference in differences {
            let mut excused = false;
            for (row, used) in DELIBERATE.iter().zip(&mut used) {
                if matches(row.file, file) && matches(row.path, &difference.path) {
                    (excused, *used) = (true, true);
                }
            }
            if !excused {
                undeclared.push(format!("{file} | {} {}", difference.path, difference.what));
            }
        }
        agreeing += usize::from(undeclared.len() == before);
    }
    let stale = DELIBERATE.iter().zip(used).filter(|(_, used)| !used);
    undeclared.extend(stale.map(|(row, _)| format!("excuses nothing: {row:?}")));
    let total = results.len();
    let meant = DELIBERATE.len();
    if undeclared.is_empty() {
        format!("{agreeing} of {total} traces agree ({meant} deliberate differences)")
    } else {
        let list = undeclared.join("\n");
        format!("{agreeing} of {total} traces agree; not meant:\n{list}")
    }
}
