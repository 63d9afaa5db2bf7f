//! A WebSocket client for tests: sends requests, keeps what it did not wait for.
//!
//! It has no task of its own. Frames are read while a call or a wait needs them; events that
//! arrive meanwhile stay in order in a backlog until a wait takes them.

use std::{collections::VecDeque, time::Duration};

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

/// How long a response may take when the test does not say.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a refused request was answered with, or the connection's own failure.
#[derive(Debug)]
pub enum CallError {
    /// The response said `ok: false`; this is its `error`.
    Refused(Value),
    /// No response: closed, timed out or not a frame.
    Lost(anyhow::Error),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the gateway refused: {error}"),
            Self::Lost(error) => write!(f, "no response: {error:#}"),
        }
    }
}

impl std::error::Error for CallError {}

/// One connection to a gateway.
#[derive(Debug)]
pub struct WsClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    backlog: VecDeque<Value>,
    hello: Value,
    next_id: u64,
}

impl WsClient {
    /// Opens a socket and says nothing, for tests of what comes before `connect`.
    pub async fn open(url: &str) -> anyhow::Result<Self> {
        let (socket, _response) = connect_async(url).await.context("the upgrade failed")?;
        Ok(Self { socket, backlog: VecDeque::new(), hello: Value::Null, next_id: 1 })
    }

    /// Opens a socket as a browser does for a page of `origin`, and says nothing.
    pub async fn open_from(url: &str, origin: &str) -> anyhow::Result<Self> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Origin", origin.parse()?);
        let (socket, _response) = connect_async(request).await.context("the upgrade failed")?;
        Ok(Self { socket, backlog: VecDeque::new(), hello: Value::Null, next_id: 1 })
    }

    /// Opens a socket and connects as a full operator in protocol `version`.
    pub async fn connect(url: &str, token: &str, version: u32) -> anyhow::Result<Self> {
        Self::connect_with(url, connect_params(token, version)).await
    }

    /// Opens a socket, awaits the challenge and sends `connect` with `params`.
    pub async fn connect_with(url: &str, params: Value) -> anyhow::Result<Self> {
        let mut client = Self::open(url).await?;
        client.wait_for(PATIENCE, |frame| frame["event"] == "connect.challenge").await?;
        client.hello = client.call("connect", params).await?;
        Ok(client)
    }

    /// The `hello-ok` payload.
    pub fn hello(&self) -> &Value {
        &self.hello
    }

    /// Sends `method` and waits for its response; events that come first stay in the backlog.
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, CallError> {
        let id = self.send(method, params).await.map_err(CallError::Lost)?;
        self.response(&id, PATIENCE).await
    }

    /// Sends `method` without waiting; returns the request's id for [`Self::response`].
    pub async fn send(&mut self, method: &str, params: Value) -> anyhow::Result<String> {
        let id = format!("t{}", self.next_id);
        self.next_id += 1;
        let frame = json!({ "type": "req", "id": id, "method": method, "params": params });
        self.send_text(frame.to_string()).await?;
        Ok(id)
    }

    /// Sends any text at all.
    pub async fn send_text(&mut self, text: String) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// Waits for the (next) response to request `id`.
    pub async fn response(&mut self, id: &str, patience: Duration) -> Result<Value, CallError> {
        let frame = self
            .wait_for(patience, |frame| frame["type"] == "res" && frame["id"] == *id)
            .await
            .map_err(CallError::Lost)?;
        if frame["ok"] == true {
            Ok(frame["payload"].clone())
        } else {
            Err(CallError::Refused(frame["error"].clone()))
        }
    }

    /// Waits at most `patience` for an event named `name` whose payload satisfies `wanted`, and
    /// returns that payload.
    pub async fn event(
        &mut self,
        name: &str,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let frame = self
            .wait_for(patience, |frame| frame["event"] == *name && wanted(&frame["payload"]))
            .await
            .with_context(|| format!("no such `{name}` event"))?;
        Ok(frame["payload"].clone())
    }

    /// Waits for the `chat` event that ends the turn `run_id`: final, aborted or error.
    pub async fn turn_end(&mut self, run_id: &str) -> anyhow::Result<Value> {
        self.event("chat", PATIENCE, |payload| {
            payload["runId"] == *run_id
                && ["final", "aborted", "error"].iter().any(|end| payload["state"] == *end)
        })
        .await
    }

    /// Takes the first frame, of the backlog or still to come, that satisfies `wanted`.
    pub async fn wait_for(
        &mut self,
        patience: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        if let Some(at) = self.backlog.iter().position(&wanted) {
            return self.backlog.remove(at).context("the position was just found");
        }
        let search = async {
            loop {
                let frame = self.read().await?;
                if wanted(&frame) {
                    return anyhow::Ok(frame);
                }
                self.backlog.push_back(frame);
            }
        };
        match timeout(patience, search).await {
            Ok(found) => found,
            Err(_) => bail!("not seen in {patience:?}; kept: {:?}", self.backlog),
        }
    }

    /// All frames that came and that nobody waited for, oldest first.
    pub fn take_backlog(&mut self) -> Vec<Value> {
        self.backlog.drain(..).collect()
    }

    /// Reads until the gateway closes; returns the code and reason, or `None` for no close frame.
    pub async fn closed(&mut self) -> anyhow::Result<Option<(u16, String)>> {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.context("still open")? {
                Some(Ok(Message::Close(frame))) => return Ok(frame.as_ref().map(close_parts)),
                Some(Ok(Message::Text(text))) => {
                    self.backlog.push_back(serde_json::from_str(&text)?);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }

    async fn read(&mut self) -> anyhow::Result<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text)
                        .with_context(|| format!("not JSON: {text}"));
                }
                Some(Ok(Message::Close(frame))) => {
                    bail!("closed by the gateway: {:?}", frame.as_ref().map(close_parts))
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("the connection failed"),
                None => bail!("the connection ended"),
            }
        }
    }
}

fn close_parts(frame: &CloseFrame) -> (u16, String) {
    (frame.code.into(), frame.reason.as_str().to_owned())
}

/// `connect` params of a full operator with every capability that changes what is sent.
pub(crate) fn connect_params(token: &str, version: u32) -> Value {
    json!({
        "minProtocol": version,
        "maxProtocol": version,
        "client": {
            "id": "gateway-client", "version": "1.0.0", "platform": "linux", "mode": "backend",
        },
        "role": "operator",
        "scopes": [
            "operator.admin", "operator.read", "operator.write",
            "operator.approvals", "operator.pairing",
        ],
        "caps": ["tool-events"],
        "auth": { "token": token },
    })
}

#[cfg(test)]
mod tests {
    use tokio::{net::TcpListener, task::JoinSet};
    use tokio_tungstenite::accept_async;

    use super::*;

    /// A server that sends the challenge, then answers each request as `answer` says.
    async fn server(
        tasks: &mut JoinSet<()>,
        answer: impl Fn(&Value) -> Vec<Value> + Send + 'static,
    ) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        tasks.spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut socket = accept_async(stream).await.unwrap();
            let challenge = json!({ "type": "event", "event": "connect.challenge" });
            socket.send(Message::text(challenge.to_string())).await.unwrap();
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                for frame in answer(&serde_json::from_str(&text).unwrap()) {
                    socket.send(Message::text(frame.to_string())).await.unwrap();
                }
            }
        });
        url
    }

    fn respond(request: &Value, ok: bool, body: &Value) -> Value {
        let key = if ok { "payload" } else { "error" };
        json!({ "type": "res", "id": request["id"], "ok": ok, key: body })
    }

    #[tokio::test]
    async fn events_that_overtake_a_response_are_kept_in_order() {
        let mut tasks = JoinSet::new();
        let event = |seq: u32| json!({ "type": "event", "event": "tick", "payload": { "n": seq } });
        let url = server(&mut tasks, move |request| {
            vec![event(1), event(2), respond(request, true, &json!({ "of": request["method"] }))]
        })
        .await;

        let mut client = WsClient::connect(&url, "t", 4).await.unwrap();
        let second = client.event("tick", PATIENCE, |it| it["n"] == 2).await.unwrap();

        assert_eq!(client.hello(), &json!({ "of": "connect" }));
        assert_eq!(second, json!({ "n": 2 }));
        assert_eq!(client.take_backlog(), [event(1)]);
    }

    #[tokio::test]
    async fn a_refusal_is_told_apart_from_a_loss() {
        let mut tasks = JoinSet::new();
        let url = server(&mut tasks, |request| {
            if request["method"] == "connect" {
                vec![respond(request, true, &json!({}))]
            } else {
                vec![respond(request, false, &json!({ "code": "INVALID_REQUEST" }))]
            }
        })
        .await;

        let mut client = WsClient::connect(&url, "t", 3).await.unwrap();
        let refused = client.call("nope", json!({})).await.unwrap_err();
        tasks.shutdown().await;
        let lost = client.call("nope", json!({})).await.unwrap_err();

        assert!(matches!(refused, CallError::Refused(error) if error["code"] == "INVALID_REQUEST"));
        assert!(matches!(lost, CallError::Lost(_)), "{lost}");
    }
}
