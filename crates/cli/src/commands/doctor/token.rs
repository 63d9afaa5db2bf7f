//! Do the config, the environment, the `.env` file and the running gateway mean one token?
//!
//! Tells that they differ, never what they are.

use config::{AuthMode, Env};

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::Scene,
};

const NAMES: [&str; 2] = ["OPENCLAW_GATEWAY_TOKEN", "CLAWDBOT_GATEWAY_TOKEN"];

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Some(config) = scene.config else { return Outcome::Skipped("the config is invalid") };
    let mut findings = Vec::new();
    match config.gateway.auth.mode {
        AuthMode::Token
            if config.gateway.auth.token.is_none() && scene.program.snapshot().exists =>
        {
            findings.push(
                Finding::error(
                    "token.missing",
                    "there is no gateway token",
                    "the gateway does not start without one, unless auth is off",
                )
                .fix(scene.command("doctor --fix --generate-gateway-token"))
                .repair(Repair::NewToken),
            );
        }
        AuthMode::Token => findings.extend(difference(scene)),
        AuthMode::Password if config.gateway.auth.password.is_none() => findings.push(
            Finding::error(
                "token.no-password",
                "gateway.auth.mode is password, but there is none",
                "the gateway does not start",
            )
            .fix(scene.command("config set gateway.auth.password <long random text>")),
        ),
        AuthMode::Password | AuthMode::None | AuthMode::TrustedProxy => {}
    }
    findings.extend(refused(scene));
    Outcome::Looked(findings)
}

/// The config's token beside those of the environment.
fn difference(scene: &Scene<'_>) -> Option<Finding> {
    let program = scene.program;
    let written = program.setting_text("/gateway/auth/token")?.trim();
    let variable = program.env().first(&NAMES)?.trim();
    if written == variable {
        return None;
    }
    let dotenv = program.locations.state_dir.join(".env");
    let in_file = Env::of([].into(), "/", "/").with_dotenv(&dotenv);
    let source = match in_file.first(&NAMES) {
        Some(value) if value.trim() == variable => scene.shown(&dotenv),
        Some(_) | None => "the environment".to_owned(),
    };
    Some(
        Finding::warn(
            "token.differs",
            format!("gateway.auth.token and OPENCLAW_GATEWAY_TOKEN of {source} are two tokens"),
            "the gateway takes the one of the config, commands send the one of the variable, and \
             are refused",
        )
        .fix(scene.command("config set gateway.auth.token '${OPENCLAW_GATEWAY_TOKEN}'"))
        .repair(Repair::Set {
            path: "gateway.auth.token",
            value: "${OPENCLAW_GATEWAY_TOKEN}".into(),
        }),
    )
}

/// The running gateway did not take what commands send.
fn refused(scene: &Scene<'_>) -> Option<Finding> {
    let failure = scene.gateway.answered.as_ref().err()?;
    if !failure.message.contains("unauthorized") && !failure.message.contains("pairing") {
        return None;
    }
    let (why, fix) = if scene.gateway.takes_config_token {
        (
            "it takes the token of the config, but commands send another one from the environment",
            scene.command("config set gateway.auth.token '${OPENCLAW_GATEWAY_TOKEN}'"),
        )
    } else if failure.message.contains("pairing") {
        ("it wants this device to be approved first", scene.command("devices list"))
    } else {
        (
            "it was started with another token than the config and the environment have now",
            "restart the gateway, or pass its token: --token <token>".to_owned(),
        )
    };
    let title = format!("the running gateway refuses commands ({})", failure.message);
    Some(Finding::error("token.refused", title, why).fix(fix))
}
