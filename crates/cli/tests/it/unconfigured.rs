//! A gateway that starts before its config is there, as it does in a container, and the probe.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{gateway::free_port, home::TempHome};

use crate::program::{openclaw, run, run_with};

const TOKEN: &str = "test-token";

/// A gateway of a home without a config.
struct Waiting {
    child: std::process::Child,
    port: u16,
}

impl Waiting {
    fn start(home: &TempHome) -> Self {
        let port = free_port().unwrap();
        let mut command = home.command(openclaw());
        command.args(["gateway", "--port", &port.to_string()]);
        command.env("OPENCLAW_UNCONFIGURED", "wait").env("OPENCLAW_GATEWAY_TOKEN", TOKEN);
        let child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let waiting = Self { child, port };
        waiting.until("/healthz", 200);
        waiting
    }

    fn until(&self, path: &str, status: u16) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if self.get(path).is_some_and(|(it, _)| it == status) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("{path} did not come to answer {status}: {:?}", self.get(path));
    }

    fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply).ok()?;
        let status = reply.get(9..12)?.parse().ok()?;
        Some((status, reply.split_once("\r\n\r\n")?.1.to_owned()))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn it_lives_is_not_ready_and_shows_nothing_else() {
    let home = TempHome::new().unwrap();
    let waiting = Waiting::start(&home);

    let live = waiting.get("/healthz").unwrap();
    let ready = waiting.get("/readyz").unwrap();
    let page = waiting.get("/").unwrap();
    let api = waiting.get("/v1/models").unwrap();

    assert_eq!(live, (200, r#"{"ok":true,"status":"live"}"#.to_owned()));
    assert_eq!(ready, (503, r#"{"ready":false,"failing":["unconfigured"]}"#.to_owned()));
    assert_eq!((page.0, api.0), (503, 503));
    assert!(page.1.contains("openclaw onboard"), "{}", page.1);
    assert_eq!(std::fs::read_dir(home.state_dir()).unwrap().count(), 0, "nothing is locked");
}

#[test]
fn with_a_config_that_it_cannot_start_with_it_says_what_is_wrong_and_waits() {
    for (text, told) in [
        ("{ tools: { denny: ['exec'] } }", "tools.denny: unknown key"),
        ("{ gateway: { mode: 'local', ", "JSON5 parse failed"),
        ("{ gateway: { mode: 'remote' } }", "remote"),
    ] {
        let home = TempHome::new().unwrap();
        home.write_config(text).unwrap();
        let waiting = Waiting::start(&home);

        let (status, page) = waiting.get("/").unwrap();
        let ready = waiting.get("/readyz").unwrap();
        let log = home.path().join("gateway.log");
        let mended = json!({"gateway": {"mode": "local"}, "logging": {"file": log}});
        home.write_config(&mended.to_string()).unwrap();
        waiting.until("/readyz", 200);

        assert_eq!(status, 503);
        assert!(page.contains(told) && page.contains("openclaw doctor"), "{page}");
        assert_eq!(ready, (503, r#"{"ready":false,"failing":["invalid-config"]}"#.to_owned()));
    }
}

#[test]
fn it_comes_alive_when_the_config_does_and_not_before_it_says_local() {
    let home = TempHome::new().unwrap();
    let waiting = Waiting::start(&home);
    let log = home.path().join("gateway.log");

    home.merge_config(&json!({"logging": {"file": log}})).unwrap();
    let early = waiting.get("/readyz").unwrap().0;
    home.merge_config(&json!({"gateway": {"mode": "local"}})).unwrap();
    waiting.until("/readyz", 200);
    let url = format!("ws://127.0.0.1:{}", waiting.port);
    let health = run(&home, &["health", "--url", &url, "--token", TOKEN, "--json"]).json();

    assert_eq!(early, 503);
    assert_eq!(health["ok"], true);
}

#[test]
fn without_the_variable_a_config_for_another_machine_stops_the_start() {
    let home = TempHome::new().unwrap();
    home.merge_config(&json!({"gateway": {"mode": "remote"}})).unwrap();

    let ran = run(&home, &["gateway"]);

    let (code, talk) = ran.failure();
    assert_eq!(code, Some(1));
    assert!(talk.starts_with("error: Gateway start blocked: "), "{talk}");
}

#[test]
fn a_signal_ends_the_waiting_well() {
    let home = TempHome::new().unwrap();
    let mut waiting = Waiting::start(&home);
    let pid = i32::try_from(waiting.child.id()).unwrap();

    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    let status = waiting.child.wait().unwrap();

    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_probe_says_what_the_endpoint_says_and_believes_no_stranger() {
    let home = TempHome::new().unwrap();
    let waiting = Waiting::start(&home);
    let port = waiting.port.to_string();
    let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let strange_port = stranger.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = stranger.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<html>").unwrap();
    });

    let live = run(&home, &["healthz", "--port", &port]);
    let ready = run(&home, &["healthz", "--port", &port, "--ready"]).failure();
    let by_variable = run_with(&home, &["healthz"], &[("OPENCLAW_GATEWAY_PORT", &port)]);
    let fooled = run(&home, &["healthz", "--port", &strange_port]).failure();
    drop(waiting);
    let alone = run(&home, &["healthz", "--port", &port]).failure();

    assert_eq!(live.answer(), "ok\n");
    assert_eq!(by_variable.answer(), "ok\n");
    assert_eq!(ready.0, Some(1));
    assert!(ready.1.contains("/readyz: status 503: unconfigured"), "{}", ready.1);
    assert!(fooled.1.contains("something else than a gateway answers"), "{}", fooled.1);
    assert_eq!(alone.0, Some(1));
    assert!(alone.1.starts_with("error: no answer from http://127.0.0.1:"), "{}", alone.1);
}
