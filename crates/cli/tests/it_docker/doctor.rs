//! `doctor`, about images and sandboxes that are not there.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};
use testkit::home::TempHome;

/// A home whose agents work in sandboxes of `image`.
fn boxed(image: &str) -> TempHome {
    let home = TempHome::with_model("http://127.0.0.1:9/v1").unwrap();
    let port = testkit::gateway::free_port().unwrap();
    home.merge_config(&json!({
        "gateway": { "port": port },
        "logging": { "file": home.path().join("gateway.log") },
        "agents": { "defaults": { "sandbox": { "mode": "all", "docker": { "image": image } } } },
    }))
    .unwrap();
    let mode = |path: &Path, bits| {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    };
    mode(&home.state_dir(), 0o700);
    mode(&home.config_path(), 0o600);
    home
}

fn doctor(home: &TempHome, args: &[&str]) -> Value {
    let mut command = home.command(Path::new(env!("CARGO_BIN_EXE_openclaw")));
    if let Ok(host) = std::env::var("DOCKER_HOST") {
        command.env("DOCKER_HOST", host);
    }
    let output = command.arg("doctor").arg("--json").args(args).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn problems(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let real = findings.filter(|it| it["severity"] != "info");
    real.map(|it| (it["id"].as_str().unwrap(), it["fix"].as_str().unwrap())).collect()
}

#[test]
fn an_image_that_is_missing_is_told_with_what_makes_it() {
    let ours = boxed("openclaw-sandbox-common:no-such-tag");
    let other = boxed("no-such-image:1");

    let (ours, other) = (doctor(&ours, &[]), doctor(&other, &[]));

    assert_eq!(problems(&ours), [("images.missing", "scripts/sandbox-common-setup.sh")]);
    assert_eq!(problems(&other), [("images.missing", "docker pull no-such-image:1")]);
}

#[test]
fn a_sandbox_whose_container_is_gone_is_taken_off_the_list() {
    let home = boxed("no-such-image:1");
    let list = home.state_dir().join("sandbox/containers.json");
    fs::create_dir_all(list.parent().unwrap()).unwrap();
    let entry = json!({
        "containerName": "openclaw-sbx-gone-for-good", "sessionKey": "agent:main",
        "createdAtMs": 1, "lastUsedAtMs": 1, "image": "no-such-image:1",
    });
    fs::write(&list, json!({ "entries": [entry] }).to_string()).unwrap();

    let found = doctor(&home, &[]);
    let fixed = doctor(&home, &["--fix"]);

    let ids = |report| problems(report).into_iter().map(|it| it.0).collect::<Vec<_>>();
    assert_eq!(ids(&found), ["images.missing", "sandboxes.gone"]);
    assert_eq!(ids(&fixed), ["images.missing"]);
    assert_eq!(fixed["repairs"][0]["ok"], true);
    let left: Value = serde_json::from_slice(&fs::read(&list).unwrap()).unwrap();
    assert_eq!(left["entries"], json!([]));
}
