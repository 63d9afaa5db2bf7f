//! `logs`: the gateway's own lines, in text and as JSON.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};
use testkit::home::TempHome;

use crate::program::{alone, openclaw, quiet, run, start};

#[test]
fn the_start_of_the_gateway_is_in_its_log() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);

    let text = run(&home, &["logs", "--plain"]);
    let json = run(&home, &["logs", "--json"]).answer();

    assert!(text.stdout.contains(" info gateway/app gateway listens "), "{text:?}");
    assert!(text.stderr.contains("Log file: [home]/gateway.log"), "{text:?}");
    let lines: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["type"], "meta");
    assert!(lines.iter().any(|line| line["type"] == "log" && line["subsystem"] == "gateway/app"));
    assert!(!json.contains(gateway.token()), "{json}");
}

#[test]
fn without_a_gateway_it_fails_with_a_hint() {
    let (home, _) = alone();

    let (code, stderr) = run(&home, &["logs"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.ends_with("hint: openclaw gateway run\n"), "{stderr}");
}

#[test]
fn following_goes_on_until_the_gateway_is_gone() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let mut command = home.command(openclaw());
    command.args(["logs", "--follow", "--interval", "100", "--json"]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();

    gateway.terminate().unwrap();
    let last = lines.map(Result::unwrap).last().unwrap();
    let code = child.wait().unwrap().code();

    assert_eq!(first["type"], "meta");
    let error = json!({"type": "error", "message": "gateway closed (1012): service restart"});
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap(), error);
    assert_eq!(code, Some(1));
}
