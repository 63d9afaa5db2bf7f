//! Conversations as people read them: pages, what came since, and other ways to go on.

use serde_json::{Value, json};
use testkit::llm::{Llm, says};

use crate::{client::Client, server::Server};

const KEY: &str = "agent:main:tree";

/// A gateway, a client, and a conversation in which each of `said` was answered with `re: <it>`.
async fn after(said: &[&str], replies_more: &[&str]) -> (Server, Llm, Client) {
    let answers = said.iter().map(|text| format!("re: {text}"));
    let more = replies_more.iter().map(|text| (*text).to_owned());
    let replies: Vec<String> = answers.chain(more).collect();
    let llm = Llm::script(replies.iter().map(|text| says(text)));
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    for text in said {
        say(&mut client, KEY, text).await;
    }
    (server, llm, client)
}

/// Says something and waits for the end of the turn.
async fn say(client: &mut Client, key: &str, text: &str) {
    let id = uuid::Uuid::new_v4().to_string();
    let message = json!({"sessionKey": key, "message": text, "idempotencyKey": id});
    client.call("chat.send", message).await;
    let waited = client.call("agent.wait", json!({"runId": id, "timeoutMs": 20_000})).await;
    assert_eq!(waited["status"], "ok", "{waited}");
}

async fn history(client: &mut Client, key: &str) -> Value {
    client.call("chat.history", json!({"sessionKey": key})).await
}

fn text_of(message: &Value) -> &str {
    message["content"][0]["text"].as_str().or(message["content"].as_str()).unwrap_or_default()
}

fn texts(history: &Value) -> Vec<&str> {
    history["messages"].as_array().unwrap().iter().map(text_of).collect()
}

/// The id of the message that says `text`.
fn id_of(history: &Value, text: &str) -> String {
    let messages = history["messages"].as_array().unwrap();
    let message = messages.iter().find(|it| text_of(it) == text).unwrap();
    message["__openclaw"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_that_saw_the_history_gets_what_came_since() {
    let (server, _llm, mut client) = after(&["one"], &["re: two"]).await;
    let first = history(&mut client, KEY).await;
    let since = |cursor: &Value| json!({"sessionKey": KEY, "cursor": cursor});

    let nothing = client.call("chat.history", since(&first["deltaCursor"])).await;
    say(&mut client, KEY, "two").await;
    let delta = client.call("chat.history", since(&first["deltaCursor"])).await;
    client.call("sessions.reset", json!({"key": KEY})).await;
    let other = client.call("chat.history", since(&delta["deltaCursor"])).await;

    let places: Vec<u64> = first["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["__openclaw"]["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(places, [1, 2]);
    assert_eq!((&first["totalMessages"], &first["hasMore"]), (&json!(2), &json!(false)));
    assert_eq!(first["sessionInfo"]["key"], KEY);
    assert_eq!((&nothing["kind"], texts(&nothing).len()), (&json!("delta"), 0));
    assert_eq!(nothing["deltaCursor"], first["deltaCursor"]);
    assert_eq!(texts(&delta), ["two", "re: two"]);
    assert_eq!(delta["messages"][1]["__openclaw"]["seq"], 4);
    assert_eq!(other, json!({"kind": "reset"}));
    server.stop().await;
}

#[tokio::test]
async fn a_page_may_lie_around_a_message_and_long_texts_are_cut() {
    let (server, _llm, mut client) = after(&["one", "two", "three"], &[]).await;
    let all = history(&mut client, KEY).await;
    let id = id_of(&all, "two");

    let around = json!({"sessionKey": KEY, "messageId": id, "limit": 2, "maxChars": 4});
    let around = client.call("chat.history", around).await;
    let nobody = json!({"sessionKey": KEY, "messageId": "nobody"});
    let nobody = client.call_raw("chat.history", &nobody).await;

    assert_eq!(texts(&around), ["re:…", "two"]);
    assert_eq!((&around["hasMore"], &around["nextOffset"]), (&json!(true), &json!(5)));
    assert_eq!(nobody["error"]["code"], "INVALID_REQUEST");
    server.stop().await;
}

#[tokio::test]
async fn a_conversation_goes_back_and_both_ways_stay() {
    let (server, llm, mut client) = after(&["one", "two"], &["re: other"]).await;
    let before = history(&mut client, KEY).await;
    let first_way = before["messages"][3]["__openclaw"]["id"].clone();
    let rewind = json!({"sessionKey": KEY, "entryId": id_of(&before, "two")});

    let draft = client.call("sessions.rewind", rewind).await;
    let shortened = history(&mut client, KEY).await;
    let since = json!({"sessionKey": KEY, "cursor": before["deltaCursor"]});
    let since = client.call("chat.history", since).await;
    say(&mut client, KEY, "other").await;
    let second = history(&mut client, KEY).await;
    let branches = client.call("sessions.branches.list", json!({"sessionKey": KEY})).await;
    let back = json!({"sessionKey": KEY, "leafEntryId": first_way});
    let switched = client.call("sessions.branches.switch", back).await;
    let restored = history(&mut client, KEY).await;

    assert_eq!(draft, json!({"editorText": "two"}));
    assert_eq!(texts(&shortened), ["one", "re: one"]);
    assert_eq!(since, json!({"kind": "reset"}));
    assert_eq!(texts(&second), ["one", "re: one", "other", "re: other"]);
    let told: Vec<_> = branches["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["headline"].as_str().unwrap(), it["active"] == true, &it["messageCount"]))
        .collect();
    assert_eq!(told, [("other", true, &json!(4)), ("two", false, &json!(4))]);
    assert_eq!(switched, json!({}));
    assert_eq!(texts(&restored), ["one", "re: one", "two", "re: two"]);
    // The model saw nothing of what was left.
    let asked = llm.requests().last().unwrap().body.to_string();
    assert!(asked.contains("re: one") && !asked.contains("re: two"), "{asked}");
    server.stop().await;
}

#[tokio::test]
async fn a_fork_begins_with_what_was_said_and_leaves_the_other_alone() {
    let (server, _llm, mut client) = after(&["one", "two"], &["re: else"]).await;
    let before = history(&mut client, KEY).await;
    let fork = |id: String| json!({"sessionKey": KEY, "entryId": id});

    let before_two = client.call("sessions.fork", fork(id_of(&before, "two"))).await;
    let with_answer = client.call("sessions.fork", fork(id_of(&before, "re: one"))).await;
    let key = before_two["sessionKey"].as_str().unwrap().to_owned();
    say(&mut client, &key, "else").await;
    let nobody = client.call_raw("sessions.fork", &fork("nobody".to_owned())).await;

    assert_eq!(before_two["editorText"], "two");
    assert!(with_answer.get("editorText").is_none());
    let forked = history(&mut client, &key).await;
    assert_eq!(texts(&forked), ["one", "re: one", "else", "re: else"]);
    let untouched = history(&mut client, KEY).await;
    assert_eq!(texts(&untouched), ["one", "re: one", "two", "re: two"]);
    assert_eq!(nobody["error"]["message"], "entry not found: nobody");
    server.stop().await;
}

#[tokio::test]
async fn words_are_found_where_they_were_said() {
    let (server, _llm, mut client) = after(&["the blue whale", "the red car"], &[]).await;

    let whale = client.call("sessions.search", json!({"query": "WHALE blue"})).await;
    let other = json!({"query": "whale", "sessionKeys": ["agent:main:other"]});
    let other = client.call("sessions.search", other).await;
    let few = client.call("sessions.search", json!({"query": "the", "limit": 1})).await;

    let hits = whale["results"].as_array().unwrap();
    assert_eq!(hits.len(), 2, "{hits:?}");
    let asked = hits.iter().find(|it| it["role"] == "user").unwrap();
    assert_eq!((&asked["snippet"], &asked["sessionKey"]), (&json!("the blue whale"), &json!(KEY)));
    assert_eq!(whale["truncated"], false);
    assert_eq!(other["results"], json!([]));
    assert_eq!((few["results"].as_array().unwrap().len(), &few["truncated"]), (1, &json!(true)));
    server.stop().await;
}

#[tokio::test]
async fn a_page_may_start_with_the_short_name_of_a_conversation() {
    let (server, _llm, mut client) = after(&["one"], &[]).await;
    let id = history(&mut client, KEY).await["sessionId"].as_str().unwrap().to_owned();
    let short = &id[..8];

    let found = client.call("chat.startup", json!({"shortId": short})).await;
    let none = client.call("chat.startup", json!({"shortId": "zzzzzzzz"})).await;
    let resolved = client.call("sessions.resolve", json!({"shortId": short})).await;
    let neither = client.call_raw("chat.startup", &json!({})).await;

    assert_eq!((&found["sessionKey"], &found["resolution"]["ok"]), (&json!(KEY), &json!(true)));
    assert_eq!(texts(&found), ["one", "re: one"]);
    assert!(found["agentsList"]["agents"].is_array() && found["metadata"].is_object());
    assert_eq!(none, json!({"resolution": {"ok": false}}));
    assert_eq!(resolved["key"], KEY);
    assert_eq!(neither["error"]["code"], "INVALID_REQUEST");
    server.stop().await;
}
