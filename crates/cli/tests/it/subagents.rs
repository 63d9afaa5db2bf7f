//! Sub-agents, through the real gateway.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, WsClient},
    home::TempHome,
    llm::{Llm, RequestView, calls, hangs, says},
};

use crate::program::{openclaw, quiet};

const PATIENCE: Duration = Duration::from_secs(30);

fn is_child(request: &RequestView) -> bool {
    request.system().contains("You are a sub-agent.")
}

fn is_report(request: &RequestView) -> bool {
    request.last_user().contains("[Sub-agent report]")
}

/// Names of the tools that a session would be offered.
async fn tools(client: &mut WsClient, key: &str) -> Vec<String> {
    let effective = client.call("tools.effective", json!({"sessionKey": key})).await.unwrap();
    let tools = effective["groups"][0]["tools"].as_array().unwrap().clone();
    tools.iter().map(|tool| tool["id"].as_str().unwrap().to_owned()).collect()
}

async fn row(client: &mut WsClient, key: &str) -> Option<Value> {
    let list = client.call("sessions.list", json!({})).await.unwrap();
    let rows = list["sessions"].as_array().unwrap();
    rows.iter().find(|row| row["key"] == *key).cloned()
}

#[tokio::test]
async fn a_sub_agent_is_a_session_with_fewer_tools_and_its_result_reaches_the_chat() {
    let llm = Llm::respond_with(|request| {
        if is_child(request) {
            says("under the mat")
        } else if is_report(request) {
            says("The key is under the mat.")
        } else if request.results_since_user() == 0 {
            calls("sessions_spawn", json!({"task": "find the key", "label": "scout"}))
        } else {
            says("I have sent someone.")
        }
    });
    let home = quiet(TempHome::with_model(&llm.base_url()).unwrap());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();

    let message = json!({"sessionKey": "main", "message": "find it", "idempotencyKey": "t1"});
    client.call("chat.send", message).await.unwrap();
    client.turn_end("t1").await.unwrap();
    let told = client
        .event("chat", PATIENCE, |payload| {
            payload["sessionKey"] == "agent:main:main"
                && payload["state"] == "final"
                && payload["message"].to_string().contains("under the mat")
        })
        .await
        .unwrap();

    assert!(told["runId"].as_str().unwrap().starts_with("report:"), "{told}");
    let list = client.call("sessions.list", json!({})).await.unwrap();
    let rows = list["sessions"].as_array().unwrap();
    let child = rows.iter().find(|row| row["label"] == "scout").unwrap();
    let key = child["key"].as_str().unwrap();
    assert!(key.starts_with("agent:main:subagent:"), "{child}");
    let (own, theirs) = (tools(&mut client, "main").await, tools(&mut client, key).await);
    for tool in ["agents_list", "sessions_send", "sessions_spawn"] {
        assert!(own.iter().any(|it| it == tool), "{own:?}");
        assert!(!theirs.iter().any(|it| it == tool), "{theirs:?}");
    }
    let catalog = client.call("tools.catalog", json!({})).await.unwrap().to_string();
    assert!(catalog.contains("\"id\":\"sessions_spawn\""), "{catalog}");
}

#[tokio::test]
async fn a_sub_agent_that_a_crash_cut_off_is_told_of_after_the_restart() {
    let llm = Llm::respond_with(|request| {
        if is_child(request) {
            hangs()
        } else if is_report(request) {
            says("It got lost.")
        } else if request.results_since_user() == 0 {
            calls("sessions_spawn", json!({"task": "find the key"}))
        } else {
            says("I have sent someone.")
        }
    });
    let home = quiet(TempHome::with_model(&llm.base_url()).unwrap());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let message = json!({"sessionKey": "main", "message": "find it", "idempotencyKey": "t1"});
    client.call("chat.send", message).await.unwrap();
    client.turn_end("t1").await.unwrap();
    llm.wait_for_requests(3).await;
    until(|| fs::read(home.state_dir().join("subagents/runs.json")).is_ok()).await;
    gateway.kill().unwrap();

    let _gateway = Gateway::start(openclaw(), &home).unwrap();
    llm.wait_for_requests(4).await;

    let requests = llm.requests();
    let report = requests.iter().find(|it| is_report(it)).unwrap();
    let told = report.last_user();
    assert!(told.contains("the gateway stopped while it ran"), "{told}");
}

#[tokio::test]
async fn a_session_whose_time_is_over_is_put_away() {
    let (key, id) = ("agent:main:subagent:old", "50ca3544-b362-4ee7-8a0a-4ea412a7362c");
    let llm = Llm::script([]);
    let home = quiet(TempHome::with_model(&llm.base_url()).unwrap());
    let dir = home.state_dir().join("agents/main/sessions");
    fs::create_dir_all(&dir).unwrap();
    let index = json!({(key): {"sessionId": id, "updatedAt": 1, "spawnedBy": "agent:main:main"}});
    fs::write(dir.join("sessions.json"), index.to_string()).unwrap();
    fs::write(dir.join(format!("{id}.jsonl")), "").unwrap();
    fs::create_dir_all(home.state_dir().join("subagents")).unwrap();
    let runs = json!({"version": 2, "runs": {"r": {
        "runId": "r", "childSessionKey": key, "requesterSessionKey": "agent:main:main",
        "task": "look", "cleanup": "keep", "createdAt": 1, "endedAt": 2,
        "outcome": {"status": "ok"}, "cleanupCompletedAt": 3, "archiveAtMs": 4,
    }}});
    fs::write(home.state_dir().join("subagents/runs.json"), runs.to_string()).unwrap();

    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();

    let deadline = Instant::now() + PATIENCE;
    while row(&mut client, key).await.is_some() {
        assert!(Instant::now() < deadline, "it is still there");
    }
    let put_away = |name: &str| name.starts_with(id) && name.contains(".jsonl.deleted.");
    until(|| {
        let mut names = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().file_name());
        names.any(|name| put_away(&name.to_string_lossy()))
    })
    .await;
}

/// Waits until a condition holds.
async fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to that");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
