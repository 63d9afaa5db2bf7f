//! What the model is told of the tools, and how calls are understood.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{World, error};

#[tokio::test]
async fn every_schema_is_a_plain_object() {
    let world = World::new().await;

    let specs = world.registry.specs(|_| true);

    let names: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let expected = [
        "agents_list",
        "apply_patch",
        "edit",
        "exec",
        "process",
        "read",
        "session_status",
        "sessions_history",
        "sessions_list",
        "sessions_send",
        "sessions_spawn",
        "write",
    ];
    assert_eq!(names, expected);
    for spec in &specs {
        assert_eq!(spec.parameters["type"], "object", "{}", spec.name);
        let text = spec.parameters.to_string();
        for refused in ["$ref", "$schema", "anyOf", "oneOf", "null", "x-hidden", "format", "title"]
        {
            assert!(!text.contains(&format!("\"{refused}\"")), "{}: {text}", spec.name);
        }
        for (name, property) in spec.parameters["properties"].as_object().expect("properties") {
            assert!(property["description"].is_string(), "{}.{name}", spec.name);
        }
    }
}

#[tokio::test]
async fn the_schema_of_exec_shows_one_timeout_and_requires_the_command() {
    let world = World::new().await;

    let specs = world.registry.specs(|name| name == "exec");

    let shown: Vec<&String> =
        specs[0].parameters["properties"].as_object().expect("properties").keys().collect();
    assert_eq!(
        shown,
        [
            "command",
            "workdir",
            "env",
            "yieldMs",
            "background",
            "timeout",
            "pty",
            "elevated",
            "host",
            "node",
        ]
    );
    assert_eq!(specs[0].parameters["required"], json!(["command"]));
}

#[tokio::test]
async fn the_same_selection_is_the_same_allocation() {
    let world = World::new().await;

    let once = world.registry.specs_shared(|name| name != "exec");
    let again = world.registry.clone().specs_shared(|name| name != "exec");

    assert!(Arc::ptr_eq(&once, &again));
    assert_eq!(once.len(), 11);
}

#[tokio::test]
async fn calls_that_make_no_sense_are_results() {
    let world = World::new().await;

    let unknown = world.call("fly", json!({})).await;
    let broken = world.call("exec", Value::String("{\"command\": \"ls".to_owned())).await;
    let misfit = world.call("exec", json!({ "command": "ls", "env": 5 })).await;

    assert!(error(&unknown).contains("fly"));
    assert!(error(&broken).contains("must be a JSON object"));
    assert_eq!(error(&misfit), "Argument `env` of `exec` must be an object.");
}
