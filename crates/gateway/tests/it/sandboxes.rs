//! Sandboxes over the wire: explained, listed, removed. No engine answers in these tests.

#![expect(clippy::disallowed_methods, reason = "tests lay out files")]

use serde_json::json;
use testkit::home::TempHome;

use crate::{client::Client, server::Server};

/// A gateway whose list names two sandboxes that no engine has.
async fn with_list() -> (Server, Client) {
    let home = TempHome::minimal().unwrap();
    home.merge_config(&json!({
        "env": { "vars": { "DOCKER_HOST": "unix:///nowhere/docker.sock" } },
        "agents": {
            "defaults": { "sandbox": { "mode": "all" } },
            "list": [{ "id": "main" }, { "id": "work" }],
        },
    }))
    .unwrap();
    let entry = |id: &str| {
        json!({
            "containerName": format!("openclaw-sbx-test-{id}"), "sessionKey": format!("agent:{id}"),
            "createdAtMs": 1, "lastUsedAtMs": 2, "image": "openclaw-sandbox:bookworm-slim",
            "configHash": "ab",
        })
    };
    let dir = home.state_dir().join("sandbox");
    std::fs::create_dir_all(&dir).unwrap();
    let list = json!({ "entries": [entry("main"), entry("work")] });
    std::fs::write(dir.join("containers.json"), list.to_string()).unwrap();
    let server = Server::at(home).await;
    let client = server.connect(4).await;
    (server, client)
}

#[tokio::test]
async fn a_session_is_explained_as_the_command_line_does() {
    let (server, mut client) = with_list().await;

    let report = client.call("sandbox.explain", json!({ "agentId": "work" })).await;
    let unknown = client.call_raw("sandbox.explain", &json!({ "agentId": "x" })).await;

    assert_eq!(report["sessionKey"], "agent:work:main");
    assert_eq!(report["sandbox"]["sessionIsSandboxed"], true);
    assert_eq!(report["sandbox"]["workspaceMounts"][0]["containerRoot"], "/workspace");
    assert_eq!(report["sandbox"]["reach"], json!(null), "no engine told");
    assert_eq!(unknown["error"]["message"], "no such agent: x");
    server.stop().await;
}

#[tokio::test]
async fn the_list_and_what_cannot_be_removed_are_told() {
    let (server, mut client) = with_list().await;

    let list = client.call("sandbox.list", json!({})).await;
    let gone = client.call("sandbox.recreate", json!({ "agentId": "work" })).await;
    let both = json!({ "all": true, "agentId": "work" });
    let both = client.call_raw("sandbox.recreate", &both).await;

    let row = &list["containers"][1];
    assert_eq!((&row["running"], &row["imageMatch"]), (&json!(false), &json!(true)));
    assert_eq!((&row["backendId"], &row["stats"]), (&json!("docker"), &json!(null)));
    assert_eq!(row["limits"], json!({}), "none are set");
    assert_eq!((&list["browsers"], &list["spares"]), (&json!([]), &json!(0)));
    assert_eq!(gone["removed"], json!([]));
    assert_eq!(gone["failed"][0]["containerName"], "openclaw-sbx-test-work");
    let why = gone["failed"][0]["error"].as_str().unwrap();
    assert!(why.contains("agents.defaults.sandbox.mode=off"), "{why}");
    assert_eq!(both["error"]["message"], "give one of all, sessionKey and agentId");
    server.stop().await;
}
