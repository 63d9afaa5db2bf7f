//! The handshake: from an address to a connection that takes calls.

use std::{sync::Arc, time::Duration};

use domain::{Scope, Secret};
use futures_util::{SinkExt, StreamExt};
use protocol::{
    Version,
    device::{self, DeviceKey},
    handshake::{ClientId, Connect, Mode},
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
    /// The device to prove; `None` sends none.
    pub device: Option<Device>,
    /// Events kept for a slow reader.
    pub events_max: usize,
}

/// A device, and what a gateway gave it.
#[derive(Clone, Debug)]
pub struct Device {
    /// The secret half of its identity.
    pub key: DeviceKey,
    /// Its own token, sent when there is no shared secret.
    pub token: Option<Secret>,
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
    /// What people call it, and what tells it from others of its kind; for lists.
    pub names: Names,
    /// Capabilities, such as `tool-events`.
    pub caps: &'static [&'static str],
    /// What it is there as.
    pub role: Role,
}

/// How a client is shown in lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// What people call it.
    pub display: Option<String>,
    /// What tells it from others of its kind.
    pub instance: Option<String>,
}

/// What a connection is there as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// A person's program, with all scopes.
    #[default]
    Operator,
    /// A device that lends these commands.
    Node {
        /// Their names, such as `system.run`.
        commands: Vec<String>,
    },
}

impl Client {
    /// Connects and shakes hands. Both wait as long as it takes: the caller sets the limit.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] says whether nobody answered, something else did, or the gateway refused.
    pub async fn connect(options: Options) -> Result<(Self, Events), ConnectError> {
        let mut socket = open(&options.url).await?;
        let challenge = wait_for_challenge(&mut socket).await?;
        let params = signed(connect_params(&options), &options, &challenge);
        let request = call::request(CONNECT_ID, "connect", &params);
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
        Err(WsError::Http(reply)) if reply.status().as_u16() == 503 => Err(ConnectError::NotReady),
        Err(other) => Err(ConnectError::NotAGateway { source: Box::new(other) }),
    }
}

async fn wait_for_challenge(socket: &mut Socket) -> Result<Value, ConnectError> {
    loop {
        if let Inbound::Event(event) = receive(socket).await?
            && event.name == "connect.challenge"
        {
            return Ok(event.payload);
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
        "caps": identity.caps,
    });
    let names =
        [("displayName", &identity.names.display), ("instanceId", &identity.names.instance)];
    for (key, name) in names {
        if let Some(name) = name {
            params["client"][key] = name.clone().into();
        }
    }
    match &identity.role {
        Role::Operator => {
            params["role"] = "operator".into();
            params["scopes"] = Scope::OPERATOR.map(Scope::as_str).to_vec().into();
        }
        Role::Node { commands } => {
            params["role"] = "node".into();
            params["scopes"] = Vec::<String>::new().into();
            params["commands"] = commands.clone().into();
        }
    }
    let mut auth = serde_json::Map::new();
    for (key, secret) in [("token", &options.token), ("password", &options.password)] {
        if let Some(secret) = secret {
            auth.insert(key.to_owned(), Value::from(secret.expose()));
        }
    }
    if auth.is_empty()
        && let Some(token) = options.device.as_ref().and_then(|device| device.token.as_ref())
    {
        auth.insert("token".to_owned(), Value::from(token.expose()));
    }
    if !auth.is_empty() {
        params["auth"] = Value::Object(auth);
    }
    params
}

/// The params with the device's proof, if there is a device and a challenge that it can sign.
///
/// The second form of the payload is the one that gateways of both versions take.
fn signed(mut params: Value, options: &Options, challenge: &Value) -> Value {
    let Some(device) = &options.device else { return params };
    let (Some(nonce), Some(at)) = (challenge["nonce"].as_str(), challenge["ts"].as_u64()) else {
        return params;
    };
    let unsigned = json!({
        "id": device.key.device_id(),
        "publicKey": device.key.public_key(),
        "signature": "",
        "signedAt": at,
        "nonce": nonce,
    });
    params["device"] = unsigned;
    let Ok(connect) = serde_json::from_value::<Connect>(params.clone()) else { return params };
    if let Some(proof) = &connect.device {
        let (id, mode) = connect.client.names();
        let text = device::payload(&connect, proof, (&id, &mode)).v2(nonce);
        params["device"]["signature"] = device.key.sign(&text).into();
    }
    params
}
