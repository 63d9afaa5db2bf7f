//! The smoke tests of `scripts/e2e`, as a person starts them.

use std::process::Command;

use crate::rig::{image, root};

fn run(script: &str) -> String {
    let output = Command::new(root().join("scripts/e2e").join(script))
        .env("OPENCLAW_IMAGE", image())
        .current_dir("/")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    out
}

#[test]
fn onboarding_holds_in_every_case() {
    let out = run("onboard-docker.sh");

    assert_eq!(out.lines().last(), Some("E2E complete."));
    assert_eq!(out.matches("\nok: ").count(), 7, "{out}");
}

#[test]
fn a_qr_code_is_drawn() {
    let out = run("qr-import-docker.sh");

    assert!(out.contains('█') || out.contains('▀'), "{out}");
}

#[test]
fn a_gateway_and_a_client_meet_on_a_network() {
    let out = run("gateway-network-docker.sh");

    assert_eq!(out.lines().last(), Some("Gateway and client met on a network."));
}
