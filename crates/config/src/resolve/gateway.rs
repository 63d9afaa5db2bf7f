//! `gateway`, with what the environment says.

use std::time::Duration;

use domain::Secret;

use crate::{
    env::Env,
    locations::Locations,
    node::Node,
    resolved::{Auth, AuthMode, Bind, ControlUi, Gateway, Mode, Reload, ReloadMode},
};

const PORT: u16 = 18789;

pub(super) fn gateway(node: Node<'_>, locations: &Locations, env: &Env) -> Gateway {
    Gateway {
        mode: match node.at("mode").str() {
            Some("local") => Some(Mode::Local),
            Some("remote") => Some(Mode::Remote),
            Some(_) | None => None,
        },
        port: port(node, locations, env),
        bind: bind(node),
        auth: auth(node.at("auth"), env),
        trusted_proxies: node.at("trustedProxies").texts().unwrap_or_default(),
        control_ui: control_ui(node.at("controlUi")),
        chat_completions: endpoint(node, "chatCompletions"),
        responses: endpoint(node, "responses"),
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

fn auth(node: Node<'_>, env: &Env) -> Auth {
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
    Auth { mode, token, password }
}

fn control_ui(node: Node<'_>) -> ControlUi {
    let base = node.at("basePath").str().unwrap_or_default().trim().trim_matches('/');
    let origins = node.at("allowedOrigins").texts().unwrap_or_default();
    ControlUi {
        enabled: node.at("enabled").flag().unwrap_or(true),
        base_path: if base.is_empty() { String::new() } else { format!("/{base}") },
        allowed_origins: origins
            .iter()
            .map(|origin| origin.trim().trim_end_matches('/').to_lowercase())
            .filter(|origin| !origin.is_empty())
            .collect(),
    }
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
