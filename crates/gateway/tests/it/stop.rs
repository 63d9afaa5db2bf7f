//! The end of a gateway.

use serde_json::{Value, json};
use testkit::llm::{Llm, hangs_after, says};

use crate::{client::Seen, server::Server};

#[tokio::test]
async fn clients_are_told_and_then_closed_with_1012() {
    let server = Server::plain().await;
    let mut v4 = server.connect(4).await;
    let mut v3 = server.connect(3).await;

    server.stop().await;

    let newest = v4.until(|frame| frame["event"] == "shutdown").await.pop().unwrap();
    let older = v3.until(|frame| frame["event"] == "shutdown").await.pop().unwrap();
    assert_eq!(newest["payload"], json!({"reason": "gateway stopping"}));
    assert_eq!(older["payload"], json!({"reason": "gateway stopping", "restartExpectedMs": null}));
    let closed = Seen::Closed(1012, "service restart".to_owned());
    assert_eq!(v4.next().await, closed);
    assert_eq!(v3.next().await, closed);
}

#[tokio::test]
async fn a_turn_that_does_not_end_is_stopped_before_the_clients_are() {
    let llm = Llm::script([hangs_after("partial")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    let send = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "t"});
    client.send_request("chat.send", &send).await;
    let is = |state: &'static str| {
        move |frame: &Value| frame["event"] == "chat" && frame["payload"]["state"] == state
    };
    client.until(is("delta")).await;

    let stopped = tokio::join!(server.stop(), client.until(is("aborted"))).1;

    assert_eq!(stopped.last().unwrap()["payload"]["runId"], "t");
    client.until(|frame| frame["event"] == "shutdown").await;
}

#[tokio::test]
async fn the_next_gateway_knows_what_was_said() {
    let llm = Llm::script([says("first")]);
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    let run = json!({"message": "hi", "sessionKey": "main", "idempotencyKey": "a"});
    let id = client.send_request("agent", &run).await;
    client.answer(&id).await;
    client.answer(&id).await;
    let home = server.stop().await;

    let server = Server::at(home).await;
    let mut client = server.connect(4).await;
    let history = client.call("chat.history", json!({"sessionKey": "main"})).await;

    let last = history["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(last["content"][0]["text"], "first");
    server.stop().await;
}
