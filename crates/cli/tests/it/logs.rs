//! `logs`: the gateway's own lines, in text and as JSON.

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

#[test]
fn following_goes_on_until_the_gateway_is_gone() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let mut command = home.command(openclaw());
    let child = command.args(["logs", "--follow", "--interval", "100", "--json"]).spawn().unwrap();
    // Its connection is one more line of the log, which says that it follows by now.
    let follows = |log: &str| log.contains("\"client\":\"cli\"");
    while !follows(&std::fs::read_to_string(home.path().join("gateway.log")).unwrap()) {
        std::thread::yield_now();
    }

    gateway.terminate().unwrap();
    let output = child.wait_with_output().unwrap();

    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stdout.starts_with("{\"type\":\"meta\""), "{stdout}");
    assert!(stderr.starts_with("error: gateway closed (1012): service restart\n"), "{stderr}");
}
