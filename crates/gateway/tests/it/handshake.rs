//! Who gets in, and what others are told.

use std::time::Duration;

use serde_json::json;
use testkit::home::TempHome;

use crate::{
    client::{Client, Seen},
    server::{Server, connect_params, overrides, start},
};

#[tokio::test]
async fn hello_has_the_shape_of_each_version() {
    let server = Server::plain().await;

    let v4 = server.open().await.connect(&connect_params(4)).await["payload"].clone();
    let v3 = server.open().await.connect(&connect_params(3)).await["payload"].clone();

    assert_eq!((&v4["type"], &v4["protocol"]), (&json!("hello-ok"), &json!(4)));
    assert_eq!(v4["auth"]["method"], "token");
    assert_eq!(v4["auth"]["scopes"], connect_params(4)["scopes"]);
    assert_eq!(v4["policy"]["maxPayload"], 26_214_400);
    assert_eq!(v4["snapshot"]["sessionDefaults"]["mainSessionKey"], "agent:main:main");
    assert_eq!(v3["protocol"], 3);
    assert!(v3["server"]["host"].is_string());
    assert_eq!(v3.get("auth"), None);
    assert_eq!(v3["policy"]["maxPayload"], 524_288);
    assert!(v3["features"]["methods"].as_array().unwrap().contains(&json!("chat.send")));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_closes_is_answered_before_and_after_hello() {
    let server = Server::plain().await;
    let (mut stranger, mut known) = (server.open().await, server.connect(4).await);
    stranger.frame().await;

    stranger.close(1000).await;
    known.close(1001).await;

    assert_eq!(stranger.next().await, Seen::Closed(1000, String::new()));
    assert_eq!(known.next().await, Seen::Closed(1001, String::new()));
    server.stop().await;
}

#[tokio::test]
async fn frames_that_are_no_connect_end_the_connection() {
    let server = Server::plain().await;
    let cases = [
        ("not json", None, (1000, "")),
        (r#"{"hello":1}"#, None, (1008, "invalid request frame")),
        (
            r#"{"type":"req","id":"x","method":"health","params":{}}"#,
            Some("invalid handshake: first request must be connect"),
            (1008, "invalid handshake: first request must be connect"),
        ),
    ];

    for (text, message, (code, reason)) in cases {
        let mut client = server.open().await;
        assert_eq!(client.frame().await["event"], "connect.challenge");
        client.send(text).await;
        if let Some(message) = message {
            let answer = client.frame().await;
            assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
            assert_eq!(answer["error"]["message"], message);
        }
        assert_eq!(client.next().await, Seen::Closed(code, reason.to_owned()), "{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn more_than_64_kib_before_hello_ends_the_connection() {
    let server = Server::plain().await;
    let mut client = server.open().await;
    client.frame().await;

    client.send_if_taken(&format!(r#"{{"type":"req","id":"{}"}}"#, "x".repeat(100_000))).await;

    assert!(matches!(client.next().await, Seen::Closed(1009 | 1006, _)));
    server.stop().await;
}

#[tokio::test]
async fn silence_before_hello_ends_the_connection() {
    let home = TempHome::minimal().unwrap();
    home.merge_config(&json!({"env": {"vars": {}}})).unwrap();
    let server = Server::patient(home, Duration::from_millis(50)).await;
    let mut client = server.open().await;
    client.frame().await;

    assert_eq!(client.next().await, Seen::Closed(1000, String::new()));
    server.stop().await;
}

#[tokio::test]
async fn scopes_left_out_are_all_in_version_3() {
    let server = Server::plain().await;
    let mut params = connect_params(3);
    params.as_object_mut().unwrap().remove("scopes");
    params["client"] = json!({"id": "cli", "version": "1", "platform": "x", "mode": "cli"});

    let mut client = server.open().await;
    client.connect(&params).await;
    let inject =
        client.call_raw("chat.inject", &json!({"sessionKey": "nope", "message": "x"})).await;

    assert_eq!(inject["error"]["message"], "session not found");
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_a_stranger_is_refused() {
    let server = Server::plain().await;
    let mut client = Client::open(server.running.addr, &[("origin", "https://evil.example")]).await;

    let answer = client.connect(&connect_params(4)).await;

    assert_eq!(answer["error"]["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    server.stop().await;
}

#[tokio::test]
async fn a_gateway_starts_only_where_it_may() {
    let empty = TempHome::new().unwrap();
    let remote = TempHome::minimal().unwrap();
    remote.merge_config(&json!({"gateway": {"mode": "remote"}})).unwrap();
    let no_token = TempHome::minimal().unwrap();
    no_token.write_config(r#"{"gateway": {"mode": "local"}}"#).unwrap();
    let open = TempHome::minimal().unwrap();
    open.merge_config(&json!({"gateway": {"bind": "lan", "auth": {"mode": "none"}}})).unwrap();
    let cases = [
        (&empty, "Missing config."),
        (&remote, "Gateway start blocked: set gateway.mode=local (current: remote)"),
        (&no_token, "no token is configured"),
        (&open, "Refusing to bind gateway to lan without auth."),
    ];

    for (home, core) in cases {
        let refused = start(home, overrides()).await.err().unwrap().to_string();
        assert!(refused.contains(core), "{refused}");
    }
}

#[tokio::test]
async fn a_second_gateway_on_the_port_or_the_directory_is_refused() {
    let server = Server::plain().await;
    let elsewhere = TempHome::minimal().unwrap();
    let same_port = gateway::Overrides { port: Some(server.running.addr.port()), ..overrides() };

    let by_port = start(&elsewhere, same_port).await.err().unwrap().to_string();
    let by_directory = start(&server.home, overrides()).await.err().unwrap().to_string();

    assert!(by_port.starts_with("Gateway failed to start: port"), "{by_port}");
    assert!(by_directory.contains("in use by process"), "{by_directory}");
    server.stop().await;
}
