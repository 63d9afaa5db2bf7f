//! A plain WebSocket client that sees every frame.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        Message,
        client::IntoClientRequest as _,
        protocol::{
            CloseFrame, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

/// Longest wait for one frame.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u32,
}

/// What came.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    /// A frame.
    Frame(Value),
    /// The end: close code and reason.
    Closed(u16, String),
}

impl Client {
    /// Opens a WebSocket, with extra headers.
    pub(crate) async fn open(addr: SocketAddr, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://{addr}/").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(4096);
        let (socket, _) = connect_async_with_config(request, Some(config), true).await.unwrap();
        Self { socket, next_id: 0 }
    }

    /// Waits for the challenge, sends `connect`, yields the answer.
    pub(crate) async fn connect(&mut self, params: &Value) -> Value {
        let challenge = self.frame().await;
        assert_eq!(challenge["event"], "connect.challenge", "{challenge}");
        self.call_raw("connect", params).await
    }

    /// Sends a request and yields its answer; events on the way are dropped.
    pub(crate) async fn call_raw(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send_request(method, params).await;
        self.answer(&id).await
    }

    /// Sends a request and yields its payload.
    pub(crate) async fn call(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call_raw(method, &params).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer["payload"].clone()
    }

    /// Sends a request; yields its id.
    pub(crate) async fn send_request(&mut self, method: &str, params: &Value) -> String {
        self.next_id += 1;
        let id = format!("r{}", self.next_id);
        let frame = json!({"type": "req", "id": id, "method": method, "params": params});
        self.send(&frame.to_string()).await;
        id
    }

    /// Sends a text as it is.
    pub(crate) async fn send(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Sends a text that the other side may refuse to read.
    pub(crate) async fn send_if_taken(&mut self, text: &str) {
        let _refused = self.socket.send(Message::text(text)).await;
    }

    /// Sends bytes as the payload of a text frame, whatever they are.
    pub(crate) async fn send_bytes(&mut self, bytes: Vec<u8>) {
        let frame = Frame::message(bytes, OpCode::Data(Data::Text), true);
        self.socket.send(Message::Frame(frame)).await.unwrap();
    }

    /// Puts a text into the buffer without sending it yet.
    pub(crate) async fn feed(&mut self, text: &str) {
        self.socket.feed(Message::text(text)).await.unwrap();
    }

    /// Sends what was fed.
    pub(crate) async fn flush(&mut self) {
        self.socket.flush().await.unwrap();
    }

    /// The next answer to `id`; events on the way are dropped.
    pub(crate) async fn answer(&mut self, id: &str) -> Value {
        self.until(|frame| frame["type"] == "res" && frame["id"] == id).await.pop().unwrap()
    }

    /// All frames up to and with the first that `is_last`.
    pub(crate) async fn until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.frame().await);
            if frames.last().is_some_and(&is_last) {
                return frames;
            }
        }
    }

    /// Closes with a code, as pages do.
    pub(crate) async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.socket.send(Message::Close(Some(frame))).await.unwrap();
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Value {
        match self.next().await {
            Seen::Frame(frame) => frame,
            closed @ Seen::Closed(..) => panic!("{closed:?}"),
        }
    }

    /// The next frame or the end.
    pub(crate) async fn next(&mut self) -> Seen {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    return Seen::Frame(serde_json::from_str(&text).unwrap());
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Seen::Closed(frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(Message::Close(None)) | Err(_)) | None => {
                    return Seen::Closed(1006, String::new());
                }
                Some(Ok(_)) => {}
            }
        }
    }
}
