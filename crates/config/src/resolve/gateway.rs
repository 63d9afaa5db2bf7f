//! `gateway`, with what the environment says.

use std::time::Duration;

use domain::Secret;

use super::intake;
use crate::{
    env::{Env, absolute},
    locations::Locations,
    node::Node,
    resolved::{
        Auth, AuthMode, Bind, ControlUi, Gateway, HttpTools, Mode, Nodes, RateLimit, Reload,
        ReloadMode, TrustedProxy,
    },
};

const PORT: u16 = 18789;

pub(super) fn gateway(root: Node<'_>, locations: &Locations, env: &Env) -> Gateway {
    let node = root.at("gateway");
    Gateway {
        mode: match node.at("mode").str() {
            Some("local") => Some(Mode::Local),
            Some("remote") => Some(Mode::Remote),
            Some(_) | None => None,
        },
        port: port(node, locations, env),
        bind: bind(node),
        auth: auth(node.at("auth"), node.at("tailscale.mode").str() == Some("serve"), env),
        trusted_proxies: node.at("trustedProxies").texts().unwrap_or_default(),
        control_ui: control_ui(node.at("controlUi"), locations),
        chat_completions: endpoint(node, "chatCompletions"),
        responses: endpoint(node, "responses"),
        intake: intake::intake(node.at("http.endpoints.responses")),
        metrics: metrics(root),
        tools: HttpTools {
            allow: node.at("tools.allow").texts().unwrap_or_default(),
            deny: node.at("tools.deny").texts().unwrap_or_default(),
        },
        nodes: Nodes {
            allow_commands: node.at("nodes.allowCommands").texts().unwrap_or_default(),
            deny_commands: node.at("nodes.denyCommands").texts().unwrap_or_default(),
        },
        reload: reload(node.at("reload")),
    }
}

/// A variable beats the file; `--dev` counts as a variable.
fn port(node: Node<'_>, locations: &Locations, env: &Env) -> u16 {
    let named = env.first(&["OPENCLAW_GATEWAY_PORT", "CLAWDBOT_GATEWAY_PORT"]);
    named
        .and_then(|text| text.trim().parse().ok())
        .filter(|port| *port > 0)
        .or(locations.dev_port)
        .or_else(|| node.at("port").int().and_then(|port| u16::try_from(port).ok()))
        .unwrap_or(PORT)
}

fn bind(node: Node<'_>) -> Bind {
    let host = node.at("customBindHost").str().and_then(|host| host.trim().parse().ok());
    match (node.at("bind").str(), host) {
        (Some("lan"), _) => Bind::Lan,
        (Some("tailnet"), _) => Bind::Tailnet,
        (Some("auto"), _) => Bind::Auto,
        (Some("custom"), Some(host)) => Bind::Custom(host),
        (Some(_) | None, _) => Bind::Loopback,
    }
}

fn auth(node: Node<'_>, serves_tailnet: bool, env: &Env) -> Auth {
    let from_env = |names: &[&str]| env.first(names).map(Secret::new);
    let token = node
        .at("token")
        .secret()
        .or_else(|| from_env(&["OPENCLAW_GATEWAY_TOKEN", "CLAWDBOT_GATEWAY_TOKEN"]));
    let password = node
        .at("password")
        .secret()
        .or_else(|| from_env(&["OPENCLAW_GATEWAY_PASSWORD", "CLAWDBOT_GATEWAY_PASSWORD"]));
    let mode = match node.at("mode").str() {
        Some("token") => AuthMode::Token,
        Some("password") => AuthMode::Password,
        Some("none") => AuthMode::None,
        Some("trusted-proxy") => AuthMode::TrustedProxy,
        Some(_) | None if password.is_some() && token.is_none() => AuthMode::Password,
        Some(_) | None => AuthMode::Token,
    };
    let tailscale = node.at("allowTailscale").flag();
    Auth {
        mode,
        token,
        password,
        tailscale: tailscale.unwrap_or(serves_tailnet && mode != AuthMode::Password),
        trusted_proxy: trusted_proxy(node.at("trustedProxy")),
        rate_limit: rate_limit(node.at("rateLimit")),
    }
}

fn trusted_proxy(node: Node<'_>) -> Option<TrustedProxy> {
    let lower = |texts: Vec<String>| texts.iter().map(|text| text.trim().to_lowercase()).collect();
    let approves = node.at("deviceAutoApprove");
    Some(TrustedProxy {
        user_header: node.at("userHeader").text()?.trim().to_lowercase(),
        required_headers: lower(node.at("requiredHeaders").texts().unwrap_or_default()),
        allow_users: node.at("allowUsers").texts().unwrap_or_default(),
        allow_loopback: node.at("allowLoopback").flag().unwrap_or(false),
        auto_approve: approves
            .at("enabled")
            .flag()
            .unwrap_or(false)
            .then(|| approves.at("scopes").texts().unwrap_or_default()),
    })
}

fn rate_limit(node: Node<'_>) -> RateLimit {
    let default = RateLimit::default();
    let failures = node.at("maxAttempts").int().and_then(|count| u32::try_from(count).ok());
    RateLimit {
        failures_max: failures.unwrap_or(default.failures_max).max(1),
        window: node.at("windowMs").millis().unwrap_or(default.window),
        lockout: node.at("lockoutMs").millis().unwrap_or(default.lockout),
        exempts_loopback: node.at("exemptLoopback").flag().unwrap_or(default.exempts_loopback),
    }
}

fn control_ui(node: Node<'_>, locations: &Locations) -> ControlUi {
    let base = node.at("basePath").str().unwrap_or_default().trim().trim_matches('/');
    let root = node.at("root").str().map(str::trim).filter(|root| !root.is_empty());
    let origins = node.at("allowedOrigins").texts().unwrap_or_default();
    ControlUi {
        enabled: node.at("enabled").flag().unwrap_or(true),
        base_path: if base.is_empty() { String::new() } else { format!("/{base}") },
        root: root.map(|root| absolute(root, &locations.home, &locations.state_dir)),
        allowed_origins: origins
            .iter()
            .map(|origin| origin.trim().trim_end_matches('/').to_lowercase())
            .filter(|origin| !origin.is_empty())
            .collect(),
        without_device: ["allowInsecureAuth", "dangerouslyDisableDeviceAuth"]
            .iter()
            .any(|name| node.at(name).flag() == Some(true)),
    }
}

/// A plug-in of the reference, which is on when its entry says so.
fn metrics(root: Node<'_>) -> bool {
    let entry = root.at("plugins.entries").key("diagnostics-prometheus");
    entry.at("enabled").flag() == Some(true) && root.at("diagnostics.enabled").flag() != Some(false)
}

fn endpoint(node: Node<'_>, name: &str) -> bool {
    node.at("http.endpoints").key(name).at("enabled").flag().unwrap_or(false)
}

fn reload(node: Node<'_>) -> Reload {
    Reload {
        mode: ReloadMode::named(node.at("mode").str().unwrap_or_default()),
        debounce: node.at("debounceMs").millis().unwrap_or(Duration::from_millis(300)),
    }
}
