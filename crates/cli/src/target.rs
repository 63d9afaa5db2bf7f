//! Which gateway a command talks to, with what proof, and what is said when that fails.
//!
//! The rules are those of `spec: cli` §1: an explicit address gets explicit proof only.

use std::{sync::Arc, time::Duration};

use client::{CallError, Client, ConnectError, Events, Identity, Names, Options, Role};
use domain::Secret;
use protocol::handshake::{ClientId, Mode};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    args::Rpc,
    device::Own,
    error::{Failure, Kind},
    program::Program,
    tls,
};

/// How the address of the gateway on this machine is said to be found.
const LOCAL: &str = "local loopback";
const PORT_DEFAULT: u16 = 18_789;
const FLAG_TOKEN: &str = "--token";
const FLAG_PASSWORD: &str = "--password";
const PORT_NAMES: [&str; 2] = ["OPENCLAW_GATEWAY_PORT", "CLAWDBOT_GATEWAY_PORT"];

/// Most commands hear no events; a few are kept so that none blocks.
const EVENTS_MAX: usize = 16;
/// Events that wait for a chat; when it is full the oldest deltas go.
const CHAT_EVENTS_MAX: usize = 1024;

/// A gateway, and how its address was found.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: String,
    /// `local loopback`, `config gateway.remote.url`, `cli --url`, …
    pub(crate) source: &'static str,
    pub(crate) token: Option<Secret>,
    pub(crate) password: Option<Secret>,
    own: Own,
    facts: Vec<String>,
    /// Where token or password come from.
    proof_from: Option<&'static str>,
    /// What to do when nobody answers.
    absence_hint: String,
    /// What finds out why we are refused.
    doctor: String,
}

impl Target {
    /// The gateway on this machine, whatever the config points to.
    pub(crate) fn local(program: &Program, flags: &Rpc) -> Self {
        let source = LOCAL;
        let url = local_url(program);
        let proof = proof(program, flags, source);
        Self::of(program, url, source, proof)
    }

    fn of(program: &Program, url: String, source: &'static str, proof: Proof) -> Self {
        Self {
            facts: facts(program, &url, source),
            absence_hint: absence_hint(program, source),
            doctor: format!("{} doctor", program.invocation()),
            url,
            source,
            token: proof.token,
            password: proof.password,
            proof_from: proof.from,
            own: own(program),
        }
    }
}

/// The port that a local gateway has, unless a flag says otherwise.
pub(crate) fn local_port(program: &Program) -> u16 {
    let from_env = program.env().first(&PORT_NAMES).and_then(|text| text.trim().parse().ok());
    let from_config = || {
        let port = program.setting("/gateway/port").and_then(Value::as_u64);
        port.and_then(|port| u16::try_from(port).ok())
    };
    from_env.or(program.locations.dev_port).or_else(from_config).unwrap_or(PORT_DEFAULT)
}

/// Whether the port of a local gateway is decided elsewhere than in the config.
pub(crate) fn is_port_given(program: &Program) -> bool {
    program.locations.dev_port.is_some() || program.env().first(&PORT_NAMES).is_some()
}

/// The address of the gateway on this machine.
pub(crate) fn local_url(program: &Program) -> String {
    let bind = program.setting_text("/gateway/bind");
    let host = match (bind, program.setting_text("/gateway/customBindHost")) {
        (Some("custom"), Some(host)) if host != "0.0.0.0" => host,
        _ => "127.0.0.1",
    };
    format!("ws://{host}:{}", local_port(program))
}

/// Finds the gateway for these flags.
pub(crate) fn find(program: &Program, flags: &Rpc) -> Result<Target, Failure> {
    let (url, source) = address(program, flags);
    let proof = if flags.url.is_some() {
        if flags.token.is_none() && flags.password.is_none() {
            let message = "--url needs --token or --password: \
                           the config's own are for its own gateway";
            return Err(Failure::new(Kind::Usage, message));
        }
        let from = if flags.token.is_some() { FLAG_TOKEN } else { FLAG_PASSWORD };
        Proof { token: flags.token.clone(), password: flags.password.clone(), from: Some(from) }
    } else {
        proof(program, flags, source)
    };
    Ok(Target::of(program, url, source, proof))
}

fn own(program: &Program) -> Own {
    Own { state_dir: program.locations.state_dir.clone(), clock: Arc::clone(&program.clock) }
}

/// What to do when nobody answers there.
fn absence_hint(program: &Program, source: &str) -> String {
    let in_container = config::in_container(program.env());
    match source {
        LOCAL if in_container => {
            "docker compose up -d openclaw-gateway (this container must share its network)".into()
        }
        LOCAL => format!("{} gateway run", program.invocation()),
        _ if in_container => format!(
            "is the gateway up, and is that its address as seen from this container? \
             Correct {source}, or share the gateway's network"
        ),
        _ => format!("start the gateway there, or correct {source}"),
    }
}

fn facts(program: &Program, url: &str, source: &str) -> Vec<String> {
    let bind = program.setting_text("/gateway/bind").unwrap_or("loopback");
    vec![
        format!("Gateway target: {url}"),
        format!("Source: {source}"),
        format!("Config: {}", program.config_path_shown()),
        format!("Bind: {bind}"),
    ]
}

fn address(program: &Program, flags: &Rpc) -> (String, &'static str) {
    if let Some(url) = &flags.url {
        return (url.clone(), "cli --url");
    }
    if let Some(url) = program.env().get("OPENCLAW_GATEWAY_URL") {
        return (url.to_owned(), "env OPENCLAW_GATEWAY_URL");
    }
    let remote = program.setting_text("/gateway/mode") == Some("remote");
    match program.setting_text("/gateway/remote/url") {
        Some(url) if remote => (url.to_owned(), "config gateway.remote.url"),
        Some(_) | None => (local_url(program), LOCAL),
    }
}

/// What we show, and where the first of it comes from.
struct Proof {
    token: Option<Secret>,
    password: Option<Secret>,
    from: Option<&'static str>,
}

fn proof(program: &Program, flags: &Rpc, source: &str) -> Proof {
    let is_remote = source.starts_with("config");
    let (token_key, password_key) = if is_remote {
        ("gateway.remote.token", "gateway.remote.password")
    } else {
        ("gateway.auth.token", "gateway.auth.password")
    };
    let find = |flag: (&Option<Secret>, _), names: [&'static str; 2], key: &'static str| {
        if let (Some(given), name) = flag {
            return Some((given.clone(), name));
        }
        let of_env = |name: &'static str| Some((Secret::new(program.env().get(name)?), name));
        names.into_iter().find_map(of_env).or_else(|| {
            let pointer = format!("/{}", str::replace(key, ".", "/"));
            Some((Secret::new(program.setting_text(&pointer)?), key))
        })
    };
    let names = ["OPENCLAW_GATEWAY_TOKEN", "CLAWDBOT_GATEWAY_TOKEN"];
    let token = find((&flags.token, FLAG_TOKEN), names, token_key);
    let names = ["OPENCLAW_GATEWAY_PASSWORD", "CLAWDBOT_GATEWAY_PASSWORD"];
    let password = find((&flags.password, FLAG_PASSWORD), names, password_key);
    let from = token.as_ref().or(password.as_ref()).map(|it| it.1);
    Proof { token: token.map(|it| it.0), password: password.map(|it| it.0), from }
}

/// Connects to the gateway of these flags.
pub(crate) async fn connect(
    program: &Program,
    flags: &Rpc,
    patience: Duration,
) -> Result<(Client, Target), Failure> {
    let target = find(program, flags)?;
    let client = open(&target, Mode::Cli, patience).await?;
    Ok((client, target))
}

/// Connects to `target` as a client of this mode.
pub(crate) async fn open(
    target: &Target,
    mode: Mode,
    patience: Duration,
) -> Result<Client, Failure> {
    let identity = identity(ClientId::Cli, mode, &[]);
    let (client, _events) = reach(target, identity, EVENTS_MAX, patience).await?;
    Ok(client)
}

/// Connects to `target` as a chat, which hears events.
pub(crate) async fn listen(
    target: &Target,
    patience: Duration,
) -> Result<(Client, Events), Failure> {
    let identity = identity(ClientId::OpenclawTui, Mode::Ui, &["tool-events"]);
    reach(target, identity, CHAT_EVENTS_MAX, patience).await
}

fn identity(id: ClientId, mode: Mode, caps: &'static [&'static str]) -> Identity {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Identity { id, mode, version, names: Names::default(), caps, role: Role::Operator }
}

async fn reach(
    target: &Target,
    identity: Identity,
    events_max: usize,
    patience: Duration,
) -> Result<(Client, Events), Failure> {
    if target.url.starts_with("wss:") {
        tls::install();
    }
    let has_secret = target.token.is_some() || target.password.is_some();
    let device = target.own.for_gateway(&target.url, has_secret)?;
    let options = Options {
        url: target.url.clone(),
        token: target.token.clone(),
        password: target.password.clone(),
        identity,
        device: device.clone(),
        events_max,
    };
    match timeout(patience, Client::connect(options)).await {
        Ok(Ok((client, events))) => {
            if let Some(device) = &device {
                target.own.keep_token(device, client.hello());
            }
            Ok((client, events))
        }
        Ok(Err(error)) => {
            let is_stale = detail(&error).is_some_and(|code| code.ends_with("_MISMATCH"));
            if device.is_some() && !has_secret && is_stale {
                target.own.forget_token();
            }
            Err(no_connection(target, &error))
        }
        Err(_) => Err(too_late(target, patience)),
    }
}

/// Calls one method and hangs up.
pub(crate) async fn ask(
    program: &Program,
    flags: &Rpc,
    patience: Duration,
    method: &str,
    params: Value,
) -> Result<Value, Failure> {
    let (client, target) = connect(program, flags, patience).await?;
    call(&client, &target, patience, method, params).await
}

/// Calls one method of an open connection.
pub(crate) async fn call(
    client: &Client,
    target: &Target,
    patience: Duration,
    method: &str,
    params: Value,
) -> Result<Value, Failure> {
    match timeout(patience, client.call(method, params)).await {
        Ok(result) => result.map_err(|error| no_result(target, &error)),
        Err(_) => Err(too_late(target, patience)),
    }
}

/// What is said when a call brought nothing.
pub(crate) fn no_result(target: &Target, error: &CallError) -> Failure {
    if let CallError::Refused(refusal) = error {
        return Failure::told(Kind::Refused, &refusal.error.message);
    }
    with_facts(Failure::of(Kind::Connection, error), target)
}

/// What is said when patience ended.
pub(crate) fn too_late(target: &Target, patience: Duration) -> Failure {
    let message = format!("gateway timeout after {}ms", patience.as_millis());
    with_facts(Failure::new(Kind::Timeout, message), target).hint("openclaw doctor")
}

/// What a refusal is called for programs.
fn detail(error: &ConnectError) -> Option<&str> {
    let ConnectError::Refused { refusal, .. } = error else { return None };
    refusal.error.details.as_ref()?.get("code")?.as_str()
}

/// How the device of a refused connection is let in.
fn approval_hint(error: &ConnectError) -> Option<String> {
    let ConnectError::Refused { refusal, .. } = error else { return None };
    let request = refusal.error.details.as_ref()?.get("requestId")?.as_str()?;
    Some(format!("where the gateway runs: openclaw devices approve {request}"))
}

fn no_connection(target: &Target, error: &ConnectError) -> Failure {
    let mut failure = with_facts(Failure::of(Kind::Connection, error), target);
    let absent = matches!(error, ConnectError::Unreachable { .. } | ConnectError::NotReady);
    failure.is_absence = absent;
    failure.hint = match error {
        ConnectError::Refused { refusal, .. } => {
            if let Some(from) = target.proof_from {
                failure.facts.push(format!("Proof: {from}"));
            }
            approval_hint(error).or_else(|| proof_hint(target, &refusal.error.message))
        }
        ConnectError::Unreachable { .. } => Some(target.absence_hint.clone()),
        ConnectError::NotReady => Some("openclaw onboard, if it has no config yet".into()),
        ConnectError::NotAGateway { .. } => Some("openclaw doctor (it names who listens)".into()),
        ConnectError::Address { .. } => Some(address_hint(&target.url)),
        ConnectError::Closed(_) | _ => None,
    };
    failure
}

fn proof_hint(target: &Target, message: &str) -> Option<String> {
    if message.contains("missing") || message.contains("device identity required") {
        let hint = "pass the gateway's token by --token, or set OPENCLAW_GATEWAY_TOKEN";
        return Some(hint.to_owned());
    }
    let doctor = &target.doctor;
    message.contains("mismatch").then(|| {
        format!("pass the gateway's own by --token, or find out which tokens differ: {doctor}")
    })
}

/// The address that was probably meant.
fn address_hint(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let scheme = if url.starts_with("https:") { "wss" } else { "ws" };
    format!("--url {scheme}://{}", rest.trim_end_matches('/'))
}

fn with_facts(mut failure: Failure, target: &Target) -> Failure {
    failure.facts.clone_from(&target.facts);
    failure
}
