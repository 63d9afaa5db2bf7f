//! Published clients of `OpenAI`'s API, run against our gateway.
//!
//! What they check is in `tests/python` and `tests/peers`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::json;
use testkit::{
    gateway::Gateway,
    home::TempHome,
    llm::{Llm, calls, fails, says},
};

use crate::{peers::node, program::openclaw};

#[test]
fn the_official_python_client_chats_and_runs_its_own_tools() {
    passes(Command::new(python()).args(["-B", "openai_client.py"]), "tests/python");
}

#[test]
fn langchain_litellm_and_llm_chat_and_know_a_limit() {
    passes(Command::new(python()).args(["-B", "other_clients.py"]), "tests/python");
}

#[test]
fn the_official_node_client_and_the_ai_sdk_chat_run_tools_and_know_a_limit() {
    let arguments = ["--test", "--test-reporter=spec", "openai-clients.test.mjs"];
    passes(Command::new(node()).args(arguments), "tests/peers");
}

/// Runs a client in its folder against a gateway, whose model is the one that clients describe.
fn passes(client: &mut Command, folder: &str) {
    let llm = Llm::respond_with(|request| {
        let said = request.last_user();
        if said.contains("umbrella") && !said.contains("sunny") {
            calls("weather", json!({ "city": "Oslo" }))
        } else if said.contains("Hurry") {
            fails(429, Duration::from_hours(1))
        } else {
            says("It is heard.")
        }
    });
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let endpoints = json!({"responses": {"enabled": true}, "chatCompletions": {"enabled": true}});
    home.merge_config(&json!({"gateway": {"http": {"endpoints": endpoints}}})).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();

    let output = client
        .current_dir(root().join(folder))
        .env("OPENCLAW_TEST_URL", gateway.http_url())
        .env("OPENCLAW_TEST_TOKEN", gateway.token())
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

fn root() -> PathBuf {
    // At run time: checkouts may share a build folder.
    Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../..")
}

fn python() -> PathBuf {
    let python = root().join("tests/python/.venv/bin/python");
    assert!(python.exists(), "the Python packages are not installed: run `scripts/test-setup.sh`");
    python
}
