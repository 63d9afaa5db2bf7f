//! Whether a client proves itself: by the shared secret, a proxy's word, or a device's token.

use policy::scope::{self, Role};
use protocol::{Code, Error, compat, device::PublicKey, handshake::Connect};
use serde_json::json;

use super::{Door, is_control_ui};
use crate::{
    auth::{Proof, Refused},
    remote::Unheard,
};

/// How the client proved itself, and what it may do then.
pub(super) fn prove(
    connect: &Connect,
    (role, scopes): (Role, &[String]),
    key: Option<&PublicKey>,
    door: &Door<'_>,
) -> Result<(Proof, Vec<String>), Error> {
    let auth = connect.auth.as_ref();
    let sent =
        [auth.and_then(|it| it.token.as_deref()), auth.and_then(|it| it.password.as_deref())];
    if key.is_none() {
        let has_secret = sent.iter().flatten().any(|text| !text.is_empty());
        require_device(connect, role, has_secret, door)?;
    }
    let settings = &door.config.auth;
    let outcome = door.gate.check(settings, &sent, door.remote);
    let outcome = match (outcome, key) {
        (Ok(proof), _) => Ok((proof, scopes.to_vec())),
        (Err(refused), Some(key)) => by_token(connect, (role, scopes), key, refused, door),
        (Err(refused), None) => Err(refused),
    };
    let refused = outcome.as_ref().err().copied();
    door.gate.count(&settings.rate_limit, refused, door.remote);
    outcome.map_err(|refused| {
        let can_retry = matches!(refused, Refused::TokenMismatch)
            && key.is_some_and(|key| door.devices.has_token(&key.id, role.as_str()));
        explain(refused, connect, can_retry)
    })
}

/// Some clients are not even asked for a secret when they bring no device.
fn require_device(
    connect: &Connect,
    role: Role,
    has_secret: bool,
    door: &Door<'_>,
) -> Result<(), Error> {
    let asks_secret = match door.config.auth.mode {
        config::AuthMode::None => return Ok(()),
        config::AuthMode::Token | config::AuthMode::Password => true,
        config::AuthMode::TrustedProxy => false,
    };
    if is_control_ui(connect) && asks_secret && !door.config.control_ui.without_device {
        let text = compat::device_required_of_page(compat::likely_version(connect));
        let details = json!({"code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"});
        return Err(Error::invalid(text).with_details(details));
    }
    if role == Role::Node || (asks_secret && !has_secret && door.remote.claims.is_none()) {
        let error = Error::new(Code::NotPaired, "device identity required");
        return Err(error.with_details(json!({"code": "DEVICE_IDENTITY_REQUIRED"})));
    }
    Ok(())
}

/// A device may send a token of its own in place of the secret. Whoever does has signed with the
/// device's key already, so a lock-out does not keep it out.
fn by_token(
    connect: &Connect,
    (role, scopes): (Role, &[String]),
    key: &PublicKey,
    refused: Refused,
    door: &Door<'_>,
) -> Result<(Proof, Vec<String>), Refused> {
    let auth = connect.auth.as_ref();
    let named = auth.and_then(|it| it.device_token.as_deref()).filter(|text| !text.is_empty());
    let plain = auth.and_then(|it| it.token.as_deref()).filter(|text| !text.is_empty());
    let held = [named, plain]
        .into_iter()
        .flatten()
        .find_map(|sent| door.devices.verify(&key.id, role.as_str(), sent));
    let Some(held) = held else {
        let is_revoked = plain.is_some_and(|it| door.devices.revoked(&key.id, role.as_str(), it));
        let is_own = named.is_some() || is_revoked;
        return Err(if is_own { Refused::DeviceTokenMismatch } else { refused });
    };
    if connect.scopes.as_deref().unwrap_or_default().is_empty() && role == Role::Operator {
        // Who names no scopes gets those of the token, in either version.
        return Ok((Proof::DeviceToken, held));
    }
    if !scope::uncovered(&held, scopes).is_empty() {
        return Err(Refused::DeviceTokenScope);
    }
    Ok((Proof::DeviceToken, scopes.to_vec()))
}

fn explain(refused: Refused, connect: &Connect, can_retry: bool) -> Error {
    let (text, code, reason) = words(refused, connect);
    let step = if can_retry { "retry_with_device_token" } else { next_step(refused) };
    let text =
        if text.is_empty() { "unauthorized".to_owned() } else { format!("unauthorized: {text}") };
    let mut error = Error::invalid(text).with_details(json!({
        "code": code,
        "authReason": reason,
        "canRetryWithDeviceToken": can_retry,
        "recommendedNextStep": step,
    }));
    if let Some(wait) = refused.wait() {
        error.retryable = Some(true);
        error.retry_after_ms = u64::try_from(wait.as_millis()).ok();
    }
    error
}

fn words(refused: Refused, connect: &Connect) -> (String, &'static str, &'static str) {
    let token = compat::token_hint(connect);
    let password = compat::password_hint(connect);
    let (text, code, reason) = match refused {
        Refused::TokenMissing => {
            let text = format!("gateway token missing ({token})");
            return (text, "AUTH_TOKEN_MISSING", "token_missing");
        }
        Refused::TokenMismatch => {
            let text = format!("gateway token mismatch ({token})");
            return (text, "AUTH_TOKEN_MISMATCH", "token_mismatch");
        }
        Refused::PasswordMissing => {
            let text = format!("gateway password missing ({password})");
            return (text, "AUTH_PASSWORD_MISSING", "password_missing");
        }
        Refused::PasswordMismatch => {
            let text = format!("gateway password mismatch ({password})");
            return (text, "AUTH_PASSWORD_MISMATCH", "password_mismatch");
        }
        Refused::TokenNotConfigured => (
            "gateway token not configured on gateway (set gateway.auth.token)",
            "AUTH_TOKEN_NOT_CONFIGURED",
            "token_missing_config",
        ),
        Refused::PasswordNotConfigured => (
            "gateway password not configured on gateway (set gateway.auth.password)",
            "AUTH_PASSWORD_NOT_CONFIGURED",
            "password_missing_config",
        ),
        Refused::RateLimited(_) => (
            "too many failed authentication attempts (retry later)",
            "AUTH_RATE_LIMITED",
            "rate_limited",
        ),
        Refused::Proxy(unheard) => return untold(unheard),
        Refused::TailscaleProxyMissing => (
            "tailscale proxy headers missing (use Tailscale Serve or gateway token/password)",
            "AUTH_TAILSCALE_PROXY_MISSING",
            "tailscale_proxy_missing",
        ),
        Refused::TailscaleUnverified => (
            "tailscale identity check failed (use gateway token/password)",
            "AUTH_TAILSCALE_WHOIS_FAILED",
            "tailscale_whois_failed",
        ),
        Refused::DeviceTokenMismatch => (
            "device token mismatch (connect once with the gateway token to get a new one)",
            "AUTH_DEVICE_TOKEN_MISMATCH",
            "device_token_mismatch",
        ),
        Refused::DeviceTokenScope => (
            "device token does not cover the scopes asked for",
            "AUTH_SCOPE_MISMATCH",
            "scope_mismatch",
        ),
    };
    (text.to_owned(), code, reason)
}

fn untold(unheard: Unheard) -> (String, &'static str, &'static str) {
    let (text, reason) = match unheard {
        Unheard::Stranger => (
            "connections come through a proxy of gateway.trustedProxies here; programs on this \
             machine sign in with gateway.auth.password, once it is set",
            "trusted_proxy_untrusted_source",
        ),
        Unheard::HeaderMissing => (
            "the proxy left out a required header; programs on this machine sign in with \
                 gateway.auth.password, once it is set",
            "trusted_proxy_missing_header",
        ),
        Unheard::UserMissing => ("the proxy named no user", "trusted_proxy_user_missing"),
        Unheard::UserNotAllowed => {
            ("this user is not allowed here", "trusted_proxy_user_not_allowed")
        }
    };
    (text.to_owned(), "AUTH_UNAUTHORIZED", reason)
}

fn next_step(refused: Refused) -> &'static str {
    match refused {
        Refused::TokenMismatch
        | Refused::PasswordMismatch
        | Refused::DeviceTokenMismatch
        | Refused::DeviceTokenScope => "update_auth_credentials",
        Refused::TokenMissing | Refused::PasswordMissing => "update_auth_configuration",
        Refused::RateLimited(_) => "wait_then_retry",
        Refused::TokenNotConfigured
        | Refused::PasswordNotConfigured
        | Refused::Proxy(_)
        | Refused::TailscaleProxyMissing
        | Refused::TailscaleUnverified => "review_auth_configuration",
    }
}
