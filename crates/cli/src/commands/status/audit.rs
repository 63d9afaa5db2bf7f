//! The part of the security audit that needs nothing but the config and the file modes.

use std::{os::unix::fs::PermissionsExt, path::Path};

use config::AuthMode;
use serde_json::{Value, json};

use super::is_exposed;
use crate::program::Program;

const TOKEN_CHARS_MIN: usize = 24;

struct Finding {
    id: &'static str,
    severity: &'static str,
    title: &'static str,
    detail: String,
    remediation: String,
}

/// What is found, as `security audit --json` has it.
pub(super) fn run(program: &Program) -> Value {
    let mut findings = Vec::new();
    auth(program, &mut findings);
    modes(program, &mut findings);
    let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
    json!({
        "ts": program.clock.now(),
        "summary": {
            "critical": count("critical"),
            "warn": count("warn"),
            "info": count("info"),
        },
        "findings": findings.iter().map(Finding::json).collect::<Vec<_>>(),
    })
}

fn auth(program: &Program, findings: &mut Vec<Finding>) {
    let Some(config) = &program.loaded().config else { return };
    let gateway = &config.gateway;
    let secret = match gateway.auth.mode {
        AuthMode::Token => gateway.auth.token.as_ref(),
        AuthMode::Password => gateway.auth.password.as_ref(),
        AuthMode::None | AuthMode::TrustedProxy => None,
    };
    let remediation = "openclaw config set gateway.auth.token <long random text>".to_owned();
    match secret {
        Some(secret)
            if gateway.auth.mode == AuthMode::Token && secret.expose().len() < TOKEN_CHARS_MIN =>
        {
            findings.push(Finding {
                id: "gateway.token_too_short",
                severity: "warn",
                title: "Gateway token is short",
                detail: format!("a token under {TOKEN_CHARS_MIN} characters can be guessed"),
                remediation,
            });
        }
        None if gateway.auth.mode != AuthMode::TrustedProxy => {
            let exposed = is_exposed(&gateway.bind);
            findings.push(Finding {
                id: if exposed { "gateway.bind_no_auth" } else { "gateway.loopback_no_auth" },
                severity: "critical",
                title: "Gateway has no secret",
                detail: "whoever reaches the port has full control".to_owned(),
                remediation,
            });
        }
        Some(_) | None => {}
    }
}

fn modes(program: &Program, findings: &mut Vec<Finding>) {
    let locations = &program.locations;
    let config = (&locations.config_path, "fs.config.perms_readable", "600");
    let state = (&locations.state_dir, "fs.state_dir.perms_readable", "700");
    for (path, id, wanted) in [config, state] {
        if is_open_to_others(path) {
            findings.push(Finding {
                id,
                severity: "warn",
                title: "Others on this machine can look in",
                detail: locations.shorten(path),
                remediation: format!("chmod {wanted} '{}'", path.display()),
            });
        }
    }
}

fn is_open_to_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

impl Finding {
    fn json(&self) -> Value {
        json!({
            "checkId": self.id,
            "severity": self.severity,
            "title": self.title,
            "detail": self.detail,
            "remediation": self.remediation,
        })
    }
}
