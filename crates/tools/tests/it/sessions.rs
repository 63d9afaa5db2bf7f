//! Tools that look at conversations, write to them and start them.

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

#[tokio::test]
async fn a_letter_names_one_addressee_and_waits_as_it_says() {
    let world = World::new().await;
    let send = |arguments| world.call("sessions_send", arguments);

    let waited = send(json!({ "sessionKey": "main", "message": "hi" })).await;
    let labelled =
        send(json!({ "label": "it", "agentId": "work", "message": "hi", "timeoutSeconds": "5" }))
            .await;
    let left = send(json!({ "sessionKey": "main", "message": "hi", "timeoutSeconds": 0 })).await;
    let both = send(json!({ "sessionKey": "main", "label": "it", "message": "hi" })).await;
    let nobody = send(json!({ "message": "hi" })).await;
    let empty = send(json!({ "sessionKey": "main", "message": "  " })).await;

    assert_eq!(
        details(&waited),
        json!({
            "runId": "t", "status": "ok", "reply": "Session(\"main\") 30s",
            "sessionKey": "agent:main:main",
            "delivery": { "status": "pending", "mode": "announce" }
        })
    );
    assert_eq!(details(&labelled)["reply"], "Label { label: \"it\", agent: Some(\"work\") } 5s");
    assert_eq!(
        details(&left),
        json!({ "runId": "t", "status": "accepted", "sessionKey": "agent:main:main" })
    );
    assert_eq!(error(&both), "Give either sessionKey or label, not both.");
    assert!(error(&nobody).contains("sessionKey"), "{nobody:?}");
    assert!(error(&empty).contains("message"), "{empty:?}");
}

#[tokio::test]
async fn an_errand_is_accepted_at_once_or_refused_in_words() {
    let world = World::new().await;
    let spawn = |arguments| world.call("sessions_spawn", arguments);

    let accepted = spawn(json!({ "task": "look", "model": "m" })).await;
    let bounded = spawn(json!({ "task": "look", "timeoutSeconds": 7, "cleanup": "Delete" })).await;
    let forbidden = spawn(json!({ "task": "look", "agentId": "work" })).await;
    let odd = spawn(json!({ "task": "look", "cleanup": "burn" })).await;
    let empty = spawn(json!({})).await;

    assert_eq!(
        details(&accepted),
        json!({
            "status": "accepted", "childSessionKey": "agent:main:main", "runId": "t",
            "modelApplied": false
        })
    );
    assert_eq!(details(&bounded)["warning"], "Some(7s)");
    assert_eq!(details(&forbidden), json!({ "status": "forbidden", "error": "not you" }));
    assert_eq!(error(&odd), "cleanup must be keep or delete, not `burn`");
    assert!(error(&empty).contains("task"), "{empty:?}");
}

#[tokio::test]
async fn the_agents_that_may_be_started_are_listed() {
    let world = World::new().await;

    let listed = world.call("agents_list", json!({})).await;

    assert_eq!(
        details(&listed),
        json!({
            "requester": "main", "allowAny": false,
            "agents": [{ "id": "main", "name": "Mo", "configured": true }]
        })
    );
}
