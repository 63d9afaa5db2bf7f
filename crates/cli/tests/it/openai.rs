//! The official Python client of `OpenAI`'s API, run against our gateway.
//!
//! What it checks is in `tests/python/openai_client.py`.

use std::{env, path::Path, process::Command};

use serde_json::json;
use testkit::{
    gateway::Gateway,
    home::TempHome,
    llm::{Llm, calls, says},
};

use crate::program::openclaw;

#[test]
fn the_official_python_client_chats_and_runs_its_own_tools() {
    let llm = Llm::respond_with(|request| {
        let said = request.last_user();
        if said.contains("umbrella") && !said.contains("sunny") {
            calls("weather", json!({ "city": "Oslo" }))
        } else {
            says("It is heard.")
        }
    });
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let endpoints = json!({"responses": {"enabled": true}, "chatCompletions": {"enabled": true}});
    home.merge_config(&json!({"gateway": {"http": {"endpoints": endpoints}}})).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    // At run time: checkouts may share a build folder.
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap();
    let folder = Path::new(&own).join("../../tests/python");
    let python = folder.join(".venv/bin/python");
    assert!(python.exists(), "the Python packages are not installed: run `scripts/test-setup.sh`");

    let output = Command::new(python)
        .args(["-B", "openai_client.py"])
        .current_dir(&folder)
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
