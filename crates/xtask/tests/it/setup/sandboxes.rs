//! `OPENCLAW_SANDBOX`: what must be so before the gateway gets the engine's socket, and that it
//! loses it when a later step fails.

use std::{fs, os::unix::net::UnixListener};

use super::Rig;

const FILES: &str = "compose -f docker-compose.yml";
const OVERLAID: &str = "compose -f docker-compose.yml -f docker-compose.sandbox.yml";
const HEALTH: &str = "exec -T openclaw-gateway node dist/index.js health";

/// A project that is set up, with a socket and the image of sandboxes.
struct Ready {
    rig: Rig,
    socket: String,
    _listener: UnixListener,
}

impl Ready {
    fn new() -> Self {
        let rig = Rig::new();
        let path = rig.path("stand-in/a socket");
        let listener = UnixListener::bind(&path).unwrap();
        rig.steer("images", "openclaw-sandbox:bookworm-slim\n");
        rig.configure(super::CONFIGURED);
        Self { rig, socket: path.display().to_string(), _listener: listener }
    }

    fn run(&self) -> super::Ran {
        self.rig.run(&[("OPENCLAW_SANDBOX", "1"), ("OPENCLAW_DOCKER_SOCKET", &self.socket)])
    }

    /// Calls after the gateway was first found healthy, probe files under one name.
    fn later_calls(&self) -> Vec<String> {
        let calls = self.rig.calls();
        let at = calls.iter().position(|it| it.ends_with(HEALTH)).unwrap();
        let named = |it: &String| match it.split_once("/.docker-compose.sandbox.new.") {
            Some((before, after)) => {
                let before = before.rsplit_once(" -f ").unwrap().0;
                format!("{before} -f <probe> {}", after.split_once(' ').unwrap().1)
            }
            None => it.clone(),
        };
        calls[at + 1..].iter().map(named).collect()
    }

    fn overlay(&self) -> String {
        self.rig.read("docker-compose.sandbox.yml")
    }
}

fn patch(sandbox: &str) -> String {
    format!(
        "{FILES} run --rm --no-deps -T --entrypoint node openclaw-gateway dist/index.js config \
         patch {{agents:{{defaults:{{sandbox:{{{sandbox}}}}}}}}}"
    )
}

const ALL: &str = r#"mode:"non-main",scope:"agent",workspaceAccess:"none""#;

#[test]
fn the_socket_comes_last_with_mode_scope_and_access() {
    let ready = Ready::new();

    let ran = ready.run();

    ran.assert_done();
    let probe = "compose -f docker-compose.yml -f <probe> run --rm --no-deps -T --entrypoint \
                 openclaw openclaw-gateway sandbox check";
    assert_eq!(
        ready.later_calls(),
        [
            "image inspect openclaw-sandbox:bookworm-slim".to_owned(),
            probe.to_owned(),
            patch(ALL),
            format!("{OVERLAID} up -d openclaw-gateway"),
            format!("{OVERLAID} {HEALTH}"),
        ]
    );
    let overlay = ready.overlay();
    let mount = format!("      - \"{}:/var/run/docker.sock\"\n", ready.socket);
    assert!(overlay.contains(&mount), "{overlay}");
    let gid = ready.rig.env("DOCKER_GID").unwrap();
    assert!(overlay.ends_with(&format!("    group_add:\n      - \"{gid}\"\n")), "{overlay}");
    assert_eq!(
        ready.rig.env("COMPOSE_FILE").as_deref(),
        Some("docker-compose.yml:docker-compose.sandbox.yml")
    );
    assert!(ran.err.contains("who controls the gateway controls this machine"), "{}", ran.err);
}

#[test]
fn a_second_run_leaves_sandboxes_as_they_are() {
    let ready = Ready::new();
    ready.run().assert_done();
    let files = (ready.rig.read(".env"), ready.overlay());
    let sandbox = "agents: {defaults: {sandbox: {mode: 'all'}}}, wizard";
    ready.rig.configure(&super::CONFIGURED.replace("wizard", sandbox));
    ready.rig.calls();

    let again = ready.rig.run(&[]);

    again.assert_done();
    assert!(again.out.contains("Sandboxes are on (mode all)."), "{}", again.out);
    assert_eq!((ready.rig.read(".env"), ready.overlay()), files);
    let calls = ready.rig.calls();
    assert_eq!(calls.iter().filter(|it| it.contains(" up -d ")).count(), 1);
    assert!(calls.contains(&format!("{OVERLAID} up -d openclaw-gateway")), "{calls:?}");
    assert!(!calls.iter().any(|it| it.contains("patch")), "{calls:?}");
}

#[test]
fn what_the_config_says_of_sandboxes_stays() {
    let ready = Ready::new();
    let sandbox = "agents: {defaults: {sandbox: {mode: 'off', scope: 'session'}}}, wizard";
    ready.rig.configure(&super::CONFIGURED.replace("wizard", sandbox));

    ready.run().assert_done();

    let expected = patch(r#"mode:"non-main",workspaceAccess:"none""#);
    assert!(ready.later_calls().contains(&expected));
}

#[test]
fn sandboxes_stay_off_when_what_they_need_is_not_there() {
    let ready = Ready::new();
    let without = |refuse: &str, vars: &[(&str, &str)]| {
        ready.rig.steer("refuse", refuse);
        let mut all = vec![("OPENCLAW_SANDBOX", "1"), ("OPENCLAW_DOCKER_SOCKET", &*ready.socket)];
        all.extend(vars);
        let ran = ready.rig.run(&all);
        fs::remove_file(ready.rig.path("stand-in/refuse")).unwrap();
        ran.assert_done();
        assert!(ran.out.contains("Sandboxes are off: "), "{}", ran.out);
        let calls = ready.rig.calls();
        assert!(!calls.iter().any(|it| it.starts_with(OVERLAID)), "{calls:?}");
        assert!(!calls.iter().any(|it| it.contains("sandbox:{")), "{calls:?}");
        assert_eq!(ready.overlay(), "");
        assert_eq!(ready.rig.env("COMPOSE_FILE"), None);
        ran.err
    };

    let no_socket = without("^never", &[("OPENCLAW_DOCKER_SOCKET", "/nowhere")]);
    let no_engine = without("sandbox check", &[]);
    ready.rig.configure("{agents: {list: [{id: 'a', sandbox: {docker: {image: 'mine:1'}}}]}}");
    let no_image = without("^never", &[]);

    assert_eq!(
        no_socket,
        "WARNING: Sandboxes are off: /nowhere is no socket; set OPENCLAW_DOCKER_SOCKET.\n"
    );
    assert!(no_engine.contains("the gateway's container finds no engine behind "), "{no_engine}");
    assert!(no_image.contains("the image mine:1 is not there"), "{no_image}");
}

#[test]
fn offline_a_missing_sandbox_image_is_an_error() {
    let ready = Ready::new();
    ready.rig.steer("images", "openclaw:local\n");
    let vars = [("OPENCLAW_SANDBOX", "1"), ("OPENCLAW_DOCKER_SOCKET", ready.socket.as_str())];

    let ran = ready.rig.run_with(&vars, &["--offline"]);

    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("--offline needs the sandbox image openclaw-sandbox:bookworm-slim"));
    assert_eq!(ready.overlay(), "");
}

#[test]
fn a_gateway_that_does_not_start_with_the_socket_loses_it_again() {
    let ready = Ready::new();
    ready.rig.steer("refuse", "sandbox.yml up -d");

    let ran = ready.run();

    ran.assert_done();
    assert_eq!(
        ready.later_calls()[2..],
        [
            patch(ALL),
            format!("{OVERLAID} up -d openclaw-gateway"),
            patch(r#"mode:"off""#),
            format!("{FILES} up -d --force-recreate openclaw-gateway"),
            format!("{FILES} {HEALTH}"),
        ]
    );
    assert_eq!(ready.overlay(), "");
    assert_eq!(ready.rig.env("COMPOSE_FILE"), None);
    assert!(ran.out.contains("Sandboxes are off: the gateway did not start"), "{}", ran.out);
}

#[test]
fn a_config_that_cannot_be_changed_leaves_no_socket() {
    let ready = Ready::new();
    ready.rig.steer("refuse", "mode:\"non-main\"");

    ready.run().assert_done();

    let calls = ready.later_calls();
    assert!(!calls.iter().any(|it| it.starts_with(OVERLAID)), "{calls:?}");
    assert_eq!(calls[3], patch(r#"mode:"off""#));
    assert_eq!(ready.overlay(), "");
}

#[test]
fn only_sandboxes_that_the_script_set_up_are_turned_off() {
    let ready = Ready::new();
    let by_hand = ready.rig.run(&[("OPENCLAW_SANDBOX", "0")]);
    let untouched = ready.later_calls();
    ready.run().assert_done();
    ready.rig.calls();

    let off = ready.rig.run(&[("OPENCLAW_SANDBOX", "0")]);

    by_hand.assert_done();
    assert_eq!(untouched, [""; 0]);
    off.assert_done();
    let calls = ready.rig.calls();
    let removal = format!(
        "{OVERLAID} run --rm --no-deps -T --entrypoint openclaw openclaw-gateway sandbox recreate \
         --all --force"
    );
    let at = calls.iter().position(|it| it.contains(" up -d ")).unwrap();
    assert_eq!(calls[at - 1], removal);
    assert_eq!(
        calls[at + 2..],
        [
            patch(r#"mode:"off""#),
            format!("{FILES} up -d openclaw-gateway"),
            format!("{FILES} {HEALTH}"),
        ]
    );
    assert_eq!(ready.overlay(), "");
}

#[test]
fn the_default_image_is_built_when_it_is_missing() {
    let ready = Ready::new();
    ready.rig.steer("images", "");
    let script = "#!/bin/sh\necho sandbox-setup.sh >> ../stand-in/calls\n";
    let path = ready.rig.project().join("scripts/sandbox-setup.sh");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    ready.run().assert_done();

    assert_eq!(ready.later_calls()[1], "sandbox-setup.sh");
}
