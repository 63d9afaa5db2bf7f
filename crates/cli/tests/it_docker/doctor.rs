//! `doctor`, about images and sandboxes that are not there, and mounts that cannot be written.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::{
    boxes::{Boxed, IMAGE},
    rig::{State, docker, free_port, run_once},
};

fn problems(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    let real = findings.filter(|it| it["severity"] != "info");
    real.map(|it| (it["id"].as_str().unwrap(), it["fix"].as_str().unwrap())).collect()
}

fn ids(report: &Value) -> Vec<&str> {
    problems(report).into_iter().map(|it| it.0).collect()
}

/// A name of an image that only this test has.
fn tag_of(what: &str) -> String {
    format!("openclaw-sandbox-common:{what}-{}", std::process::id())
}

#[test]
fn an_image_that_is_missing_is_told_with_what_makes_it() {
    let ours = Boxed::of("openclaw-sandbox-common:no-such-tag");
    let other = Boxed::of("no-such-image:1");

    let (ours, other) = (ours.doctor(&[]), other.doctor(&[]));

    assert_eq!(problems(&ours), [("images.missing", "scripts/sandbox-common-setup.sh")]);
    assert_eq!(problems(&other), [("images.missing", "docker pull no-such-image:1")]);
}

#[test]
fn a_missing_image_is_brought_after_a_yes_and_what_fails_says_why() {
    let tag = tag_of("brought");
    let boxed = Boxed::of(&tag);
    let script = boxed.home.path().join("scripts/sandbox-common-setup.sh");
    fs::create_dir(script.parent().unwrap()).unwrap();
    fs::write(&script, format!("#!/bin/sh\necho building\nexec docker tag {IMAGE} {tag}\n"))
        .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();

    let careful = boxed.doctor(&["--fix"]);
    let fixed = boxed.doctor(&["--fix", "--yes"]);
    let again = boxed.doctor(&[]);
    docker(&["rmi", &tag]);
    fs::write(&script, "#!/bin/sh\necho no network >&2\nexit 1\n").unwrap();
    let failed = boxed.doctor(&["--fix", "--yes"]);

    assert_eq!(ids(&careful), ["images.missing"]);
    assert_eq!(fixed["repairs"][0]["ok"], true, "{fixed:#}");
    assert_eq!((ids(&fixed), ids(&again)), (vec![], vec![]));
    assert_eq!(failed["repairs"][0]["error"], "no network");
    assert_eq!(ids(&failed), ["images.missing"]);
}

#[test]
fn a_sandbox_whose_container_is_gone_is_taken_off_the_list() {
    let boxed = Boxed::of(IMAGE);
    fs::create_dir_all(boxed.list().parent().unwrap()).unwrap();
    let entry = json!({
        "containerName": "openclaw-sbx-gone-for-good", "sessionKey": "agent:main",
        "createdAtMs": 1, "lastUsedAtMs": 1, "image": IMAGE,
    });
    fs::write(boxed.list(), json!({ "entries": [entry] }).to_string()).unwrap();

    let found = boxed.doctor(&[]);
    let fixed = boxed.doctor(&["--fix"]);
    let again = boxed.doctor(&[]);

    assert_eq!(ids(&found), ["sandboxes.gone"]);
    assert_eq!(fixed["repairs"][0]["ok"], true);
    assert_eq!((ids(&fixed), ids(&again)), (vec![], vec![]));
    let left: Value = serde_json::from_slice(&fs::read(boxed.list()).unwrap()).unwrap();
    assert_eq!(left["entries"], json!([]));
}

#[test]
fn the_wall_of_each_sandbox_is_shown_as_asked_and_as_found() {
    let boxed = Boxed::after_a_turn();

    let report = boxed.doctor(&[]);
    let explained = boxed.run(&["sandbox", "explain", "--json"]);
    let text = boxed.run(&["sandbox", "explain"]).answer();

    let findings = report["findings"].as_array().unwrap();
    let shown = findings.iter().find(|it| it["id"] == "walls.proven").unwrap();
    let why = shown["why"].as_str().unwrap();
    for row in
        ["docker.network none: lo", "docker.capDrop ALL: none left", "readOnlyRoot true: read-only"]
    {
        assert!(why.contains(row), "{row}: {why}");
    }
    let explained: Value = serde_json::from_str(&explained.stdout).unwrap();
    let rows = explained["sandbox"]["wall"].as_array().unwrap();
    assert!(rows.len() >= 9 && rows.iter().all(|row| row["verdict"] == "holds"), "{rows:#?}");
    assert!(text.contains("docker.network: none | lo (holds)"), "{text}");
}

#[test]
fn strangers_who_write_to_the_workspace_of_the_main_session_are_warned_of() {
    let boxed = Boxed::of(IMAGE);
    let mixed = |mode: &str, access: &str| {
        let sandbox = json!({ "mode": mode, "workspaceAccess": access });
        let patch = json!({ "agents": { "defaults": { "sandbox": sandbox } } });
        boxed.home.merge_config(&patch).unwrap();
        fs::set_permissions(boxed.home.config_path(), fs::Permissions::from_mode(0o600)).unwrap();
        ids(&boxed.doctor(&[])).join(",")
    };

    assert_eq!(mixed("non-main", "rw"), "walls.shared-workspace");
    for (mode, access) in [("non-main", "ro"), ("non-main", "none"), ("all", "rw"), ("off", "rw")] {
        assert_eq!(mixed(mode, access), "", "{mode} {access}");
    }
}

#[test]
fn a_sandbox_of_an_older_image_is_removed_after_a_yes() {
    let boxed = Boxed::after_a_turn();
    let tag = tag_of("newer");
    docker(&["tag", IMAGE, &tag]).answer();
    boxed.set_image(&tag);

    let found = boxed.doctor(&["--fix"]);
    let kept = boxed.containers().len();
    let fixed = boxed.doctor(&["--fix", "--yes"]);
    let again = boxed.doctor(&[]);
    docker(&["rmi", &tag]);

    assert_eq!((ids(&found), kept), (vec!["sandboxes.old-image"], 1));
    assert_eq!((ids(&fixed), ids(&again)), (vec![], vec![]));
    assert_eq!(boxed.containers(), Vec::<String>::new());
}

#[test]
fn a_container_that_is_on_no_list_is_found_by_the_deep_look() {
    let boxed = Boxed::after_a_turn();
    let name = boxed.containers().remove(0);
    fs::write(boxed.list(), r#"{"entries":[]}"#).unwrap();

    let shallow = boxed.doctor(&[]);
    let deep = boxed.doctor(&["--deep"]);
    let fixed = boxed.doctor(&["--deep", "--fix"]);
    let again = boxed.doctor(&["--deep"]);

    assert_eq!((ids(&shallow), ids(&deep)), (vec![], vec!["sandboxes.stray"]));
    assert_eq!((ids(&fixed), ids(&again)), (vec![], vec![]));
    let left: Value = serde_json::from_slice(&fs::read(boxed.list()).unwrap()).unwrap();
    assert_eq!(left["entries"][0]["containerName"], name);
}

#[test]
fn a_mount_that_its_own_owner_may_not_write_is_made_writable() {
    let state = State::with_config(free_port());
    let workspace = state.path().join("workspace");
    for (path, bits) in [(state.path(), 0o700), (state.config(), 0o600), (workspace.clone(), 0o500)]
    {
        fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    }
    let mount = state.mount();
    let doctor = |args: &[&str]| {
        let ran = run_once(&["-v", &mount], &[&["openclaw", "doctor", "--json"], args].concat());
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let told = |report: &Value| ids(report).contains(&"writable.refused");

    let found = doctor(&[]);
    let fixed = doctor(&["--fix"]);
    let again = doctor(&[]);

    assert!(told(&found), "{found:#}");
    assert!(!told(&fixed) && !told(&again), "{again:#}");
    assert_eq!(fs::metadata(workspace).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_mount_that_is_read_only_is_told_with_what_to_change() {
    let state = State::with_config(free_port());
    let mount = format!("{}:ro", state.mount());

    let ran = run_once(&["-v", &mount], &["openclaw", "doctor", "--json", "--fix"]);

    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let fix = problems(&report).into_iter().find(|it| it.0 == "writable.refused").map(|it| it.1);
    assert_eq!(fix, Some("mount '/home/node/.openclaw' writable (drop `:ro`)"), "{report:#}");
    assert_eq!(ran.code, Some(1));
}
