//! The config file changes while the gateway runs.

use std::time::Duration;

use gateway::Asked;
use serde_json::json;
use tokio::time::timeout;

use crate::server::Server;

/// Longest wait for a change to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_change_that_can_be_applied_is() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;

    let two = json!({"agents": {"list": [{"id": "main", "default": true}, {"id": "work"}]}});
    server.home.merge_config(&two).unwrap();
    let health = client
        .until(|frame| {
            frame["event"] == "health"
                && frame["payload"]["agents"].as_array().is_some_and(|agents| agents.len() == 2)
        })
        .await
        .pop()
        .unwrap();

    assert_eq!(health["payload"]["agents"][1]["agentId"], "work");
    server.stop().await;
}

#[tokio::test]
async fn a_change_that_cannot_be_applied_asks_for_a_restart() {
    let server = Server::plain().await;

    server.home.merge_config(&json!({"gateway": {"port": 18_999}})).unwrap();
    let asked = timeout(PATIENCE, server.running.wait()).await.unwrap();

    assert_eq!(asked, Asked::Restart { reason: "config change: gateway.port".to_owned() });
    server.stop().await;
}
