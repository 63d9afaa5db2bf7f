//! Many requests and many clients.

use serde_json::json;

use crate::{client::Seen, server::Server};

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;

    for n in 0..2000 {
        let frame = json!({"type": "req", "id": n.to_string(), "method": "health"});
        client.feed(&frame.to_string()).await;
    }
    client.flush().await;

    for n in 0..2000 {
        let answer = client.answer(&n.to_string()).await;
        assert_eq!(answer["payload"]["ok"], true);
    }
    server.stop().await;
}

#[tokio::test]
async fn many_clients_may_be_there_at_once() {
    let server = Server::plain().await;
    let mut clients = Vec::new();

    for _ in 0..200 {
        clients.push(server.connect(4).await);
    }
    let presence = clients[0].call("system-presence", json!({})).await;

    assert_eq!(presence.as_array().unwrap().len(), 201);
    server.stop().await;
    for client in &mut clients {
        while let Seen::Frame(_) = client.next().await {}
    }
}

#[tokio::test]
async fn messages_over_25_mib_end_the_connection() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;

    client.send_if_taken(&"x".repeat(26 << 20)).await;

    assert!(matches!(client.next().await, Seen::Closed(1009 | 1006, _)));
    server.stop().await;
}
