//! Configs of OpenClaw 2026.9, and configs with something wrong in them: the gateway starts with
//! what it can read.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use testkit::{
    gateway::Gateway,
    home::{TempHome, model_config},
    llm::{Llm, says},
};

use crate::program::{openclaw, quiet, run, run_with, start};

#[test]
fn a_key_by_reference_reaches_the_model_server() {
    let llm = Llm::script([says("Hello")]);
    let home = quiet(TempHome::minimal().unwrap());
    home.merge_config(&model_config(&llm.base_url())).unwrap();
    std::fs::write(home.path().join("key.txt"), "from-file\n").unwrap();
    home.merge_config(&json!({
        "secrets": { "providers": {
            "kf": { "source": "file", "path": "~/key.txt", "mode": "singleValue" } } },
        "models": { "providers": { "mock": {
            "apiKey": { "source": "file", "provider": "kf", "id": "value" } } } },
    }))
    .unwrap();
    let _gateway = start(&home);

    let said = run(&home, &["agent", "--agent", "main", "-m", "hi"]).answer();

    assert_eq!(said, "Hello\n");
    assert_eq!(llm.request(0).headers["authorization"], "Bearer from-file");
}

#[test]
fn a_gateway_starts_without_what_it_cannot_read_and_says_so() {
    let home = quiet(TempHome::minimal().unwrap());
    home.merge_config(&json!({
        "telemetry": { "enabled": false },
        "channels": { "telegram": { "dmPolicy": "everybody" } },
        "skills": { "entries": { "github": { "env": { "PAT": "${ONLY_THE_SERVICE_HAS_IT}" } } } },
    }))
    .unwrap();
    let gateway = start(&home);

    let health = run(&home, &["health"]);
    let json = run(&home, &["health", "--json"]).json();

    let problems = json["configProblems"].as_array().unwrap();
    let paths: Vec<_> = problems.iter().filter_map(|it| it["path"].as_str()).collect();
    assert_eq!(paths, ["skills.entries.github.env.PAT", "channels.telegram.dmPolicy"]);
    assert!(health.stdout.contains("\nConfig: channels.telegram.dmPolicy: "), "{health:?}");
    assert!(gateway.stderr().contains("left out of the config"), "{}", gateway.stderr());
    assert_eq!(run(&home, &["config", "get", "telemetry.enabled"]).answer(), "false\n");
}

#[test]
fn commands_that_talk_to_the_gateway_do_without_variables_that_only_it_has() {
    let home = quiet(TempHome::minimal().unwrap());
    let variable = "${ONLY_THE_SERVICE_HAS_IT}";
    home.merge_config(&json!({
        "skills": { "entries": { "github": { "env": { "PAT": variable } } } },
        "tools": { "exec": { "pathPrepend": [variable] } },
    }))
    .unwrap();
    let set = [("ONLY_THE_SERVICE_HAS_IT", "/opt")];
    assert_eq!(run_with(&home, &["config", "validate"], &set).code, Some(0));
    let service = home.path().join("service");
    let program = openclaw().display();
    let script = format!("#!/bin/sh\nONLY_THE_SERVICE_HAS_IT=/opt exec {program} \"$@\"\n");
    std::fs::write(&service, script).unwrap();
    std::fs::set_permissions(&service, std::fs::Permissions::from_mode(0o755)).unwrap();
    let gateway = Gateway::start(&service, &home).unwrap();
    home.merge_config(&json!({"gateway": {"port": gateway.port()}})).unwrap();

    for args in [
        &["health"][..],
        &["sessions"],
        &["config", "get", "gateway.port"],
        &["config", "set", "ui.seamColor", "#112233"],
    ] {
        let ran = run(&home, args);
        assert_eq!(ran.code, Some(0), "{args:?} {ran:?}");
    }
    // What limits somebody is missing here, so nothing is served by this environment.
    assert_eq!(run(&home, &["gateway", "run"]).code, Some(1));
    assert_eq!(run(&home, &["config", "set", "gateway.port", "high"]).code, Some(1));
}

#[test]
fn ollama_is_asked_where_it_speaks_the_completions_of_openai() {
    let llm = Llm::script([says("Hello")]);
    let root = llm.base_url().trim_end_matches("/v1").to_owned();
    let home = quiet(TempHome::minimal().unwrap());
    home.merge_config(&model_config(&llm.base_url())).unwrap();
    home.merge_config(&json!({ "models": { "providers": { "mock": {
        "api": "ollama", "baseUrl": root, "timeoutSeconds": 300 } } } }))
        .unwrap();
    let _gateway = start(&home);

    let said = run(&home, &["agent", "--agent", "main", "-m", "hi"]).answer();

    assert_eq!(said, "Hello\n");
}
