//! The JSON schema says the same as the loader.

use serde_json::{Value, json};

use crate::home::Home;

#[test]
fn schema_and_loader_agree() {
    let schema = config::schema();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let recorded: Value = serde_json::from_str(include_str!("data/recorded-2026.2.json")).unwrap();
    let samples = [
        recorded,
        json!({}),
        json!({ "gateway": { "port": 0 } }),
        json!({ "gateway": { "tls": { "anything": 1 } } }),
        json!({ "agents": { "list": [{ "name": "no id" }] } }),
        json!({ "agents": { "entries": { "a": { "model": { "primary": "x/y" } } } } }),
        json!({ "commands": { "native": "auto", "text": "auto" } }),
        json!({ "broadcast": { "strategy": "parallel", "peer": ["main"] } }),
        json!({ "models": { "providers": { "p": { "models": [] } } } }),
        json!({ "unknown": true }),
    ];

    for sample in samples {
        let loaded = Home::new().config(sample.to_string()).load();

        assert_eq!(validator.is_valid(&sample), loaded.snapshot.valid, "{sample}");
    }
}

#[test]
fn every_section_of_the_reference_is_there() {
    let schema = config::schema();

    let keys: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();

    let reference = [
        "meta",
        "env",
        "wizard",
        "diagnostics",
        "logging",
        "update",
        "browser",
        "ui",
        "auth",
        "models",
        "nodeHost",
        "agents",
        "tools",
        "bindings",
        "broadcast",
        "audio",
        "media",
        "messages",
        "commands",
        "approvals",
        "session",
        "cron",
        "hooks",
        "web",
        "channels",
        "discovery",
        "canvasHost",
        "talk",
        "gateway",
        "memory",
        "skills",
        "plugins",
    ];
    assert_eq!(keys[..reference.len()], reference);
}
