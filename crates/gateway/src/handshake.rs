//! Judges a `connect` request: from what was asked to who it is, or why not. Waits for nothing.
//!
//! Order: params, version, role, origin, the device's signature ([`device`]), secret or the
//! device's token ([`proof`]), pairing ([`crate::pairing`]).

use std::sync::LazyLock;

use domain::{DeviceId, Scope, UnixMillis};
use policy::scope::{self, Role};
use protocol::{
    Error, Version,
    device::PublicKey,
    handshake::{ClientId, Connect, Mode},
    validation, version,
};
use serde_json::Value;
use store::DeviceToken;

use crate::{
    auth::{Gate, Principal, Unscoped},
    devices::Devices,
    origin,
    pairing::{Ask, Outcome},
    remote::{Claims, Remote},
};

mod device;
mod pairing;
mod proof;

static SCHEMA: LazyLock<Value> = LazyLock::new(validation::schema_of::<Connect>);

/// What a `connect` is judged by.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a> {
    /// Who is at the other end.
    pub(crate) remote: &'a Remote,
    /// How clients prove themselves.
    pub(crate) config: &'a config::Gateway,
    /// Checks secrets.
    pub(crate) gate: &'a Gate,
    /// Knows devices.
    pub(crate) devices: &'a Devices,
    /// That of the challenge.
    pub(crate) nonce: &'a str,
    /// Now.
    pub(crate) now: UnixMillis,
    /// Whether the gateway runs in a container.
    pub(crate) is_contained: bool,
}

/// Who a client turned out to be.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// What it said of itself.
    pub(crate) connect: Connect,
    /// The version to speak.
    pub(crate) version: Version,
    /// What it is and what it may do.
    pub(crate) principal: Principal,
    /// Its token for the next time, for devices.
    pub(crate) token: Option<DeviceToken>,
}

/// A refusal: what the client is told, and how the connection is closed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// What the client is told.
    pub(crate) error: Error,
    /// The close code.
    pub(crate) close: u16,
    /// The close reason, when it is not the error's text.
    pub(crate) reason: Option<String>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, close: 1008, reason: None }
    }
}

/// Judges the params of `connect`.
pub(crate) fn judge(params: &Value, door: &Door<'_>) -> Result<Admitted, Refusal> {
    let connect = read(params)?;
    let (min, max) = (connect.min_protocol, connect.max_protocol);
    let Some(version) = version::negotiate(min, max) else {
        let error = Error::invalid("protocol mismatch").with_details(version::mismatch(min, max));
        return Err(Refusal { error, close: 1002, reason: None });
    };
    let Some(role) = Role::parse(connect.role.as_deref().unwrap_or("operator")) else {
        return Err(Error::invalid("invalid role").into());
    };
    origin::check(&connect, door.remote, door.config)?;
    let key = device::verify(&connect, version, door)?;
    let unscoped = unscoped(&connect, version, door);
    let scopes = scopes(&connect, role, (version, unscoped), door);
    let (proof, scopes) = proof::prove(&connect, (role, &scopes), key.as_ref(), door)?;
    let principal = Principal { role, scopes, device: None, proof, unscoped };
    match key {
        Some(key) => pair(connect, version, principal, &key, door),
        None => Ok(Admitted { connect, version, principal, token: None }),
    }
}

fn read(params: &Value) -> Result<Connect, Refusal> {
    let invalid = |problems: &[String]| Error::invalid(validation::refusal("connect", problems));
    let problems = validation::check(&SCHEMA, params);
    if !problems.is_empty() {
        return Err(invalid(&problems).into());
    }
    serde_json::from_value(params.clone()).map_err(|error| invalid(&[error.to_string()]).into())
}

/// Why version 4 clears the scopes of a client, if it does.
fn unscoped(connect: &Connect, version: Version, door: &Door<'_>) -> Option<Unscoped> {
    let remote = door.remote;
    let is_vouched_for = remote.is_local
        || connect.device.is_some()
        || matches!(remote.claims.as_deref(), Some(Claims::Proxy(Ok(_))))
        || (is_control_ui(connect) && door.config.control_ui.without_device);
    let reason = if remote.is_proxied { Unscoped::Proxied } else { Unscoped::Far };
    (version == Version::V4 && !is_vouched_for).then_some(reason)
}

/// What the client may do, if it proves itself.
fn scopes(
    connect: &Connect,
    role: Role,
    (version, unscoped): (Version, Option<Unscoped>),
    door: &Door<'_>,
) -> Vec<String> {
    let remote = door.remote;
    let asked = connect.scopes.as_deref().unwrap_or_default();
    let is_own_tool = version == Version::V4 && remote.is_local && is_backend(connect);
    if role == Role::Operator && asked.is_empty() && is_own_tool {
        return Scope::OPERATOR.map(|scope| scope.as_str().to_owned()).to_vec();
    }
    let granted = scope::granted(role, version.number(), asked);
    if let Some(Claims::Proxy(Ok(vouched))) = remote.claims.as_deref() {
        let cap = vouched.scopes.as_ref();
        let is_in = |name: &String| cap.is_none_or(|cap| scope::covers(cap, name));
        return granted.into_iter().filter(is_in).collect();
    }
    if unscoped.is_some() { Vec::new() } else { granted }
}

/// Lets the device in, or tells that somebody has to approve it.
fn pair(
    connect: Connect,
    version: Version,
    mut principal: Principal,
    key: &PublicKey,
    door: &Door<'_>,
) -> Result<Admitted, Refusal> {
    let role = principal.role.as_str();
    let about = pairing::about(&connect, door.remote);
    let ask = Ask {
        device: &key.id,
        public_key: &key.text(),
        role,
        scopes: &principal.scopes,
        about: &about,
        is_silent: pairing::is_silent(&connect, &principal, door),
        pins_metadata: version == Version::V4,
    };
    if let Outcome::Waits { request, reason, known, .. } = door.devices.ask(&ask) {
        return Err(pairing::required(&request, reason, known.as_deref(), version));
    }
    let token = door.devices.token(&key.id, role, &principal.scopes);
    principal.device = Some(DeviceId::new(key.id.as_str()));
    Ok(Admitted { connect, version, principal, token })
}

fn is_backend(connect: &Connect) -> bool {
    connect.client.id == ClientId::GatewayClient && connect.client.mode == Mode::Backend
}

fn is_control_ui(connect: &Connect) -> bool {
    connect.client.id == ClientId::OpenclawControlUi
}
