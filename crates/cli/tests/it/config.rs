//! `config`: reading and editing `openclaw.json`.

use std::fs;

use serde_json::json;
use testkit::home::TempHome;

use crate::program::run;

#[test]
fn a_value_is_set_read_and_removed_and_comments_stay() {
    let home = TempHome::new().unwrap();
    home.write_config("{\n  // the port of the house\n  gateway: { port: 1111 },\n}\n").unwrap();

    let set = run(&home, &["config", "set", "gateway.port", "2222"]).answer();
    let got = run(&home, &["config", "get", "gateway.port"]).answer();
    let text = fs::read_to_string(home.config_path()).unwrap();
    let unset = run(&home, &["config", "unset", "gateway.port"]).answer();
    let (code, gone) = run(&home, &["config", "get", "gateway.port"]).failure();

    assert_eq!(set, "Updated gateway.port. Restart the gateway to apply.\n");
    assert_eq!(got, "2222\n");
    assert!(text.contains("// the port of the house"), "{text}");
    assert_eq!(unset, "Removed gateway.port. Restart the gateway to apply.\n");
    assert_eq!((code, gone.as_str()), (Some(1), "error: Config path not found: gateway.port\n"));
}

#[test]
fn text_that_is_no_json5_is_set_as_text_unless_json_is_demanded() {
    let home = TempHome::new().unwrap();

    run(&home, &["config", "set", "agents.defaults.workspace", "~/some where"]).answer();
    let got = run(&home, &["config", "get", "agents.defaults.workspace", "--json"]);
    let (code, stderr) =
        run(&home, &["config", "set", "agents.defaults.workspace", "{", "--json"]).failure();

    assert_eq!(got.code, Some(0));
    assert!(got.json().as_str().unwrap().ends_with("some where"), "{got:?}");
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: the value is not JSON5\ncaused by: "), "{stderr}");
}

#[test]
fn an_edit_that_breaks_the_config_is_refused_and_changes_nothing() {
    let home = TempHome::new().unwrap();
    home.write_config("{ gateway: { port: 1 } }").unwrap();

    let (code, stderr) = run(&home, &["config", "set", "gateway.port", "high"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: invalid config: gateway.port: "), "{stderr}");
    assert_eq!(fs::read_to_string(home.config_path()).unwrap(), "{ gateway: { port: 1 } }");
}

#[test]
fn a_patch_merges_and_null_removes() {
    let home = TempHome::new().unwrap();
    home.write_config(r#"{"gateway": {"port": 1, "bind": "lan"}}"#).unwrap();

    let patch = "{gateway: {port: null, mode: 'local'}}";
    let dry = run(&home, &["config", "patch", patch, "--dry-run"]).answer();
    let before = home.config().unwrap();
    run(&home, &["config", "patch", patch]).answer();

    assert_eq!(dry, "The patch is valid; nothing was written.\n");
    assert_eq!(before["gateway"], json!({"port": 1, "bind": "lan"}));
    assert_eq!(home.config().unwrap()["gateway"], json!({"bind": "lan", "mode": "local"}));
}

#[test]
fn a_broken_config_is_told_with_every_problem_and_its_line() {
    let home = TempHome::new().unwrap();
    home.write_config("{\n  gateway: { prot: 1 },\n  loging: {},\n}\n").unwrap();

    let (code, stderr) = run(&home, &["config", "validate"]).failure();
    let json = run(&home, &["config", "validate", "--json"]);

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: Config invalid\nFile: ~/.openclaw/openclaw.json\n"));
    assert!(stderr.contains("  - gateway.prot: ") && stderr.contains("(line 2)"), "{stderr}");
    assert!(stderr.contains("  - loging: ") && stderr.contains("(line 3)"), "{stderr}");
    assert_eq!((&json.json()["valid"], json.code), (&json!(false), Some(1)));
}

#[test]
fn a_valid_config_is_told_so_and_has_a_schema() {
    let home = TempHome::minimal().unwrap();

    let valid = run(&home, &["config", "validate"]).answer();
    let schema = run(&home, &["config", "schema"]).json();

    assert_eq!(valid, "Config valid: ~/.openclaw/openclaw.json\n");
    assert!(schema["properties"]["gateway"].is_object());
}

#[test]
fn a_bomb_of_brackets_is_refused_and_not_crashed_on() {
    let home = TempHome::new().unwrap();
    let bomb = "[".repeat(100_000);

    let (code, _) = run(&home, &["config", "set", "gateway.port", &bomb]).failure();
    home.write_config(&bomb).unwrap();
    let (broken, stderr) = run(&home, &["config", "validate"]).failure();

    assert_eq!((code, broken), (Some(1), Some(1)), "{stderr}");
}
