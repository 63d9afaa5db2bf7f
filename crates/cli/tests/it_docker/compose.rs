//! The shipped compose file: start without a config, health, the command line's container, stop.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::rig::{Ran, State, TOKEN, docker, free_port, image, until};

/// A project of its own around the shipped file.
pub(crate) struct Project {
    name: String,
    pub(crate) state: State,
    port: u16,
    overlay: Option<PathBuf>,
}

impl Project {
    fn new(state: State) -> Self {
        // Made here, so that the end of a test does not begin with making it.
        image();
        let port = free_port();
        let name = format!("openclaw-test-{}-{port}", std::process::id());
        Self { name, state, port, overlay: None }
    }

    /// With a second file over the shipped one.
    pub(crate) fn with_overlay(state: State, overlay: PathBuf) -> Self {
        let mut project = Self::new(state);
        project.overlay = Some(overlay);
        project
    }

    pub(crate) fn compose(&self, args: &[&str]) -> Ran {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let mut command = Command::new("docker");
        command
            .args(["compose", "-p", &self.name, "--env-file", "/dev/null"])
            .args(["-f", "docker-compose.yml"])
            .args(self.overlay.iter().flat_map(|it| [Path::new("-f"), it]))
            .args(args)
            .current_dir(root)
            .env("OPENCLAW_IMAGE", image())
            .env("OPENCLAW_CONFIG_DIR", self.state.path())
            .env("OPENCLAW_WORKSPACE_DIR", self.state.path().join("workspace"))
            .env("OPENCLAW_AUTH_PROFILE_SECRET_DIR", self.state.secrets())
            .env("OPENCLAW_GATEWAY_PORT", self.port.to_string())
            .env("OPENCLAW_BRIDGE_PORT", free_port().to_string())
            .env("OPENCLAW_GATEWAY_TOKEN", TOKEN);
        Ran::of(&command.output().unwrap())
    }

    pub(crate) fn exec(&self, args: &[&str]) -> Ran {
        self.compose(&[&["exec", "-T", "openclaw-gateway"][..], args].concat())
    }

    fn cli(&self, args: &[&str]) -> Ran {
        self.compose(&[&["run", "--rm", "-T", "openclaw-cli"][..], args].concat())
    }

    fn probe(&self, flags: &[&str]) -> Ran {
        self.exec(&[&["openclaw", "healthz"][..], flags].concat())
    }

    pub(crate) fn until_ready(&self) {
        until(|| self.probe(&["--ready"]).code == Some(0), || self.log());
    }

    pub(crate) fn log(&self) -> String {
        self.compose(&["logs", "--no-log-prefix"]).stdout
    }

    fn gateway(&self) -> String {
        self.compose(&["ps", "-q", "openclaw-gateway"]).answer()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "--timeout", "1", "--remove-orphans"]);
    }
}

#[test]
fn a_gateway_without_a_config_waits_and_comes_alive_when_there_is_one() {
    let project = Project::new(State::empty());

    project.compose(&["up", "-d", "openclaw-gateway"]).answer();
    until(|| project.probe(&[]).code == Some(0), || project.log());
    let ready = project.probe(&["--ready"]);
    let made = project.cli(&["config", "set", "gateway.mode", "local"]);
    project.until_ready();

    assert_eq!(ready.code, Some(1));
    assert!(ready.stderr.contains("unconfigured"), "{}", ready.stderr);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let restarts = docker(&["inspect", "-f", "{{.RestartCount}}", &project.gateway()]);
    assert_eq!(restarts.answer(), "0");
}

#[test]
fn the_command_line_works_before_there_is_a_gateway() {
    let project = Project::new(State::empty());

    let made = project.cli(&["config", "set", "gateway.mode", "local"]);
    project.until_ready();
    let health = project.cli(&["health"]);

    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(health.answer().starts_with("Agents: main (default)"));
}

#[test]
fn onboarding_works_before_there_is_a_gateway_and_again_when_it_runs() {
    let project = Project::new(State::empty());
    let flags = [
        "onboard",
        "--non-interactive",
        "--accept-risk",
        "--mode",
        "local",
        "--auth-choice",
        "skip",
        "--gateway-bind",
        "lan",
        "--no-install-daemon",
        "--skip-channels",
        "--skip-skills",
        "--skip-ui",
    ];

    let first = project.cli(&flags);
    let again = project.cli(&flags);

    assert_eq!(first.code, Some(0), "{}{}", first.stderr, project.log());
    assert_eq!(again.code, Some(0), "{}{}", again.stderr, project.log());
    let ask = ["node", "dist/index.js", "health", "--token", TOKEN];
    assert_eq!(project.exec(&ask).code, Some(0), "{}", project.log());
}

#[test]
fn health_is_0_with_the_token_and_1_with_a_reason_without_or_when_it_stopped() {
    let project = Project::new(State::with_config(18789));
    project.compose(&["up", "-d", "openclaw-gateway"]).answer();
    project.until_ready();
    let ask = ["node", "dist/index.js", "health", "--token"];

    let right = project.exec(&[&ask[..], &[TOKEN]].concat());
    let wrong = project.exec(&[&ask[..], &["wrong"]].concat());
    let bash = project.exec(&["bash", "-c", "id -u; pwd"]);
    until(
        || {
            let status = "{{.State.Health.Status}}";
            docker(&["inspect", "-f", status, &project.gateway()]).answer() == "healthy"
        },
        || project.log(),
    );
    project.compose(&["stop", "openclaw-gateway"]).answer();
    let absent = project.compose(&[
        "run",
        "--rm",
        "-T",
        "--no-deps",
        "--entrypoint",
        "node",
        "openclaw-gateway",
        "dist/index.js",
        "health",
        "--token",
        TOKEN,
    ]);

    assert_eq!(right.code, Some(0), "{}", right.stderr);
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("token mismatch"), "{}", wrong.stderr);
    assert_eq!(bash.answer(), "1000\n/app");
    assert_eq!(absent.code, Some(1));
    assert!(absent.stderr.contains("connection refused"), "{}", absent.stderr);
}

#[test]
fn the_service_is_listed_by_its_name_and_shows_its_log() {
    let project = Project::new(State::with_config(18789));
    project.compose(&["up", "-d", "openclaw-gateway"]).answer();
    project.until_ready();

    let services = project.compose(&["ps", "--services"]).answer();
    let log = project.compose(&["logs", "openclaw-gateway"]);

    assert_eq!(services, "openclaw-gateway");
    let log = log.stdout + &log.stderr;
    assert!(log.contains("gateway listens"), "{log}");
}

#[test]
fn processes_in_the_gateway_hold_no_capability_and_can_gain_none() {
    let project = Project::new(State::with_config(18789));
    project.compose(&["up", "-d", "openclaw-gateway"]).answer();

    let status = project.exec(&["grep", "-E", "CapEff|CapPrm|NoNewPrivs", "/proc/1/status"]);
    let mended = project.compose(&[
        "run",
        "--rm",
        "-T",
        "--no-deps",
        "--user",
        "root",
        "--entrypoint",
        "sh",
        "openclaw-gateway",
        "-c",
        "find /home/node/.openclaw -xdev -exec chown node {} +",
    ]);

    let none = "0000000000000000";
    let expected = format!("CapPrm:\t{none}\nCapEff:\t{none}\nNoNewPrivs:\t1");
    assert_eq!(status.answer(), expected);
    assert_eq!(mended.code, Some(0), "{}", mended.stderr);
}

#[test]
fn a_stop_takes_less_than_its_grace_and_ends_well() {
    let project = Project::new(State::with_config(18789));
    project.compose(&["up", "-d", "openclaw-gateway"]).answer();
    project.until_ready();

    let begun = Instant::now();
    project.compose(&["stop", "openclaw-gateway"]).answer();
    let took = begun.elapsed();

    let id = project.compose(&["ps", "-a", "-q", "openclaw-gateway"]).answer();
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", &id]).answer();
    assert_eq!(code, "0", "{}", project.log());
    assert!(took < Duration::from_secs(10), "{took:?}");
}
