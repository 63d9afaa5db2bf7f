//! Will browsers be let in: is the list of allowed pages what it should be?

use super::{
    finding::{Finding, Outcome},
    scene::Scene,
};
use crate::commands::status::is_exposed;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Some(config) = scene.config else { return Outcome::Skipped("the config is invalid") };
    let ui = &config.gateway.control_ui;
    if !ui.enabled {
        return Outcome::Skipped("gateway.controlUi.enabled is false");
    }
    let list = scene.command("config get gateway.controlUi.allowedOrigins");
    let mut findings = Vec::new();
    for entry in &ui.allowed_origins {
        if entry == "*" {
            if is_exposed(&config.gateway.bind) {
                findings.push(
                    Finding::warn(
                        "origins.any",
                        "gateway.controlUi.allowedOrigins lets every page in",
                        "any site that a browser visits may talk to the gateway, and only the \
                         token stands in its way",
                    )
                    .fix(list.clone()),
                );
            }
        } else if !is_origin(entry) {
            findings.push(
                Finding::warn(
                    "origins.malformed",
                    format!("`{entry}` in gateway.controlUi.allowedOrigins never matches"),
                    "an origin is scheme://host[:port], without a path",
                )
                .fix(list.clone()),
            );
        }
    }
    Outcome::Looked(findings)
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_name = |it: &str| it.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !scheme.is_empty()
        && is_name(scheme)
        && !authority.is_empty()
        && !authority.contains(['/', '?', '#', '@', ' ', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        for good in ["http://localhost:5173", "https://a.example", "chrome-extension://abc"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["a.example", "https://a.example/chat", "https://*.example", "https://"] {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
