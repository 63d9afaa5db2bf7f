//! A connection that has proved nothing yet: challenge, `connect`, hello or refusal.

use std::{sync::Arc, time::Duration};

use domain::ConnId;
use futures_util::{SinkExt as _, StreamExt as _};
use policy::scope::Role;
use protocol::{
    Error, Version,
    event::PresenceEntry,
    frame::{self, EventText, Parsed, StateVersion},
    handshake::{
        AttachmentPolicy, Challenge, Connect, Features, Granted, Hello, Mode, NewestDefaults,
        Policy, Server, SessionDefaults, Snapshot,
    },
};
use serde_json::{Value, value::to_raw_value};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tracing::{debug, info};

use super::{
    BUFFERED_BYTES_MAX, Caller, Connected, MESSAGE_BYTES_MAX, Outbox, close,
    socket::{self, Socket},
};
use crate::{
    app::VERSION,
    events::{TICK, Watching},
    handshake::{self, Admitted, Door, Refusal},
    http::Ticket,
    remote::Remote,
    rpc::IMAGE_BYTES_MAX,
    state::Gateway,
};

/// How long a client may take to say hello, unless the environment says otherwise.
const PATIENCE: Duration = Duration::from_secs(15);
/// Largest file told to clients: a message in base64 with room for the rest.
const ATTACHMENT_BYTES_MAX: u64 = 19_464_192;
const PATIENCE_VARIABLE: &str = "OPENCLAW_HANDSHAKE_TIMEOUT_MS";

/// Serves one client from the answered upgrade to the end.
pub(crate) async fn serve(
    gateway: Arc<Gateway>,
    stream: TcpStream,
    read_ahead: Vec<u8>,
    (remote, ticket): (Remote, Ticket),
) {
    let socket = socket::open(stream, &read_ahead).await;
    drop(read_ahead);
    let nonce = uuid::Uuid::new_v4().to_string();
    let unproven = Unproven { conn: ConnId::random(), gateway, socket, remote, nonce };
    let proved = Box::pin(unproven.prove()).await;
    drop(ticket);
    if let Some(connected) = proved {
        connected.run().await;
    }
}

/// A client that has proved nothing.
struct Unproven {
    conn: ConnId,
    gateway: Arc<Gateway>,
    socket: Socket,
    remote: Remote,
    /// That of the challenge: a signature over it is good on this connection alone.
    nonce: String,
}

/// How a handshake fails.
enum Failure {
    /// The client went, or the wire broke.
    Gone,
    /// The request `id` is answered with an error, then the connection is closed.
    Refused { id: String, refusal: Refusal },
    /// The connection is closed without an answer.
    Closed(u16, &'static str),
}

impl Unproven {
    async fn prove(mut self) -> Option<Connected> {
        let patience = self
            .gateway
            .env
            .get(PATIENCE_VARIABLE)
            .and_then(|text| text.trim().parse().ok())
            .map_or(PATIENCE, Duration::from_millis);
        let hard = self.gateway.lifecycle.hard.clone();
        let outcome = tokio::select! {
            biased;
            () = hard.cancelled() => Err(Failure::Closed(1012, "service restart")),
            outcome = timeout(patience, self.shake_hands()) => {
                outcome.unwrap_or(Err(Failure::Closed(1000, "")))
            }
        };
        match outcome {
            Ok(caller) => Some(self.connected(caller)),
            Err(failure) => {
                self.fail(failure).await;
                None
            }
        }
    }

    async fn shake_hands(&mut self) -> Result<Caller, Failure> {
        self.challenge().await?;
        let text = self.first_text().await?;
        let (id, params) = match frame::parse(&text) {
            Parsed::Request(request) => {
                let id = request.id.into_owned();
                if request.method != "connect" {
                    let text = "invalid handshake: first request must be connect";
                    return Err(Failure::Refused { id, refusal: Error::invalid(text).into() });
                }
                let params = request.params.map_or("{}", |params| params.get());
                let params: Value = serde_json::from_str(params)
                    .map_err(|_| Failure::Closed(1008, "invalid request frame"))?;
                (id, params)
            }
            Parsed::NotARequest { .. } => {
                return Err(Failure::Closed(1008, "invalid request frame"));
            }
            Parsed::NotJson => return Err(Failure::Closed(1000, "")),
        };
        if self.gateway.lifecycle.is_draining() {
            return Err(Failure::Closed(1012, "service restart"));
        }
        let config = self.gateway.config();
        let door = Door {
            remote: &self.remote,
            config: &config.gateway,
            gate: &self.gateway.gate,
            devices: &self.gateway.devices,
            nonce: &self.nonce,
            now: self.gateway.clock.now(),
            is_contained: self.gateway.identity.is_contained,
        };
        match handshake::judge(&params, &door) {
            Ok(admitted) => self.greet(&id, admitted).await,
            Err(refusal) => Err(Failure::Refused { id, refusal }),
        }
    }

    async fn challenge(&mut self) -> Result<(), Failure> {
        let challenge = Challenge { nonce: self.nonce.clone(), ts: self.gateway.clock.now().0 };
        let event = EventText::new("connect.challenge", &challenge, None);
        let text = event.map_err(|_| Failure::Gone)?.numbered(None);
        self.socket.send(Message::text(text)).await.map_err(|_| Failure::Gone)
    }

    async fn first_text(&mut self) -> Result<Utf8Bytes, Failure> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                    return Err(Failure::Closed(1008, "invalid request frame"));
                }
                Some(Err(error)) if !is_over(&error) => {
                    debug!(%error, "bad bytes before hello");
                    return Err(Failure::Closed(1009, "message too big"));
                }
                Some(Ok(Message::Close(_))) => {
                    socket::agree(&mut self.socket).await;
                    return Err(Failure::Gone);
                }
                Some(Err(_)) | None => return Err(Failure::Gone),
            }
        }
    }

    async fn greet(&mut self, id: &str, admitted: Admitted) -> Result<Caller, Failure> {
        let caller = self.caller(&admitted);
        let hello = self.hello(&admitted);
        let hello = protocol::compat::hello(hello, admitted.version, &self.gateway.identity.host);
        let payload = to_raw_value(&hello).map_err(|_| Failure::Gone)?;
        let text = frame::answer(id, &payload);
        let sent = async {
            socket::feed(&mut self.socket, text).await?;
            self.socket.flush().await
        };
        sent.await.map_err(|_| Failure::Gone)?;
        info!(
            conn = %caller.conn,
            client = %caller.client_id,
            mode = %caller.client_mode,
            version = admitted.version.number(),
            "connected"
        );
        Ok(caller)
    }

    fn caller(&self, admitted: &Admitted) -> Caller {
        let client = &admitted.connect.client;
        let (client_id, client_mode) = client.names();
        let presence_key = (client.mode != Mode::Cli).then(|| {
            let device = admitted.connect.device.as_ref().map(|device| device.id.clone());
            let key = device.or_else(|| client.instance_id.clone());
            key.unwrap_or_else(|| self.conn.to_string())
        });
        if let Some(key) = &presence_key {
            let entry = self.presence_entry(admitted, &client_id, &client_mode);
            self.gateway.roster.put(key, entry);
        }
        let wants = |name: &str| admitted.connect.caps.iter().any(|cap| cap == name);
        Caller {
            conn: self.conn.clone(),
            version: admitted.version,
            principal: admitted.principal.clone(),
            node: (admitted.principal.role == Role::Node).then(|| {
                Box::new(Connect { auth: None, device: None, ..admitted.connect.clone() })
            }),
            ip: self.remote.ip,
            client_id,
            client_mode,
            wants_tool_events: wants("tool-events"),
            watching: Watching::new(wants("session-scoped-events")),
            presence_key,
            outbox: Outbox::new(BUFFERED_BYTES_MAX),
        }
    }

    fn presence_entry(&self, admitted: &Admitted, id: &str, mode: &str) -> PresenceEntry {
        let client = &admitted.connect.client;
        let host = client.display_name.clone().unwrap_or_else(|| id.to_owned());
        PresenceEntry {
            text: Some(format!("Node: {host} · mode {mode}")),
            host: Some(host),
            ip: (!self.remote.is_local).then(|| self.remote.ip.to_string()),
            version: Some(client.version.clone()),
            platform: Some(client.platform.clone()),
            device_family: client.device_family.clone(),
            model_identifier: client.model_identifier.clone(),
            mode: Some(mode.to_owned()),
            reason: Some("connect".to_owned()),
            device_id: admitted.connect.device.as_ref().map(|device| device.id.clone()),
            roles: Some(vec![admitted.principal.role.as_str().to_owned()]),
            scopes: Some(admitted.principal.scopes.clone()).filter(|scopes| !scopes.is_empty()),
            instance_id: client.instance_id.clone(),
            ts: self.gateway.clock.now().0,
            ..PresenceEntry::default()
        }
    }

    fn hello(&self, admitted: &Admitted) -> Hello {
        let gateway = &self.gateway;
        let config = gateway.config();
        let principal = &admitted.principal;
        let is_admin = principal.may(domain::Scope::Admin);
        let may_see_paths = is_admin || admitted.version == Version::V3;
        let path = |path: &std::path::Path| may_see_paths.then(|| path.display().to_string());
        let names = gateway
            .method_names
            .get_or_init(|| gateway.router.names().map(str::to_owned).collect());
        Hello {
            kind: "hello-ok".to_owned(),
            protocol: admitted.version.number(),
            server: Server {
                version: VERSION.to_owned(),
                host: None,
                boot_id: Some(gateway.identity.boot_id.clone()),
                conn_id: self.conn.to_string(),
            },
            features: Features {
                methods: names.clone(),
                events: protocol::event::NAMES.map(str::to_owned).to_vec(),
                capabilities: Vec::new(),
            },
            snapshot: Snapshot {
                presence: gateway.roster.list(gateway.clock.now()),
                health: gateway.health.text(),
                state_version: StateVersion {
                    presence: gateway.roster.version(),
                    health: gateway.health.version(),
                },
                uptime_ms: gateway.uptime_ms(),
                config_path: path(&gateway.locations.config_path),
                state_dir: path(&gateway.locations.state_dir),
                auth_mode: is_admin.then(|| principal.proof.as_str().to_owned()),
                session_defaults: Some(session_defaults(&config)),
            },
            auth: Some(Granted {
                method: Some(principal.proof.as_str().to_owned()),
                role: principal.role.as_str().to_owned(),
                scopes: principal.scopes.clone(),
                device_token: admitted.token.as_ref().map(|it| it.token.clone()),
                issued_at_ms: admitted
                    .token
                    .as_ref()
                    .map(|it| it.rotated_at_ms.unwrap_or(it.created_at_ms).0),
            }),
            policy: Policy {
                max_payload: MESSAGE_BYTES_MAX as u64,
                max_buffered_bytes: BUFFERED_BYTES_MAX as u64,
                tick_interval_ms: u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX),
                attachments: Some(AttachmentPolicy {
                    max_bytes: ATTACHMENT_BYTES_MAX,
                    max_image_bytes: IMAGE_BYTES_MAX as u64,
                }),
            },
        }
    }

    fn connected(mut self, caller: Caller) -> Connected {
        self.socket.get_mut().lift();
        Connected {
            gateway: self.gateway,
            caller: Arc::new(caller),
            socket: self.socket,
            jobs: JoinSet::new(),
            seq: 0,
            heard: Instant::now(),
            pinged: false,
        }
    }

    async fn fail(mut self, failure: Failure) {
        match failure {
            Failure::Gone => debug!(ip = %self.remote.ip, "gone before hello"),
            Failure::Refused { id, refusal: Refusal { error, close: code, reason } } => {
                let reason = reason.as_ref().unwrap_or(&error.message);
                info!(ip = %self.remote.ip, reason, "refused");
                let text = frame::refusal(&id, &error, None);
                if self.socket.send(Message::text(text)).await.is_ok() {
                    close(&mut self.socket, code, reason).await;
                }
            }
            Failure::Closed(code, reason) => {
                info!(ip = %self.remote.ip, code, reason, "closed before hello");
                close(&mut self.socket, code, reason).await;
            }
        }
    }
}

fn is_over(error: &tokio_tungstenite::tungstenite::Error) -> bool {
    use tokio_tungstenite::tungstenite::Error as Wire;
    match error {
        Wire::Capacity(_) => false,
        Wire::Io(error) => error.kind() != std::io::ErrorKind::Other,
        Wire::ConnectionClosed
        | Wire::AlreadyClosed
        | Wire::Tls(_)
        | Wire::Protocol(_)
        | Wire::WriteBufferFull(_)
        | Wire::Utf8(_)
        | Wire::AttackAttempt
        | Wire::Url(_)
        | Wire::Http(_)
        | Wire::HttpFormat(_) => true,
    }
}

fn session_defaults(config: &config::Config) -> SessionDefaults {
    let agent = &config.agents.default;
    let main = if config.session.global_scope {
        "global".to_owned()
    } else {
        domain::SessionKey::of(agent, &config.session.main_key).to_string()
    };
    let scope = if config.session.global_scope { "global" } else { "per-sender" };
    SessionDefaults {
        default_agent_id: agent.to_string(),
        main_key: config.session.main_key.clone(),
        main_session_key: main,
        scope: scope.to_owned(),
        newest: Some(NewestDefaults {
            model_configured: config.agents.get(agent).is_some_and(|it| !it.models.is_empty()),
            ownership: if config.agents.list.len() == 1 { "sole" } else { "explicit" }.to_owned(),
            selection_required: false,
        }),
    }
}
