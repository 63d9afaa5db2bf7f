//! `openclaw agents`: with and without a gateway that runs.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::gateway::Gateway;

use crate::program::{alone, openclaw, run};

#[test]
fn agents_are_listed_added_given_a_look_and_removed_without_a_gateway() {
    let (home, _) = alone();
    let workspace = home.path().join("ops");
    let at = workspace.to_str().unwrap();

    let before = run(&home, &["agents", "list", "--json"]).json();
    let add = ["agents", "add", "Ops Crew", "--workspace", at, "--model", "p/m", "--json"];
    let bind = ["--bind", "telegram:ops", "--bind", "discord", "--non-interactive"];
    let added = run(&home, &[&add[..], &bind].concat()).json();
    let twice = run(&home, &["agents", "add", "ops crew", "--workspace", at]).failure();
    let other = home.path().join("other");
    let rival = ["agents", "add", "rival", "--workspace", other.to_str().unwrap(), "--json"];
    let rival = run(&home, &[&rival[..], &["--bind", "telegram:ops"]].concat()).json();
    fs::write(workspace.join("IDENTITY.md"), "- Name: Crew\n- Vibe: calm\n").unwrap();
    let set = ["agents", "set-identity", "--workspace", at, "--from-identity", "--emoji", "🔧"];
    run(&home, &set).answer();
    let listed = run(&home, &["agents", "list", "--bindings", "--json"]).json();
    let shown = run(&home, &["agents", "list", "--bindings"]).answer();
    let unasked = run(&home, &["agents", "delete", "ops-crew"]).failure();
    let deleted = run(&home, &["agents", "delete", "ops-crew", "--force", "--json"]).json();
    let main = run(&home, &["agents", "delete", "main", "--force"]).failure();
    let after = run(&home, &["agents", "list", "--json"]).json();

    assert_eq!((&before[0]["id"], &before[0]["isDefault"]), (&json!("main"), &json!(true)));
    assert_eq!(added["agentId"], "ops-crew");
    assert_eq!(added["bindings"]["added"], json!(["telegram:ops", "discord"]));
    assert!(twice.1.contains("already exists"), "{}", twice.1);
    assert_eq!(rival["bindings"]["conflicts"], json!(["telegram:ops (leads to ops-crew)"]));
    let row = &listed[1];
    assert_eq!((&row["id"], &row["name"]), (&json!("ops-crew"), &json!("Ops Crew")));
    assert_eq!((&row["identityName"], &row["identityEmoji"]), (&json!("Crew"), &json!("🔧")));
    assert_eq!((&row["bindings"], &row["model"]), (&json!(2), &json!("p/m")));
    assert_eq!(row["bindingDetails"], json!(["telegram:ops", "discord"]));
    assert_eq!(row["workspace"], "[home]/ops");
    assert!(shown.contains("- ops-crew (Ops Crew)") && shown.contains("    - discord"), "{shown}");
    let file = home.config().unwrap();
    assert_eq!(file["agents"]["list"][1]["id"], "rival");
    assert!(unasked.1.contains("--force"), "{}", unasked.1);
    assert_eq!((&deleted["agentId"], &deleted["removedBindings"]), (&json!("ops-crew"), &json!(2)));
    assert!(!workspace.exists(), "moved into the trash");
    assert!(main.1.contains("cannot be deleted"), "{}", main.1);
    assert_eq!(after.as_array().unwrap().len(), 2);
}

#[test]
fn what_is_missing_or_makes_no_sense_is_refused() {
    let (home, _) = alone();

    let cases: [(&[&str], &str); 6] = [
        (&["agents", "add"], "a name is needed"),
        (&["agents", "add", "x", "--non-interactive"], "--workspace is needed"),
        (&["agents", "add", "Main", "--workspace", "/tmp/x"], "\"main\" is reserved"),
        (&["agents", "add", "x", "--bind", ":ops"], "is not CHANNEL"),
        (&["agents", "delete", "nobody", "--force"], "\"nobody\" not found"),
        (&["agents", "set-identity", "--agent", "main"], "nothing to set"),
    ];

    for (args, expected) in cases {
        let (code, stderr) = run(&home, args).failure();
        assert_eq!(code, Some(1));
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
    assert_eq!(home.config().unwrap()["agents"].get("list"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_gateway_takes_up_what_the_command_line_changes_and_removes_itself() {
    let (home, port) = alone();
    home.merge_config(&json!({"gateway": {"reload": {"mode": "hot"}}})).unwrap();
    let gateway = Gateway::spawn(openclaw(), &home, port, &[]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut client = loop {
        match gateway.connect(4).await {
            Ok(client) => break client,
            Err(error) => assert!(Instant::now() < deadline, "{error:#} {}", gateway.stderr()),
        }
    };

    run(&home, &["agents", "add", "ops"]).answer();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let list = client.call("agents.list", json!({})).await.unwrap();
        if list["agents"].as_array().unwrap().iter().any(|it| it["id"] == "ops") {
            break;
        }
        assert!(Instant::now() < deadline, "{list}");
    }
    let deleted = run(&home, &["agents", "delete", "ops", "--force", "--json"]).json();
    let deeds = client.call("audit.list", json!({"kind": "operation"})).await.unwrap();

    assert_eq!(deleted["agentId"], "ops");
    assert_eq!(deeds["events"][0]["action"], "agents.delete");
    assert!(!home.state_dir().join("workspace-ops").exists());
}
