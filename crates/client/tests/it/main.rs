//! The client against a gateway made of a few frames, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use client::{CallError, Client, ConnectError, Device, Identity, Names, Options, Role};
use domain::Secret;
use futures_util::{SinkExt, StreamExt};
use protocol::{
    device::{DeviceKey, PublicKey},
    handshake::{ClientId, Mode},
};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

type Socket = WebSocketStream<TcpStream>;

fn options(url: String) -> Options {
    Options {
        url,
        token: Some(Secret::new("sesame")),
        password: None,
        identity: Identity {
            id: ClientId::Cli,
            mode: Mode::Cli,
            version: "1".into(),
            names: Names::default(),
            caps: &["tool-events"],
            role: Role::Operator,
        },
        device: None,
        events_max: 16,
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

async fn tell(socket: &mut Socket, frame: Value) {
    socket.send(Message::text(frame.to_string())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> Value {
    let message = socket.next().await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

/// Accepts one connection and shakes hands; gives the `connect` request too.
async fn welcome(listener: TcpListener) -> (Socket, Value) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = accept_async(stream).await.unwrap();
    tell(&mut socket, json!({"type": "event", "event": "connect.challenge", "payload": {}})).await;
    let connect = hear(&mut socket).await;
    let id = &connect["id"];
    let hello = json!({"type": "hello-ok", "protocol": 4});
    tell(&mut socket, json!({"type": "res", "id": id, "ok": true, "payload": hello})).await;
    (socket, connect)
}

#[tokio::test]
async fn the_handshake_offers_both_protocols_and_the_token() {
    let (listener, url) = listen().await;

    let ((_socket, connect), client) =
        tokio::join!(welcome(listener), Client::connect(options(url)));

    let (client, _events) = client.unwrap();
    assert_eq!(client.hello()["protocol"], 4);
    let params = &connect["params"];
    assert_eq!((&params["minProtocol"], &params["maxProtocol"]), (&json!(3), &json!(4)));
    assert_eq!(params["auth"], json!({"token": "sesame"}));
    assert_eq!(params["caps"], json!(["tool-events"]));
}

#[tokio::test]
async fn the_final_response_of_a_call_is_waited_for() {
    let (listener, url) = listen().await;
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (mut socket, _) = welcome(listener).await;
        let id = hear(&mut socket).await["id"].clone();
        for payload in [json!({"status": "accepted"}), json!({"status": "ok"})] {
            let event = json!({"type": "event", "event": "tick", "payload": payload, "seq": 1});
            tell(&mut socket, event).await;
            tell(&mut socket, json!({"type": "res", "id": id, "ok": true, "payload": payload}))
                .await;
        }
    });
    let (client, mut events) = Client::connect(options(url)).await.unwrap();

    let answer = client.call_expecting_final("agent", json!({})).await.unwrap();

    assert_eq!(answer, json!({"status": "ok"}));
    assert_eq!(events.next().await.unwrap().name, "tick");
}

#[tokio::test]
async fn answers_find_their_calls_whatever_their_order() {
    let (listener, url) = listen().await;
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (mut socket, _) = welcome(listener).await;
        let first = hear(&mut socket).await;
        let second = hear(&mut socket).await;
        for call in [second, first] {
            let frame =
                json!({"type": "res", "id": call["id"], "ok": true, "payload": call["method"]});
            tell(&mut socket, frame).await;
        }
    });
    let (client, _events) = Client::connect(options(url)).await.unwrap();

    let (health, status) =
        tokio::join!(client.call("health", json!({})), client.call("status", json!({})));

    assert_eq!((health.unwrap(), status.unwrap()), (json!("health"), json!("status")));
}

#[tokio::test]
async fn a_refused_handshake_tells_message_and_close_code() {
    let (listener, url) = listen().await;
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        tell(&mut socket, json!({"type": "event", "event": "connect.challenge"})).await;
        let id = hear(&mut socket).await["id"].clone();
        let error = json!({"code": "INVALID_REQUEST", "message": "unauthorized: no"});
        tell(&mut socket, json!({"type": "res", "id": id, "ok": false, "error": error})).await;
        let frame = CloseFrame { code: CloseCode::Policy, reason: "unauthorized: no".into() };
        socket.close(Some(frame)).await.unwrap();
        while socket.next().await.is_some() {}
    });

    let error = Client::connect(options(url)).await.unwrap_err();

    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert_eq!(error.to_string(), "gateway closed (1008): unauthorized: no");
}

#[tokio::test]
async fn an_open_call_learns_that_the_gateway_hung_up() {
    let (listener, url) = listen().await;
    let mut server = JoinSet::new();
    server.spawn(async move {
        let (mut socket, _) = welcome(listener).await;
        hear(&mut socket).await;
        let frame = CloseFrame { code: CloseCode::Restart, reason: "service restart".into() };
        socket.close(Some(frame)).await.unwrap();
        while socket.next().await.is_some() {}
    });
    let (client, mut events) = Client::connect(options(url)).await.unwrap();

    let error = client.call("health", json!({})).await.unwrap_err();

    assert!(matches!(&error, CallError::Closed(closed) if closed.code == 1012), "{error:?}");
    assert_eq!(events.next().await, None);
    let later = client.call("health", json!({})).await.unwrap_err();
    assert_eq!(later.to_string(), "gateway closed (1012): service restart");
}

#[tokio::test]
async fn an_empty_port_is_said_to_be_one() {
    let (listener, url) = listen().await;
    drop(listener);

    let error = Client::connect(options(url)).await.unwrap_err();

    assert_eq!(error.to_string(), "gateway closed (1006): connection refused");
}

#[tokio::test]
async fn an_address_of_another_scheme_is_refused() {
    let error = Client::connect(options("http://127.0.0.1:1".to_owned())).await.unwrap_err();

    assert_eq!(error.to_string(), "`http://127.0.0.1:1` is not a gateway address");
}

#[tokio::test]
async fn a_device_signs_the_challenge_and_shows_its_token_when_there_is_no_secret() {
    let (listener, url) = listen().await;
    let key = DeviceKey::from_seed(&[7; 32]);
    let device = Device { key: key.clone(), token: Some(Secret::new("own")) };
    let mut options = Options { token: None, device: Some(device), ..options(url) };
    options.identity.role = Role::Node { commands: vec!["system.run".to_owned()] };
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept_async(stream).await.unwrap();
        let challenge = json!({"nonce": "n-1", "ts": 1_700_000_000_000_u64});
        tell(
            &mut socket,
            json!({"type": "event", "event": "connect.challenge", "payload": challenge}),
        )
        .await;
        let connect = hear(&mut socket).await;
        let hello = json!({"type": "hello-ok"});
        tell(
            &mut socket,
            json!({"type": "res", "id": connect["id"], "ok": true, "payload": hello}),
        )
        .await;
        connect["params"].clone()
    };

    let (params, client) = tokio::join!(serve, Client::connect(options));

    assert!(client.is_ok());
    let text = format!("v2|{}|cli|cli|node||1700000000000|own|n-1", key.device_id());
    let proof = &params["device"];
    assert_eq!(params["auth"], json!({"token": "own"}));
    assert_eq!(params["commands"], json!(["system.run"]));
    assert_eq!((&proof["id"], &proof["nonce"]), (&json!(key.device_id()), &json!("n-1")));
    let public = PublicKey::parse(proof["publicKey"].as_str().unwrap()).unwrap();
    assert!(public.verifies(&text, proof["signature"].as_str().unwrap()));
}
