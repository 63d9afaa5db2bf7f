//! `node run`: stays connected to a gateway as a node, and does what it is called for.
//!
//! Who may call what is the gateway's to say; whether a command may run on this machine is the
//! host's (`host`), by this machine's own approvals file.

use std::{collections::HashMap, sync::Arc, time::Duration};

use client::{CallError, Client, ConnectError, Device, Events, Identity, Names, Options, Role};
use domain::Secret;
use protocol::{
    device::DeviceKey,
    handshake::{ClientId, Mode},
};
use serde_json::{Value, json};
use store::{DeviceIdentity, IdentityFiles, NodeHost, NodeHostFile};
use tokio::{
    signal::unix::{SignalKind, signal},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{
    host::{self, Host},
    shell::Feed,
};
use crate::{
    args::Rpc,
    error::{Failure, Kind},
    program::Program,
    target::{self, Target},
    tls, ui,
};

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Waits between two tries to connect: each is twice the one before.
const WAIT_MIN: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Calls that are worked on at once; one more is refused.
const CALLS_MAX: usize = 64;
/// Events kept while calls are handed out.
const EVENTS_MAX: usize = 256;

/// Which gateway, and as what; kept in `node.json`
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The gateway's machine
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The gateway's port
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Speak TLS to the gateway
    #[arg(long)]
    tls: bool,
    /// Not part of this version: the certificate must be one that this machine trusts
    #[arg(long, value_name = "SHA256", hide = true)]
    tls_fingerprint: Option<String>,
    /// What tells this node from other programs here; the gateway knows it by its key
    #[arg(long, value_name = "ID")]
    node_id: Option<String>,
    /// What people call this node
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
}

/// The gateway's port when nothing is said.
const PORT: u16 = 18_789;

/// How the gateway is reached, for this run alone
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    rpc: Rpc,
}

pub(super) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::while_doing(Kind::Failed, "cannot start", &error))?;
    runtime.block_on(serve(program, args))
}

async fn serve(program: &Program, args: &Args) -> Result<(), Failure> {
    let node = args.place.keep(program)?;
    let target = args.target(program, &node)?;
    if target.url.starts_with("wss:") {
        tls::install();
    }
    let files = IdentityFiles::new(&program.locations.state_dir);
    let key = key(&files, program)?;
    let host = Arc::new(Host::new(program));
    let mut stop = Stop::listen()?;
    ui::say(format!("Node {}, gateway {}", key.device_id(), target.url));
    let mut wait = WAIT_MIN;
    loop {
        let connected = tokio::select! {
            biased;
            () = stop.asked() => return Ok(()),
            connected = timeout(PATIENCE, Client::connect(options(&target, &node, (&key, &files)))) => {
                connected
            }
        };
        match connected {
            Ok(Ok((client, events))) => {
                let client = Arc::new(client);
                wait = WAIT_MIN;
                keep_token(&files, &key, &client, program);
                ui::say("Connected.");
                tokio::select! {
                    biased;
                    () = stop.asked() => {
                        client.hang_up().await;
                        return Ok(());
                    }
                    () = work(&client, events, &host, &key) => {}
                }
                ui::say("Connection lost.");
            }
            Ok(Err(error)) => ui::say(refused(&error)),
            Err(_) => ui::say(format!("No answer from {}.", target.url)),
        }
        tokio::select! {
            biased;
            () = stop.asked() => return Ok(()),
            () = sleep(wait) => wait = (wait * 2).min(WAIT_MAX),
        }
    }
}

impl Args {
    fn target(&self, program: &Program, node: &NodeHost) -> Result<Target, Failure> {
        let mut target = target::find(program, &self.rpc)?;
        let gateway = node.gateway.as_ref().filter(|_| self.rpc.url.is_none());
        if let Some((gateway, host)) = gateway.and_then(|it| Some((it, it.host.as_ref()?))) {
            let scheme = if gateway.tls == Some(true) { "wss" } else { "ws" };
            target.url = format!("{scheme}://{host}:{}", gateway.port.unwrap_or(PORT));
        }
        Ok(target)
    }
}

impl Place {
    /// What `node.json` says, with what the flags say on top; kept for the next time.
    pub(super) fn keep(&self, program: &Program) -> Result<NodeHost, Failure> {
        if self.tls_fingerprint.is_some() {
            let message = "--tls-fingerprint is not part of this version: the gateway's \
                           certificate must be one that this machine trusts";
            return Err(Failure::new(Kind::Usage, message));
        }
        let of = |error: &dyn std::error::Error| Failure::of(Kind::State, error);
        let file = NodeHostFile::new(&program.locations.state_dir);
        let known = file.read().map_err(|error| of(&error))?;
        let mut node = known.clone();
        if let Some(host) = &self.host {
            let gateway = node.gateway.get_or_insert_default();
            gateway.host = Some(host.clone());
            gateway.tls = Some(self.tls);
            gateway.port = Some(self.port.unwrap_or(PORT));
        } else if let Some(port) = self.port {
            let gateway = node.gateway.get_or_insert_default();
            gateway.host.get_or_insert_with(|| "127.0.0.1".to_owned());
            gateway.port = Some(port);
        }
        for (said, kept) in
            [(&self.node_id, &mut node.node_id), (&self.display_name, &mut node.display_name)]
        {
            if let Some(said) = said.as_deref().map(str::trim).filter(|it| !it.is_empty()) {
                *kept = Some(said.to_owned());
            }
        }
        if node != known {
            file.write(&node).map_err(|error| of(&error))?;
        }
        Ok(node)
    }
}

/// SIGTERM or SIGINT.
struct Stop {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::while_doing(Kind::Failed, "cannot hear signals", &error))
        };
        Ok(Self { term: listen(SignalKind::terminate())?, int: listen(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}

/// This machine's key, made at the first start.
fn key(files: &IdentityFiles, program: &Program) -> Result<DeviceKey, Failure> {
    let of = |error: &dyn std::error::Error| {
        Failure::while_doing(Kind::State, "this machine has no usable identity", error)
    };
    if let Some(known) = files.identity().map_err(|error| of(&error))? {
        return DeviceKey::from_pem(&known.private_key_pem).map_err(|error| of(&error));
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| of(&error))?;
    let key = DeviceKey::from_seed(&seed);
    let public = key.public_pem().map_err(|error| of(&error))?;
    let private = key.to_pem().map_err(|error| of(&error))?;
    let identity = DeviceIdentity::new(key.device_id(), (public, private), program.clock.now());
    let kept = files.keep(identity).map_err(|error| of(&error))?;
    DeviceKey::from_pem(&kept.private_key_pem).map_err(|error| of(&error))
}

fn options(
    target: &Target,
    node: &NodeHost,
    (key, files): (&DeviceKey, &IdentityFiles),
) -> Options {
    let token = files.token(&key.device_id(), "node").ok().flatten();
    Options {
        url: target.url.clone(),
        token: target.token.clone(),
        password: target.password.clone(),
        identity: Identity {
            id: ClientId::NodeHost,
            mode: Mode::Node,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            names: Names { display: node.display_name.clone(), instance: node.node_id.clone() },
            caps: &["system"],
            role: Role::Node { commands: host::COMMANDS.map(str::to_owned).to_vec() },
        },
        device: Some(Device { key: key.clone(), token }),
        events_max: EVENTS_MAX,
    }
}

/// Keeps the token that the gateway gave this device, for times without a shared secret.
fn keep_token(files: &IdentityFiles, key: &DeviceKey, client: &Client, program: &Program) {
    let Some(token) = client.hello()["auth"]["deviceToken"].as_str() else { return };
    let token = Secret::new(token);
    let kept = files.keep_token(&key.device_id(), ("node", &token, &[]), program.clock.now());
    if let Err(error) = kept {
        ui::say(format!("The gateway's token for this node was not kept: {error}"));
    }
}

fn refused(error: &ConnectError) -> String {
    if let ConnectError::Refused { refusal, .. } = error {
        let details = refusal.error.details.as_deref();
        if let Some(id) = details.and_then(|it| it["requestId"].as_str()) {
            return format!(
                "The gateway must let this node in first: openclaw devices approve {id}"
            );
        }
        return format!("Refused: {}", refusal.error.message);
    }
    error.to_string()
}

/// Does what it is called for until the connection is over. What is under way then is given up,
/// with the processes it has started.
async fn work(client: &Arc<Client>, mut events: Events, host: &Arc<Host>, key: &DeviceKey) {
    let node = key.device_id();
    let tells = tells_progress(client);
    let mut calls: JoinSet<(Value, Result<Value, host::Failed>)> = JoinSet::new();
    let mut running: HashMap<String, AbortHandle> = HashMap::new();
    loop {
        tokio::select! {
            biased;
            Some(done) = calls.join_next(), if !calls.is_empty() => {
                // One that was taken back has nothing to say.
                if let Ok((id, outcome)) = done {
                    running.remove(id.as_str().unwrap_or_default());
                    let _gone = answer(client, &node, &id, outcome).await;
                }
            }
            event = events.next() => {
                let Some(event) = event else { return };
                if event.name == "node.invoke.cancel" {
                    let id = event.payload["invokeId"].as_str().unwrap_or_default();
                    if let Some(call) = running.remove(id) {
                        call.abort();
                    }
                    continue;
                }
                if event.name != "node.invoke.request" {
                    continue;
                }
                let id = event.payload["id"].clone();
                if calls.len() >= CALLS_MAX {
                    let failed = host::Failed::new("BUSY", "too many commands run here");
                    let _gone = answer(client, &node, &id, Err(failed)).await;
                    continue;
                }
                let (host, client, node) = (Arc::clone(host), Arc::clone(client), node.clone());
                let (name, request) = (id.as_str().unwrap_or_default().to_owned(), event.payload);
                let call = calls.spawn(async move {
                    let outcome = if tells {
                        told(&client, (&node, &id), &host, &request).await
                    } else {
                        host.call(&request, Feed::unheard()).await
                    };
                    (id, outcome)
                });
                running.insert(name, call);
            }
        }
    }
}

/// Whether the gateway hears of a call before its end.
fn tells_progress(client: &Client) -> bool {
    let methods = client.hello()["features"]["methods"].as_array();
    methods.into_iter().flatten().any(|method| method == "node.invoke.progress")
}

/// Answers a call, and tells the gateway on the way what it brings.
async fn told(
    client: &Client,
    (node, id): (&str, &Value),
    host: &Host,
    request: &Value,
) -> Result<Value, host::Failed> {
    let (feed, mut pieces) = Feed::new();
    let tell = async {
        let mut seq = 0_u64;
        while let Some(chunk) = pieces.recv().await {
            let piece = json!({ "invokeId": id, "nodeId": node, "seq": seq, "chunk": chunk });
            seq += 1;
            if client.call("node.invoke.progress", piece).await.is_err() {
                break;
            }
        }
    };
    let (outcome, ()) = tokio::join!(host.call(request, feed), tell);
    outcome
}

async fn answer(
    client: &Client,
    node: &str,
    id: &Value,
    outcome: Result<Value, host::Failed>,
) -> Result<Value, CallError> {
    let params = match outcome {
        Ok(payload) => {
            json!({ "id": id, "nodeId": node, "ok": true, "payloadJSON": payload.to_string() })
        }
        Err(failed) => json!({
            "id": id,
            "nodeId": node,
            "ok": false,
            "error": { "code": failed.code, "message": failed.message },
        }),
    };
    client.call("node.invoke.result", params).await
}
