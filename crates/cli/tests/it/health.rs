//! `health`: how it finds the gateway, and what it says when it does not.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use testkit::home::{TOKEN, TempHome};

use crate::program::{alone, quiet, run, run_with, start};

#[test]
fn without_a_gateway_it_says_where_it_looked() {
    let (home, port) = alone();

    let (code, stderr) = run(&home, &["health"]).failure();

    assert_eq!(code, Some(1));
    assert_eq!(
        stderr,
        format!(
            "error: gateway closed (1006): connection refused\n\
             Gateway target: ws://127.0.0.1:{port}\n\
             Source: local loopback\n\
             Config: ~/.openclaw/openclaw.json\n\
             Bind: loopback\n\
             hint: openclaw gateway run\n"
        )
    );
}

#[test]
fn a_script_gets_the_failure_as_json_too() {
    let (home, _) = alone();

    let ran = run(&home, &["health", "--json"]);

    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.json(),
        serde_json::json!({"ok": false, "error": {
            "type": "connection", "message": "gateway closed (1006): connection refused",
        }})
    );
}

#[test]
fn a_running_gateway_is_healthy_by_config_by_flags_and_by_environment() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let stranger = TempHome::new().unwrap();
    let url = gateway.ws_url();

    let text = run(&home, &["health"]).answer();
    let json = run(&home, &["health", "--json", "--flag-of-another-version=1"]).json();
    let by_flags = run(&stranger, &["health", "--url", &url, "--token", TOKEN, "--json"]).json();
    let port = gateway.port().to_string();
    let vars = [("OPENCLAW_GATEWAY_PORT", port.as_str()), ("OPENCLAW_GATEWAY_TOKEN", TOKEN)];
    let by_env = run_with(&stranger, &["health", "--json"], &vars).json();

    assert!(text.starts_with("Agents: main (default)\nHeartbeat interval: off\n"), "{text}");
    for health in [json, by_flags, by_env] {
        assert_eq!((&health["ok"], &health["defaultAgentId"]), (&true.into(), &"main".into()));
    }
}

#[test]
fn a_wrong_token_and_a_missing_one_are_told_apart() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let url = gateway.ws_url();

    let (_, wrong) = run(&home, &["health", "--token", "guess"]).failure();
    let (_, missing) = run(&home, &["health", "--url", &url]).failure();

    assert!(wrong.contains("gateway closed (1008): unauthorized: gateway token mismatch"));
    assert!(missing.starts_with("error: --url needs --token or --password"), "{missing}");
}

#[test]
fn a_port_that_says_nothing_ends_in_a_timeout_and_one_that_speaks_http_is_no_gateway() {
    let home = TempHome::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let args = ["health", "--url", &url, "--token", "x", "--timeout"];

    let (_, silent) = run(&home, &[&args[..], &["100"]].concat()).failure();
    drop(listener.accept().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert_ne!(stream.read(&mut [0; 1024]).unwrap(), 0);
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").unwrap();
    });
    let (_, web) = run(&home, &[&args[..], &["20000"]].concat()).failure();
    server.join().unwrap();

    assert!(silent.starts_with("error: gateway timeout after 100ms\nGateway target: ws://"));
    assert!(web.contains("the answer is not a WebSocket upgrade\ncaused by: "), "{web}");
}

#[test]
fn an_invalid_config_is_a_warning_and_the_gateway_is_asked_all_the_same() {
    let home = quiet(TempHome::minimal().unwrap());
    let _gateway = start(&home);
    home.merge_config(&serde_json::json!({"gateway": {"prot": 1}})).unwrap();

    let ran = run(&home, &["health"]);

    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.starts_with("warning: Config invalid\n"), "{}", ran.stderr);
}

#[test]
fn every_option_of_the_guide_is_taken_and_an_explicit_token_beats_all_others() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let token = ["health", "--token", TOKEN];
    let ways: [&[&str]; 5] = [
        &[],
        &["--json", "--timeout", "20000"],
        &["--verbose"],
        &["--debug"],
        &["--url", &gateway.ws_url()],
    ];

    let wrong = [("OPENCLAW_GATEWAY_TOKEN", "of another gateway")];
    for way in ways {
        let ran = run_with(&home, &[&token[..], way].concat(), &wrong);
        assert_eq!(ran.code, Some(0), "{way:?}: {}", ran.stderr);
    }
    let alias = run_with(&home, &["gateway", "health", "--token", TOKEN], &wrong);
    let refused = run_with(&home, &["health"], &wrong);
    let nonsense = run(&home, &["health", "--timeout", "soon"]);

    assert_eq!(alias.code, Some(0), "{}", alias.stderr);
    assert_eq!((refused.code, nonsense.code), (Some(1), Some(1)));
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    assert!(nonsense.stderr.starts_with("error: Invalid --timeout value 'soon'"));
}

#[test]
fn a_password_is_taken_where_the_gateway_asks_for_one() {
    let home = quiet(TempHome::minimal().unwrap());
    let auth = serde_json::json!({"mode": "password", "password": "of the house"});
    home.merge_config(&serde_json::json!({"gateway": {"auth": auth}})).unwrap();
    let gateway = start(&home);
    let stranger = TempHome::new().unwrap();
    let url = gateway.ws_url();

    let known = run(&stranger, &["health", "--url", &url, "--password", "of the house"]);
    let (code, guessed) =
        run(&stranger, &["health", "--url", &url, "--password", "a guess"]).failure();

    assert_eq!(known.code, Some(0), "{}", known.stderr);
    assert_eq!(code, Some(1));
    assert!(guessed.contains("password mismatch"), "{guessed}");
}
