//! `logs`: the gateway's own lines, in text and as JSON.

use testkit::home::TempHome;

use crate::program::{alone, quiet, run, start};

#[test]
fn the_start_of_the_gateway_is_in_its_log() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);

    let text = run(&home, &["logs", "--plain"]);
    let json = run(&home, &["logs", "--json"]).answer();

    assert!(text.stdout.contains(" info gateway/app gateway listens "), "{text:?}");
    assert!(text.stderr.contains("Log file: [home]/gateway.log"), "{text:?}");
    let lines: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
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
