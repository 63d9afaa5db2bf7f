//! A WebSocket client that does as little as possible, so that it is not what is measured.
//!
//! Frames stay text; only what a figure waits for is looked at.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use domain::{Clock as _, SystemClock};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::device::{DeviceKey, Payload};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async, client_async_with_config,
    tungstenite::{Message, Utf8Bytes, protocol::WebSocketConfig},
};

/// The longest that any single frame is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What one of very many clients reads at once. The library clears as much before each read: with
/// its own 128 KiB that is most of what a crowd of clients on the gateway's own machine costs.
const CROWD_BUFFER_BYTES: usize = 4 << 10;

/// A tool call as a client sees it.
#[derive(Debug)]
pub(super) struct Seen {
    /// From the event of its start to that of its result.
    pub(super) took: Duration,
    /// The event of its result.
    pub(super) result: Utf8Bytes,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    socket: WebSocketStream<TcpStream>,
    next_id: u64,
}

impl Wire {
    /// Connects as an operator in protocol 4 and returns after `hello-ok`.
    pub(super) async fn connect(port: u16, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        Self::hello(stream, port, token).await
    }

    /// The same for one of very many, which only listens.
    pub(super) async fn connect_in_crowd(port: u16, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let config = WebSocketConfig::default().read_buffer_size(CROWD_BUFFER_BYTES);
        Self::hello_with(stream, port, token, (&[], config)).await
    }

    /// The same, and it is told of tool calls.
    pub(super) async fn connect_watching(port: u16, token: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let config = WebSocketConfig::default();
        Self::hello_with(stream, port, token, (&["tool-events"], config)).await
    }

    /// [`Self::connect`] over a stream that is open already.
    pub(super) async fn hello(stream: TcpStream, port: u16, token: &str) -> anyhow::Result<Self> {
        Self::hello_with(stream, port, token, (&[], WebSocketConfig::default())).await
    }

    /// Connects as the device of `key`; tells how long it took from the challenge to the hello.
    pub(super) async fn handshake_as(
        key: &DeviceKey,
        port: u16,
        token: &str,
    ) -> anyhow::Result<Duration> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = client_async(format!("ws://127.0.0.1:{port}/"), stream).await?;
        let mut wire = Self { socket, next_id: 1 };
        let challenge = wire.until(|text| text.contains("connect.challenge")).await?;
        let begin = Instant::now();
        let challenge: Value = serde_json::from_str(&challenge)?;
        let nonce = challenge["payload"]["nonce"].as_str().context("no nonce")?;
        let scopes = ["operator.read".to_owned()];
        let signed_at_ms = u64::try_from(SystemClock.now().0)?;
        let device_id = key.device_id();
        let payload = Payload {
            device_id: &device_id,
            client_id: "gateway-client",
            client_mode: "backend",
            role: "operator",
            scopes: &scopes,
            signed_at_ms,
            token,
            platform: "linux",
            device_family: "",
        };
        let device = json!({
            "id": device_id, "publicKey": key.public_key(), "nonce": nonce,
            "signature": key.sign(&payload.v3(nonce)), "signedAt": signed_at_ms,
        });
        let client = json!({
            "id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend",
        });
        let params = json!({
            "minProtocol": 4, "maxProtocol": 4, "client": client, "role": "operator",
            "scopes": scopes, "auth": { "token": token }, "device": device,
        });
        let hello = wire.call("connect", &params).await?;
        if !hello.contains("hello-ok") {
            bail!("not welcome: {hello}");
        }
        Ok(begin.elapsed())
    }

    async fn hello_with(
        stream: TcpStream,
        port: u16,
        token: &str,
        (caps, config): (&[&str], WebSocketConfig),
    ) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        let url = format!("ws://127.0.0.1:{port}/");
        let (socket, _) = client_async_with_config(url, stream, Some(config)).await?;
        let mut wire = Self { socket, next_id: 1 };
        wire.until(|text| text.contains("connect.challenge")).await?;
        let client = json!({ "id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend" });
        let params = json!({
            "minProtocol": 4,
            "maxProtocol": 4,
            "client": client,
            "role": "operator",
            "scopes": ["operator.admin", "operator.read", "operator.write"],
            "caps": caps,
            "auth": { "token": token },
        });
        let hello = wire.call("connect", &params).await?;
        if !hello.contains("hello-ok") {
            bail!("not welcome: {hello}");
        }
        Ok(wire)
    }

    /// Sends a request and returns its response as text.
    pub(super) async fn call(&mut self, method: &str, params: &Value) -> anyhow::Result<Utf8Bytes> {
        let id = self.send(method, params).await?;
        let mark = format!("\"id\":\"{id}\"");
        let response =
            self.until(|text| text.contains("\"type\":\"res\"") && text.contains(&mark)).await?;
        if !response.contains("\"ok\":true") {
            bail!("`{method}` was refused: {response}");
        }
        Ok(response)
    }

    /// Sends a request and returns its id.
    pub(super) async fn send(&mut self, method: &str, params: &Value) -> anyhow::Result<String> {
        let id = format!("b{}", self.next_id);
        self.next_id += 1;
        let frame = json!({ "type": "req", "id": id, "method": method, "params": params });
        self.socket.send(Message::text(frame.to_string())).await?;
        Ok(id)
    }

    /// Sends `message` in `session` and waits for the end of its turn. `run` names the turn.
    pub(super) async fn turn(
        &mut self,
        session: &str,
        run: &str,
        message: &str,
    ) -> anyhow::Result<()> {
        self.begin_turn(session, run, message).await?;
        self.end_of_turn(run).await
    }

    /// Sends `message` in `session`, whose turn calls one tool, and waits for the turn's end.
    /// A call that fails is an error.
    pub(super) async fn call_in_turn(&mut self, session: &str, run: &str) -> anyhow::Result<Seen> {
        let of_run = format!("\"runId\":\"{run}\"");
        let is_phase = |text: &str, phase: &str| {
            text.contains("\"stream\":\"tool\"")
                && text.contains(&format!("\"phase\":\"{phase}\""))
                && text.contains(&of_run)
        };
        self.begin_turn(session, run, "Call the tool.").await?;
        self.until(|text| is_phase(text, "start")).await?;
        let begin = Instant::now();
        let result = self.until(|text| is_phase(text, "result")).await?;
        let took = begin.elapsed();
        if result.contains("\"isError\":true") {
            bail!("the call failed: {}", result.chars().take(2000).collect::<String>());
        }
        self.end_of_turn(run).await?;
        Ok(Seen { took, result })
    }

    /// Sends `message` in `session` and returns at once.
    pub(super) async fn begin_turn(
        &mut self,
        session: &str,
        run: &str,
        message: &str,
    ) -> anyhow::Result<()> {
        let params = json!({ "sessionKey": session, "message": message, "idempotencyKey": run });
        self.send("chat.send", &params).await?;
        Ok(())
    }

    /// Waits until turn `run` is final; its failure is an error.
    pub(super) async fn end_of_turn(&mut self, run: &str) -> anyhow::Result<()> {
        let end = self
            .until(|text| {
                let is_refusal = text.contains("\"ok\":false");
                let is_end = ["final", "error", "aborted"]
                    .iter()
                    .any(|state| text.contains(&format!("\"state\":\"{state}\"")));
                is_refusal || (is_end && text.contains("\"event\":\"chat\"") && text.contains(run))
            })
            .await?;
        if !end.contains("\"state\":\"final\"") {
            bail!("the turn did not end well: {end}");
        }
        Ok(())
    }

    /// Splits the connection, for sending and receiving at once.
    pub(super) fn into_socket(self) -> WebSocketStream<TcpStream> {
        self.socket
    }

    /// Reads until a frame satisfies `wanted`, and returns it.
    async fn until(&mut self, wanted: impl Fn(&str) -> bool) -> anyhow::Result<Utf8Bytes> {
        loop {
            let frame = timeout(PATIENCE, self.socket.next()).await.context("no frame came")?;
            match frame.context("the gateway closed the connection")?? {
                Message::Text(text) if wanted(&text) => return Ok(text),
                Message::Close(frame) => bail!("the gateway closed the connection: {frame:?}"),
                Message::Text(_)
                | Message::Binary(_)
                | Message::Ping(_)
                | Message::Pong(_)
                | Message::Frame(_) => {}
            }
        }
    }
}
