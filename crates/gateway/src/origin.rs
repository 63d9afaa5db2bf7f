//! Which web pages may connect.

use config::AuthMode;
use protocol::{
    Error,
    handshake::{ClientId, Connect, Mode},
};
use serde_json::json;
use tracing::info;

use crate::remote::{Remote, host_name};

const REFUSAL: &str = "origin not allowed (open the Control UI from the gateway host or allow it \
                       in gateway.controlUi.allowedOrigins)";

const CODE: &str = "CONTROL_UI_ORIGIN_NOT_ALLOWED";
/// A longer one is no host's name.
const ORIGIN_BYTES_MAX: usize = 300;

/// Refuses pages of strangers: requests with an `Origin` header, and web chats without one.
///
/// A page served under the name that it connects to is trusted, unless no secret is asked: then
/// the name must be a private one, or any site could point its own name here.
pub(crate) fn check(
    connect: &Connect,
    remote: &Remote,
    gateway: &config::Gateway,
) -> Result<(), Error> {
    check_host(remote, gateway).map_err(refused)?;
    let is_page = connect.client.mode == Mode::Webchat
        || matches!(connect.client.id, ClientId::OpenclawControlUi | ClientId::WebchatUi);
    let origin = match &remote.origin {
        None if !is_page => return Ok(()),
        // A control page without an origin is refused a step later, for its missing device.
        None if connect.client.id == ClientId::OpenclawControlUi && connect.device.is_none() => {
            return Ok(());
        }
        None => return Err(refused("origin missing or invalid")),
        Some(origin) => origin,
    };
    check_page(origin, remote, gateway).map_err(|reason| {
        let fix = line_that_allows(origin, &gateway.control_ui.allowed_origins);
        let Some(fix) = fix else { return refused(reason) };
        info!(%origin, fix, "a page is not allowed");
        Error::invalid(REFUSAL).with_details(json!({"code": CODE, "reason": reason, "fix": fix}))
    })
}

/// The command that lets pages of `origin` in, beside those that may already; `None` when it is
/// no origin that could be listed.
fn line_that_allows(origin: &str, allowed: &[String]) -> Option<String> {
    let origin = origin.trim().to_ascii_lowercase();
    let is_plain = origin.len() <= ORIGIN_BYTES_MAX
        && origin.bytes().all(|it| it.is_ascii_alphanumeric() || b":/.-_[]".contains(&it));
    if !is_plain || !origin.contains("://") {
        return None;
    }
    let all: Vec<&str> = allowed.iter().map(String::as_str).chain([origin.as_str()]).collect();
    Some(format!(
        "openclaw config set gateway.controlUi.allowedOrigins '{}'",
        serde_json::to_string(&all).unwrap_or_default()
    ))
}

/// Refuses the pages of strangers, with the reason.
pub(crate) fn check_page(
    origin: &str,
    remote: &Remote,
    gateway: &config::Gateway,
) -> Result<(), &'static str> {
    let origin = origin.trim().to_ascii_lowercase();
    if gateway.control_ui.allowed_origins.iter().any(|entry| entry == "*" || *entry == origin) {
        return Ok(());
    }
    let Some((_, authority)) = origin.split_once("://") else {
        return Err("origin missing or invalid");
    };
    let host = remote.host.as_deref().unwrap_or_default().to_ascii_lowercase();
    let both_loopback = is_loopback(host_name(authority)) && is_loopback(host_name(&host));
    let same_host =
        authority == host && (gateway.auth.mode != AuthMode::None || is_private(host_name(&host)));
    if same_host || both_loopback {
        return Ok(());
    }
    Err("origin not allowed")
}

/// Whether a page's origin is on the list by name, or both ends are called by loopback names. A
/// wildcard names nobody.
pub(crate) fn is_named_or_loopback(
    origin: &str,
    remote: &Remote,
    gateway: &config::Gateway,
) -> bool {
    let origin = origin.trim().to_ascii_lowercase();
    let host = remote.host.as_deref().unwrap_or_default().to_ascii_lowercase();
    let authority = origin.split_once("://").map(|(_, authority)| host_name(authority));
    gateway.control_ui.allowed_origins.contains(&origin)
        || (authority.is_some_and(is_loopback) && is_loopback(host_name(&host)))
}

/// Refuses calls that name this machine by a public name when no secret is asked: a page of a
/// stranger may have pointed its own name here (DNS rebinding), and not every call carries an
/// origin.
pub(crate) fn check_host(remote: &Remote, gateway: &config::Gateway) -> Result<(), &'static str> {
    if gateway.auth.mode != AuthMode::None {
        return Ok(());
    }
    let host = remote.host.as_deref().unwrap_or_default().to_ascii_lowercase();
    let is_listed = gateway
        .control_ui
        .allowed_origins
        .iter()
        .any(|origin| origin.split_once("://").is_some_and(|(_, authority)| authority == host));
    if is_listed || is_private(host_name(&host)) {
        return Ok(());
    }
    Err("host not allowed")
}

fn refused(reason: &str) -> Error {
    Error::invalid(REFUSAL).with_details(json!({"code": CODE, "reason": reason}))
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn is_private(name: &str) -> bool {
    match name.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(std::net::IpAddr::V4(ip)) => ip.is_private() || ip.is_loopback(),
        Ok(std::net::IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => {
            let is_below = |zone: &str| name.rsplit_once('.').is_some_and(|(_, last)| last == zone);
            name == "localhost" || is_below("local") || name.strip_suffix(".ts.net").is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(id: &str, origin: Option<&str>, host: &str, gateway: &config::Gateway) -> bool {
        let mode = if id == "webchat-ui" { "webchat" } else { "cli" };
        let connect = serde_json::from_value(json!({"minProtocol": 4, "maxProtocol": 4,
            "client": {"id": id, "mode": mode, "version": "1", "platform": "x"}}))
        .unwrap();
        let remote = Remote {
            ip: [127, 0, 0, 1].into(),
            is_local: true,
            is_proxied: false,
            host: Some(host.to_owned()),
            origin: origin.map(str::to_owned),
            claims: None,
        };
        check(&connect, &remote, gateway).is_ok()
    }

    fn gateway(mode: AuthMode, allowed: &[&str]) -> config::Gateway {
        let mut gateway = config::Gateway::of(config::Auth::of(mode));
        gateway.control_ui.allowed_origins =
            allowed.iter().map(|text| (*text).to_owned()).collect();
        gateway
    }

    #[test]
    fn pages_come_from_here_from_the_list_or_not_at_all() {
        let evil = Some("https://evil.example");
        let here = "gateway.lan:18789";
        let cases = [
            (("cli", None, here), true),
            (("webchat-ui", None, here), false),
            (("webchat-ui", Some("http://gateway.lan:18789"), here), true),
            (("webchat-ui", Some("http://localhost:5173"), "127.0.0.1:18789"), true),
            (("webchat-ui", Some("null"), "127.0.0.1:18789"), false),
            (("cli", evil, here), false),
        ];

        let strict = gateway(AuthMode::Token, &[]);
        for ((id, origin, host), expected) in cases {
            assert_eq!(allows(id, origin, host, &strict), expected, "{id} {origin:?} {host}");
        }
        for entry in ["https://evil.example", "*"] {
            assert!(allows("cli", evil, here, &gateway(AuthMode::Token, &[entry])));
        }
    }

    #[test]
    fn without_a_secret_a_public_name_may_not_vouch_for_itself() {
        let page = Some("http://evil.example:18789");

        assert!(allows("webchat-ui", page, "evil.example:18789", &gateway(AuthMode::Token, &[])));
        assert!(!allows("webchat-ui", page, "evil.example:18789", &gateway(AuthMode::None, &[])));
    }
}
