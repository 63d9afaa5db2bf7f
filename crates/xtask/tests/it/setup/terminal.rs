//! The script in front of a terminal, which `script` makes: the wizard asks, the new token is
//! shown, and an interrupted run can be taken up again.

use std::{fs, os::unix::net::UnixListener, process::Command};

use super::Rig;

/// Runs the script in a terminal of its own. Gives its status and what was seen.
fn in_a_terminal(rig: &Rig, vars: &[(&str, &str)]) -> (Option<i32>, String) {
    let script = rig.project().join("docker-setup.sh");
    let mut command: Command = rig.command(&rig.path("bin/script"));
    let line = format!("'{}'", script.display());
    let output =
        command.envs(vars.iter().copied()).args(["-qec", &line, "/dev/null"]).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).replace('\r', ""))
}

#[test]
fn in_a_terminal_the_wizard_asks_and_a_new_token_is_shown_once() {
    let rig = Rig::new();

    let (code, seen) = in_a_terminal(&rig, &[]);
    let calls = rig.calls();
    let (_, again) = in_a_terminal(&rig, &[]);

    assert_eq!(code, Some(0), "{seen}");
    assert_eq!(
        calls[4],
        "compose -f docker-compose.yml run --rm --no-deps --entrypoint node openclaw-gateway \
         dist/index.js onboard --no-install-daemon --skip-ui --suppress-gateway-token-output \
         --mode local --gateway-bind lan --gateway-auth token --gateway-token-ref-env \
         OPENCLAW_GATEWAY_TOKEN"
    );
    assert!(seen.contains("==> Onboarding (interactive)"), "{seen}");
    assert!(seen.contains("  - Gateway bind: lan\n"), "{seen}");
    let token = rig.env("OPENCLAW_GATEWAY_TOKEN").unwrap();
    assert_eq!(seen.matches(&token).count(), 1);
    assert!(!again.contains(&token));
}

#[test]
fn an_interrupted_run_is_taken_up_by_the_next() {
    let rig = Rig::new();
    // The engine's command is interrupted as Ctrl-C does it: with all of its process group.
    let interrupted = super::DOCKER.replace(
        "case \"$line\" in\n  --version)",
        "case \"$line\" in\n  build*) kill -INT 0 ;;\n  --version)",
    );
    rig.program("docker", &interrupted);

    let (code, seen) = in_a_terminal(&rig, &[]);
    let token = rig.env("OPENCLAW_GATEWAY_TOKEN");
    rig.program("docker", super::DOCKER);
    let (next, _) = in_a_terminal(&rig, &[]);

    assert_eq!(code, Some(130), "{seen}");
    assert!(seen.contains("Interrupted. Run this again to go on."), "{seen}");
    assert_eq!(next, Some(0));
    assert_eq!(rig.env("OPENCLAW_GATEWAY_TOKEN"), token);
    let left: Vec<_> = fs::read_dir(rig.project())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|it| it.contains(".new."))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[test]
fn an_interrupted_sandbox_leaves_neither_socket_nor_mode() {
    let rig = Rig::new();
    let socket = rig.path("stand-in/a socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    rig.steer("images", "openclaw-sandbox:bookworm-slim\n");
    rig.configure(super::CONFIGURED);
    let interrupted = super::DOCKER.replace(
        "case \"$line\" in\n  --version)",
        "case \"$line\" in\n  *sandbox.yml\\ up*) kill -INT 0 ;;\n  --version)",
    );
    rig.program("docker", &interrupted);

    let socket = socket.display().to_string();
    let vars = [("OPENCLAW_SANDBOX", "1"), ("OPENCLAW_DOCKER_SOCKET", socket.as_str())];
    let (code, seen) = in_a_terminal(&rig, &vars);

    assert_eq!(code, Some(130), "{seen}");
    assert!(!rig.project().join("docker-compose.sandbox.yml").exists());
    assert_eq!(rig.env("COMPOSE_FILE"), None);
    let calls = rig.calls();
    let recreated = "compose -f docker-compose.yml up -d --force-recreate openclaw-gateway";
    assert!(calls.iter().any(|it| it.contains("sandbox:{mode:\"off\"}")), "{calls:#?}");
    assert!(calls.iter().any(|it| it == recreated), "{calls:#?}");
}
