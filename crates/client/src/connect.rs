//! The handshake: from an address to a connection that takes calls.

use std::{sync::Arc, time::Duration};

use domain::Secret;
use futures_util::{SinkExt, StreamExt};
use protocol::{
    Version,
    handshake::{ClientId, Mode},
};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async_tls_with_config,
    tungstenite::{Error as WsError, Message, protocol::WebSocketConfig},
};
use url::Url;

use crate::{
    Client, Closed, ConnectError, Events,
    call::{self, Inbound},
};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Largest message that is taken from a gateway. Its own limit is 25 MiB; histories of older
/// gateways may be larger.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
const CONNECT_ID: &str = "connect";

/// Where to connect, and as whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// `ws://` or `wss://`.
    pub url: String,
    /// Shared token.
    pub token: Option<Secret>,
    /// Shared password.
    pub password: Option<Secret>,
    /// Who connects.
    pub identity: Identity,
    /// Events kept for a slow reader.
    pub events_max: usize,
}

/// Who connects.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Which program.
    pub id: ClientId,
    /// What it is there for.
    pub mode: Mode,
    /// The program's version.
    pub version: String,
    /// Capabilities, such as `tool-events`.
    pub caps: &'static [&'static str],
}

impl Client {
    /// Connects and shakes hands. Both wait as long as it takes: the caller sets the limit.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says whether nobody answered, something else did, or the gateway refused.
    pub async fn connect(options: Options) -> Result<(Self, Events), ConnectError> {
        let mut socket = open(&options.url).await?;
        wait_for_challenge(&mut socket).await?;
        let request = call::request(CONNECT_ID, "connect", &connect_params(&options));
        send(&mut socket, request).await?;
        let hello = wait_for_hello(&mut socket).await?;
        let (events, queue) = Events::new(options.events_max);
        Ok((call::start(socket, Arc::new(hello), queue), events))
    }
}

async fn open(address: &str) -> Result<Socket, ConnectError> {
    let bad_address = || ConnectError::Address { url: address.to_owned() };
    let url = Url::parse(address).map_err(|_| bad_address())?;
    if !matches!(url.scheme(), "ws" | "wss") {
        return Err(bad_address());
    }
    let host = url.host_str().ok_or_else(bad_address)?;
    let port = url.port_or_known_default().ok_or_else(bad_address)?;
    let bare_host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare_host, port))
        .await
        .map_err(|source| ConnectError::Unreachable { source })?;
    stream.set_nodelay(true).map_err(|source| ConnectError::Unreachable { source })?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    match client_async_tls_with_config(url.as_str(), stream, Some(config), None).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Io(source)) => Err(ConnectError::Unreachable { source }),
        Err(other) => Err(ConnectError::NotAGateway { source: Box::new(other) }),
    }
}

async fn wait_for_challenge(socket: &mut Socket) -> Result<(), ConnectError> {
    loop {
        if let Inbound::Event(event) = receive(socket).await?
            && event.name == "connect.challenge"
        {
            return Ok(());
        }
    }
}

async fn wait_for_hello(socket: &mut Socket) -> Result<Value, ConnectError> {
    loop {
        let Inbound::Response(response) = receive(socket).await? else { continue };
        if response.id != CONNECT_ID {
            continue;
        }
        match response.result {
            Ok(hello) => return Ok(hello),
            Err(refusal) => {
                let closed = closing(socket).await;
                return Err(ConnectError::Refused { refusal, closed });
            }
        }
    }
}

/// Reads until the other side says why it hangs up, but not for long: the refusal is known.
async fn closing(socket: &mut Socket) -> Closed {
    tokio::time::timeout(CLOSE_PATIENCE, close_frame(socket))
        .await
        .unwrap_or_else(|_| Closed::abnormal(""))
}

async fn close_frame(socket: &mut Socket) -> Closed {
    loop {
        match receive(socket).await {
            Ok(_) => {}
            Err(ConnectError::Closed(closed)) => return closed,
            Err(_) => return Closed::abnormal(""),
        }
    }
}

async fn receive(socket: &mut Socket) -> Result<Inbound, ConnectError> {
    loop {
        match call::read(socket.next().await) {
            Ok(Some(inbound)) => return Ok(inbound),
            Ok(None) => {}
            Err(closed) => return Err(ConnectError::Closed(closed)),
        }
    }
}

async fn send(socket: &mut Socket, frame: String) -> Result<(), ConnectError> {
    socket
        .send(Message::text(frame))
        .await
        .map_err(|error| ConnectError::Closed(Closed::abnormal(error.to_string())))
}

fn connect_params(options: &Options) -> Value {
    let identity = &options.identity;
    let mut params = json!({
        "minProtocol": Version::V3.number(),
        "maxProtocol": Version::NEWEST.number(),
        "client": {
            "id": identity.id,
            "version": identity.version,
            "platform": std::env::consts::OS,
            "mode": identity.mode,
        },
        "role": "operator",
        "scopes": [
            "operator.admin",
            "operator.read",
            "operator.write",
            "operator.approvals",
            "operator.pairing",
        ],
        "caps": identity.caps,
    });
    let mut auth = serde_json::Map::new();
    for (key, secret) in [("token", &options.token), ("password", &options.password)] {
        if let Some(secret) = secret {
            auth.insert(key.to_owned(), Value::from(secret.expose()));
        }
    }
    if !auth.is_empty() {
        params["auth"] = Value::Object(auth);
    }
    params
}
