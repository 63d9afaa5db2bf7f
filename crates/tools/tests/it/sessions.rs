//! Tools that look at conversations.

use serde_json::json;

use crate::world::{World, details, error, text};

#[tokio::test]
async fn sessions_are_listed_with_their_last_messages() {
    let world = World::new().await;

    let result = world.call("sessions_list", json!({ "messageLimit": 2, "kinds": "main" })).await;

    let details = details(&result);
    assert_eq!(details["count"], 1);
    assert_eq!(details["sessions"][0]["key"], "agent:main:main");
    let messages = details["sessions"][0]["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1]["content"][0]["text"], "message 4");
}

#[tokio::test]
async fn history_is_shown_and_an_unknown_session_is_refused() {
    let world = World::new().await;

    let shown = world
        .call("sessions_history", json!({ "sessionKey": "agent:main:main", "limit": 3 }))
        .await;
    let refused = world.call("sessions_history", json!({ "sessionKey": "nobody" })).await;

    let details = details(&shown);
    let keys: Vec<&String> = details.as_object().expect("an object").keys().collect();
    assert_eq!(
        keys,
        ["sessionKey", "messages", "truncated", "droppedMessages", "contentTruncated", "bytes"]
    );
    assert_eq!(details["messages"].as_array().map(Vec::len), Some(3));
    assert_eq!(details["truncated"], true);
    assert_eq!(error(&refused), "No session found for nobody");
}

#[tokio::test]
async fn the_status_card_is_text_for_the_model_and_facts_for_clients() {
    let world = World::new().await;

    let shown = world.call("session_status", json!({ "model": "default" })).await;
    let refused = world.call("session_status", json!({ "model": "none/such" })).await;

    assert_eq!(text(&shown), "all is well");
    assert_eq!(
        details(&shown),
        json!({
            "ok": true, "sessionKey": "agent:main:main", "changedModel": true,
            "statusText": "all is well"
        })
    );
    assert_eq!(error(&refused), "there is no model none/such");
}
