//! What is broken outside is answered clearly, loses nothing, and the gateway lives on.
//!
//! Faults at the start (config, port, state directory) are in `gateway`.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use serde_json::{Value, json};
use testkit::{
    gateway::{CallError, Gateway, WsClient},
    home::TempHome,
    llm::{Llm, Step, calls, calls_badly, closes_mid_stream, fails, garbage, hangs, says},
};

use crate::program::{openclaw, quiet};

const PATIENCE: Duration = Duration::from_secs(20);

/// Most memory of a debug build while a tool floods it, in KiB.
const FLOODED_KIB_MAX: u64 = 64 * 1024;

/// Mounts a small disk over the state directory, in a namespace of the gateway's own.
const ON_A_SMALL_DISK: &str = r#"#!/bin/sh
flags=--mount
[ "$(id -u)" = 0 ] || flags="--user --map-root-user --mount"
exec unshare $flags sh -c '
    cp "$HOME/.openclaw/openclaw.json" "$HOME/config.json" &&
    mount -t tmpfs -o size=2m small "$HOME/.openclaw" &&
    cp "$HOME/config.json" "$HOME/.openclaw/openclaw.json" &&
    exec "$@"' sh "#;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_loses_nothing_and_is_survived() {
    let model = Llm::respond_with(|_| says("Noted."));
    let home = home(&model);
    let program = home.path().join("on-a-small-disk");
    let script = format!("{ON_A_SMALL_DISK}\"{}\" \"$@\"\n", openclaw().display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let gateway = Gateway::start(&program, &home)
        .unwrap_or_else(|error| panic!("this test must mount a tmpfs in a namespace: {error:#}"));
    let mut client = gateway.connect(4).await.unwrap();
    assert_eq!(turn(&mut client, "before").await["state"], "final");
    let inside = format!("/proc/{}/root{}", gateway.pid(), home.state_dir().display());
    let ballast = PathBuf::from(inside).join("ballast");

    fill(&ballast);
    let told = refusal(&mut client, &"while ".repeat(5_000)).await;
    let alive = client.call("health", json!({})).await.unwrap();
    fs::remove_file(&ballast).unwrap();
    let after = turn(&mut client, "after").await;

    assert!(told.contains("disk is full"), "{told}");
    assert_eq!(alive["ok"], true);
    assert_eq!(after["state"], "final", "{after}");
    let history = client.call("chat.history", json!({ "sessionKey": "main" })).await.unwrap();
    let history = history["messages"].to_string();
    assert!(history.contains("Say before") && history.contains("Say after"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_no_requests_harm_nobody_else() {
    let model = Llm::script([]);
    let gateway = Gateway::start(openclaw(), &home(&model)).unwrap();
    let mut witness = gateway.connect(4).await.unwrap();
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep = format!(r#"{{"type":"req","id":"d","method":"health","params":{nested}}}"#);

    let before_hello = ["not json", r#"{"type":"req","id":"h","method":"health"}"#, &deep];
    for text in before_hello.map(str::to_owned).into_iter().chain(["x".repeat(70_000)]) {
        let mut stranger = WsClient::open(&gateway.ws_url()).await.unwrap();
        stranger.send_text(text).await.unwrap();
        let closed = stranger.closed().await.unwrap();
        assert!(closed.is_none_or(|(code, _)| code != 1011), "{:?}", gateway.stderr());
    }
    let mut friend = gateway.connect(4).await.unwrap();
    for text in ["not json", "\u{0}", "[1,2", &deep] {
        friend.send_text(text.to_owned()).await.unwrap();
    }
    assert_eq!(friend.call("health", json!({})).await.unwrap()["ok"], true);
    let mut glutton = gateway.connect(3).await.unwrap();
    drop(glutton.send_text("x".repeat(27 * 1024 * 1024)).await);
    glutton.closed().await.unwrap();

    assert_eq!(witness.call("health", json!({})).await.unwrap()["ok"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_fails_is_told_of_and_the_next_turn_works() {
    let soon = Duration::from_millis(50);
    let cases: [(&str, Vec<Step>, &str); 7] = [
        ("429 and Retry-After", vec![fails(429, soon), says("Done.")], "final"),
        ("500", vec![fails(500, soon), says("Done.")], "final"),
        ("before the reply was whole", vec![closes_mid_stream()], "error"),
        ("broken JSON", vec![garbage()], "error"),
        ("a tool call that is no JSON", vec![calls_badly("exec", "{oops"), says("Done.")], "final"),
        ("an unknown tool", vec![calls("frobnicate", json!({})), says("Done.")], "final"),
        ("401", vec![fails(401, None)], "error"),
    ];
    for (what, steps, state) in cases {
        let model = Llm::script(steps);
        let gateway = Gateway::start(openclaw(), &home(&model)).unwrap();
        let mut client = gateway.connect(4).await.unwrap();

        let end = turn(&mut client, "something").await;
        model.then([says("Still here.")]);
        let next = turn(&mut client, "more").await;

        assert_eq!(end["state"], state, "{what}: {end}");
        let told = end["errorMessage"].as_str().is_some_and(|it| it.contains(what));
        assert!(state == "final" || told, "{what}: {end}");
        assert_eq!(next["state"], "final", "after {what}: {next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_hangs_costs_one_turn_its_time() {
    let model = Llm::script([hangs()]);
    let gateway = Gateway::start(openclaw(), &home(&model)).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let params = json!({
        "sessionKey": "main", "message": "Take your time", "idempotencyKey": "hang", "timeoutMs": 300,
    });

    client.call("chat.send", params).await.unwrap();
    let end = client.turn_end("hang").await.unwrap();
    model.then([says("Still here.")]);
    let next = turn(&mut client, "more").await;

    assert_ne!(end["state"], "final", "{end}");
    assert_eq!(next["state"], "final", "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_floods_its_output_does_not_fill_the_memory() {
    let model = Llm::steered();
    let gateway = Gateway::start(openclaw(), &home(&model)).unwrap();
    let mut client = gateway.connect(4).await.unwrap();

    let end = turn(&mut client, "TOOL:exec yes | head -c 200M").await;

    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("at most {peak_kib} KiB");
    assert_eq!(end["state"], "final", "{end}");
    assert!(peak_kib < FLOODED_KIB_MAX, "{peak_kib} KiB");
}

fn home(model: &Llm) -> TempHome {
    quiet(TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap())
}

/// Runs one turn in the main session; gives the event that ends it.
async fn turn(client: &mut WsClient, text: &str) -> Value {
    let run = format!("run {text}");
    client.call("chat.send", message(text, &run)).await.unwrap();
    client.turn_end(&run).await.unwrap()
}

fn message(text: &str, run: &str) -> Value {
    json!({ "sessionKey": "main", "message": format!("Say {text}"), "idempotencyKey": run })
}

/// How a turn is refused: by the answer, or by the event that ends it.
async fn refusal(client: &mut WsClient, text: &str) -> String {
    let run = format!("run {text}");
    match client.call("chat.send", message(text, &run)).await {
        Err(CallError::Refused(error)) => error["message"].to_string(),
        Err(CallError::Lost(error)) => panic!("{error:#}"),
        Ok(_) => {
            let ends = |it: &Value| it["runId"] == *run && it["state"] == "error";
            let end = client.event("chat", PATIENCE, ends).await.unwrap();
            end["errorMessage"].to_string()
        }
    }
}

/// Writes until nothing more fits.
fn fill(path: &std::path::Path) {
    use std::io::Write as _;

    let mut file = fs::File::create(path).unwrap();
    let block = [0; 4096];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&block[..1]).is_ok() {}
}
