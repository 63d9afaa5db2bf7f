//! What is said at the start about settings that work, but not as somebody may expect.
//!
//! Each is one line of the log that names what to change; none ever shows a secret.

use config::{AuthMode, Bind, Config, Env};
use policy::explain::browser_note;
use serde_json::Value;
use tracing::warn;

use super::{Options, Overrides};

/// The names of the variable with the shared token, today's first.
const TOKEN_NAMES: [&str; 2] = ["OPENCLAW_GATEWAY_TOKEN", "CLAWDBOT_GATEWAY_TOKEN"];

/// Logs all cautions about starting with `config`, the flags on top of it.
pub(super) fn log(options: &Options, config: &Config) {
    let resolved = &options.loaded.snapshot.resolved;
    for problem in &options.loaded.snapshot.problems {
        let problem = problem.to_string();
        warn!(problem, "left out of the config, which is invalid; the rest is in force");
    }
    if tokens_differ(resolved, &options.loaded.env, &options.overrides, config) {
        warn!(
            "gateway.auth.token and OPENCLAW_GATEWAY_TOKEN are both set and differ: this gateway \
             takes the one of the config, and commands that are given the variable are refused; \
             make them one, best by `openclaw config set gateway.auth.token \
             '${{OPENCLAW_GATEWAY_TOKEN}}'`"
        );
    }
    if is_shut_in(&config.gateway.bind, &options.env) {
        warn!(
            "gateway.bind is loopback inside a container: nobody outside of it can connect, not \
             even through a published port; set gateway.bind to lan (or pass --bind lan)"
        );
    }
    if let Some((agents, note)) = wanting_a_browser(config) {
        warn!(agents, "{note}");
    }
}

/// The agents that ask for a browser in their sandbox, and what they are told.
fn wanting_a_browser(config: &Config) -> Option<(String, &'static str)> {
    let notes = config.agents.list.iter().filter_map(|agent| Some((agent, browser_note(agent)?)));
    let (agents, notes): (Vec<_>, Vec<_>) =
        notes.map(|(agent, note)| (agent.id.as_str(), note)).unzip();
    Some((agents.join(", "), *notes.first()?))
}

/// Whether the config's token and the variable's are two, and the config's is in force.
fn tokens_differ(resolved: &Value, env: &Env, flags: &Overrides, config: &Config) -> bool {
    let written = resolved.pointer("/gateway/auth/token").and_then(Value::as_str);
    let written = written.map(str::trim).filter(|text| !text.is_empty());
    let in_force = flags.token.is_none() && config.gateway.auth.mode == AuthMode::Token;
    match (written, env.first(&TOKEN_NAMES)) {
        (Some(written), Some(variable)) => in_force && written != variable.trim(),
        (Some(_) | None, _) => false,
    }
}

/// Whether the gateway listens inside a container for nobody but that container.
fn is_shut_in(bind: &Bind, env: &Env) -> bool {
    let is_loopback = match bind {
        Bind::Loopback | Bind::Auto => true,
        Bind::Custom(ip) => ip.is_loopback(),
        Bind::Lan | Bind::Tailnet => false,
    };
    is_loopback && config::in_container(env)
}
