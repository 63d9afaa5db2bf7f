//! Judges a `connect` request: pure, from what was asked to who it is or why not.
//!
//! Order: params, version, role, origin, device, secret. Device signatures and pairing are not
//! checked yet: a device block neither helps nor hurts, the shared secret decides.

use std::sync::LazyLock;

use policy::scope::Role;
use protocol::{
    Code, Error, Scope, Version, compat,
    handshake::{ClientId, Connect, Mode},
    validation, version,
};
use serde_json::{Value, json};

use crate::{
    auth::{Gate, Principal, Proof, Refused},
    origin,
    remote::Remote,
};

static SCHEMA: LazyLock<Value> = LazyLock::new(validation::schema_of::<Connect>);

/// Who a client turned out to be.
#[derive(Clone, Debug)]
pub(crate) struct Admitted {
    /// What it said of itself.
    pub(crate) connect: Connect,
    /// The version to speak.
    pub(crate) version: Version,
    /// What it is and what it may do.
    pub(crate) principal: Principal,
}

/// A refusal: the error to send, then the close code. The close reason is the error's text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    /// What the client is told.
    pub(crate) error: Error,
    /// The close code.
    pub(crate) close: u16,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, close: 1008 }
    }
}

/// Judges the params of `connect`.
pub(crate) fn judge(
    params: &Value,
    remote: &Remote,
    gateway: &config::Gateway,
    gate: &Gate,
) -> Result<Admitted, Refusal> {
    let connect = read(params)?;
    let (min, max) = (connect.min_protocol, connect.max_protocol);
    let Some(version) = version::negotiate(min, max) else {
        let error = Error::invalid("protocol mismatch").with_details(version::mismatch(min, max));
        return Err(Refusal { error, close: 1002 });
    };
    let Some(role) = Role::parse(connect.role.as_deref().unwrap_or("operator")) else {
        return Err(Error::invalid("invalid role").into());
    };
    origin::check(&connect, remote, gateway)?;
    let proof = prove(&connect, role, version, remote, (gateway, gate))?;
    let scopes = scopes(&connect, role, version, remote);
    let principal = Principal { role, scopes, device: None, proof };
    Ok(Admitted { connect, version, principal })
}

fn read(params: &Value) -> Result<Connect, Refusal> {
    let invalid = |problems: &[String]| Error::invalid(validation::refusal("connect", problems));
    let problems = validation::check(&SCHEMA, params);
    if !problems.is_empty() {
        return Err(invalid(&problems).into());
    }
    serde_json::from_value(params.clone()).map_err(|error| invalid(&[error.to_string()]).into())
}

fn prove(
    connect: &Connect,
    role: Role,
    version: Version,
    remote: &Remote,
    (gateway, gate): (&config::Gateway, &Gate),
) -> Result<Proof, Refusal> {
    let auth = connect.auth.as_ref();
    let sent =
        [auth.and_then(|it| it.token.as_deref()), auth.and_then(|it| it.password.as_deref())];
    let asks_secret = gateway.auth.mode != config::AuthMode::None;
    if connect.device.is_none() && asks_secret {
        if connect.client.id == ClientId::OpenclawControlUi {
            let text = compat::device_required_of_page(version);
            let details = json!({"code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"});
            return Err(Error::invalid(text).with_details(details).into());
        }
        let has_secret = sent.iter().flatten().any(|text| !text.is_empty());
        if role == Role::Node || !has_secret {
            let error = Error::new(Code::NotPaired, "device identity required");
            return Err(error.with_details(json!({"code": "DEVICE_IDENTITY_REQUIRED"})).into());
        }
    }
    gate.verify(&gateway.auth, &sent, remote).map_err(|refused| explain(refused, connect).into())
}

/// What the client may do. Without a device, version 4 clears the scopes of strangers: a shared
/// secret that travels between machines does not tell who holds it.
fn scopes(connect: &Connect, role: Role, version: Version, remote: &Remote) -> Vec<String> {
    if role == Role::Node {
        return Vec::new();
    }
    let asked = connect.scopes.clone().unwrap_or_default();
    if asked.is_empty() {
        let is_own_tool = version == Version::V4 && remote.is_local && is_backend(connect);
        return if is_own_tool {
            Scope::OPERATOR.iter().map(|scope| scope.as_str().to_owned()).collect()
        } else {
            compat::default_scopes(version)
        };
    }
    let is_vouched_for = remote.is_local || connect.device.is_some();
    if version == Version::V4 && !is_vouched_for { Vec::new() } else { asked }
}

fn is_backend(connect: &Connect) -> bool {
    connect.client.id == ClientId::GatewayClient && connect.client.mode == Mode::Backend
}

fn explain(refused: Refused, connect: &Connect) -> Error {
    let token = compat::token_hint(connect);
    let password = compat::password_hint(connect);
    let (text, code, reason) = match refused {
        Refused::TokenMissing => {
            (format!("gateway token missing ({token})"), "AUTH_TOKEN_MISSING", "token_missing")
        }
        Refused::TokenMismatch => {
            (format!("gateway token mismatch ({token})"), "AUTH_TOKEN_MISMATCH", "token_mismatch")
        }
        Refused::TokenNotConfigured => (
            "gateway token not configured on gateway (set gateway.auth.token)".to_owned(),
            "AUTH_TOKEN_NOT_CONFIGURED",
            "token_missing_config",
        ),
        Refused::PasswordMissing => (
            format!("gateway password missing ({password})"),
            "AUTH_PASSWORD_MISSING",
            "password_missing",
        ),
        Refused::PasswordMismatch => (
            format!("gateway password mismatch ({password})"),
            "AUTH_PASSWORD_MISMATCH",
            "password_mismatch",
        ),
        Refused::PasswordNotConfigured => (
            "gateway password not configured on gateway (set gateway.auth.password)".to_owned(),
            "AUTH_PASSWORD_NOT_CONFIGURED",
            "password_missing_config",
        ),
        Refused::RateLimited(_) => (
            "too many failed authentication attempts (retry later)".to_owned(),
            "AUTH_RATE_LIMITED",
            "rate_limited",
        ),
        Refused::Unsupported => {
            let details = json!({"code": "AUTH_UNAUTHORIZED", "authReason": "unauthorized"});
            return Error::invalid("unauthorized").with_details(details);
        }
    };
    let mut error = Error::invalid(format!("unauthorized: {text}")).with_details(json!({
        "code": code,
        "authReason": reason,
        "canRetryWithDeviceToken": false,
        "recommendedNextStep": next_step(refused),
    }));
    if let Refused::RateLimited(wait) = refused {
        error.retryable = Some(true);
        error.retry_after_ms = u64::try_from(wait.as_millis()).ok();
    }
    error
}

fn next_step(refused: Refused) -> &'static str {
    match refused {
        Refused::TokenMismatch | Refused::PasswordMismatch => "update_auth_credentials",
        Refused::TokenMissing | Refused::PasswordMissing => "update_auth_configuration",
        Refused::RateLimited(_) => "wait_then_retry",
        Refused::TokenNotConfigured | Refused::PasswordNotConfigured | Refused::Unsupported => {
            "review_auth_configuration"
        }
    }
}
