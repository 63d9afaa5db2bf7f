//! Who can make the agent do things, and where would it do them?

use config::{AuthMode, SandboxMode};
use serde_json::Value;

use super::{
    finding::{Finding, Outcome},
    scene::Scene,
};
use crate::commands::status::is_exposed;

/// A shorter token can be guessed.
const TOKEN_CHARS_MIN: usize = 24;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Some(config) = scene.config else { return Outcome::Skipped("the config is invalid") };
    let mut findings = Vec::new();
    let gateway = &config.gateway;
    let exposed = is_exposed(&gateway.bind);
    if gateway.auth.mode == AuthMode::None {
        let fix = scene.command("config unset gateway.auth.mode");
        let why = "whoever reaches the port has full control";
        findings.push(if exposed {
            let title = "the gateway is open to the network and asks for no secret";
            Finding::error("exposure.no-auth", title, why).fix(fix)
        } else {
            let title = "the gateway asks for no secret";
            Finding::warn("exposure.no-auth-local", title, why).fix(fix)
        });
    }
    if let (AuthMode::Token, Some(token)) = (gateway.auth.mode, &gateway.auth.token)
        && token.expose().len() < TOKEN_CHARS_MIN
    {
        let title = format!("the gateway token has fewer than {TOKEN_CHARS_MIN} characters");
        let finding = if exposed {
            Finding::warn("exposure.short-token", title, "it can be guessed from the network")
        } else {
            Finding::note("exposure.short-token", title, "only this machine can try to guess it")
        };
        findings
            .push(finding.fix(scene.command("config set gateway.auth.token <long random text>")));
    }
    if exposed && gateway.auth.mode == AuthMode::TrustedProxy && gateway.trusted_proxies.is_empty()
    {
        findings.push(
            Finding::error(
                "exposure.no-proxy",
                "gateway.auth.mode is trusted-proxy, but gateway.trustedProxies is empty",
                "nobody can prove themselves",
            )
            .fix(scene.command("config set gateway.trustedProxies '[\"<proxy ip>\"]'")),
        );
    }
    let unboxed: Vec<&str> = config
        .agents
        .list
        .iter()
        .filter(|agent| agent.sandbox == SandboxMode::Off)
        .map(|agent| agent.id.as_str())
        .collect();
    let open = open_channels(scene);
    if !unboxed.is_empty() && !open.is_empty() {
        findings.push(
            Finding::warn(
                "exposure.open-without-sandbox",
                format!(
                    "strangers may write on {}, and {} has no sandbox",
                    open.join(", "),
                    unboxed.join(", ")
                ),
                "a message from anybody can make the agent run commands on this machine",
            )
            .fix(scene.command("config set agents.defaults.sandbox.mode non-main")),
        );
    }
    Outcome::Looked(findings)
}

/// The channels on which anybody may start a conversation.
fn open_channels(scene: &Scene<'_>) -> Vec<String> {
    let channels = scene.program.setting("/channels").and_then(Value::as_object);
    let is_open = |channel: &Value| {
        let has = |pointer: &str, text: &str| channel.pointer(pointer).is_some_and(|it| it == text);
        let lists_all = channel["allowFrom"].as_array().is_some_and(|it| it.contains(&"*".into()));
        channel["enabled"] != false
            && (has("/dmPolicy", "open")
                || has("/dm/policy", "open")
                || has("/groupPolicy", "open")
                || lists_all)
    };
    let open = channels.into_iter().flatten().filter(|(_, channel)| is_open(channel));
    open.map(|(id, _)| id.clone()).collect()
}
