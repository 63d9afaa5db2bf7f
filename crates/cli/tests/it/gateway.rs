//! `gateway`: start, refusals, questions to the one that runs, and the end.

use std::{fs, net::TcpListener};

use serde_json::json;
use testkit::{
    gateway::{Gateway, free_port},
    home::TempHome,
};

use crate::program::{alone, openclaw, quiet, run, start, talk_until};

#[test]
fn without_a_config_it_says_how_to_start() {
    let home = TempHome::new().unwrap();

    let (code, stderr) = run(&home, &["gateway"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: Missing config. "), "{stderr}");
    assert!(stderr.ends_with("hint: openclaw gateway run --allow-unconfigured\n"), "{stderr}");
}

#[test]
fn a_mode_that_is_not_local_a_missing_token_and_an_open_door_are_refused() {
    let cases = [
        (json!({}), "Gateway start blocked: set gateway.mode=local (current: unset) or pass"),
        (
            json!({"mode": "remote"}),
            "Gateway start blocked: set gateway.mode=local (current: remote)",
        ),
        (json!({"mode": "local"}), "Gateway auth is set to token, but no token is configured."),
        (
            json!({"mode": "local", "auth": {"mode": "password"}}),
            "Gateway auth is set to password, but no password is configured.",
        ),
    ];

    for (gateway, expected) in cases {
        let home = quiet(TempHome::new().unwrap());
        home.merge_config(&json!({"gateway": gateway})).unwrap();
        let (code, stderr) = run(&home, &["gateway", "run"]).failure();
        assert_eq!(code, Some(1));
        assert!(stderr.starts_with(&format!("error: {expected}")), "{stderr}");
        assert!(stderr.contains("\nhint: openclaw "), "{stderr}");
    }
    let home = quiet(TempHome::minimal().unwrap());
    let (_, stderr) = run(&home, &["gateway", "--auth", "none", "--bind", "lan"]).failure();
    assert!(stderr.starts_with("error: Refusing to bind gateway to lan without auth."), "{stderr}");
}

#[test]
fn a_broken_config_stops_the_start_with_all_problems() {
    let home = TempHome::new().unwrap();
    home.write_config("{ gateway: { prot: 1, bind: 'moon' } }").unwrap();

    let (code, stderr) = run(&home, &["gateway", "run"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: Config invalid\n"), "{stderr}");
    assert!(stderr.contains("- gateway.prot: ") && stderr.contains("- gateway.bind: "), "{stderr}");
}

#[test]
fn unconfigured_it_makes_a_token_for_this_run_and_says_how_to_use_it() {
    let home = TempHome::new().unwrap();
    home.write_config(r#"{"logging": {"file": "~/gateway.log"}}"#).unwrap();
    let gateway = Gateway::start_with(openclaw(), &home, &["--allow-unconfigured"]).unwrap();

    let banner = talk_until(&gateway, "  stop ");
    let token = banner.split("OPENCLAW_GATEWAY_TOKEN=").nth(1).unwrap().lines().next().unwrap();
    let url = gateway.ws_url();
    let health = run(&home, &["health", "--url", &url, "--token", token, "--json"]).json();

    assert_eq!(token.len(), 48, "{banner}");
    assert!(banner.contains(&format!("{}/#token={token}", gateway.http_url())), "{banner}");
    assert_eq!(health["ok"], true);
}

#[test]
fn the_banner_names_page_config_state_and_model_and_keeps_the_token_to_itself() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);

    let banner = talk_until(&gateway, "  stop ");

    assert!(banner.contains(&format!("page     {}/", gateway.http_url())), "{banner}");
    assert!(banner.contains("config   ~/.openclaw/openclaw.json"), "{banner}");
    assert!(banner.contains("state    ~/.openclaw\n"), "{banner}");
    assert!(banner.contains("next     no key for anthropic: "), "{banner}");
    assert!(!banner.contains(gateway.token()), "{banner}");
}

#[test]
fn dev_makes_config_and_workspace_and_reset_puts_them_aside() {
    let home = TempHome::new().unwrap();
    fs::remove_dir(home.state_dir()).unwrap();
    let gateway = Gateway::start_with(openclaw(), &home, &["--dev"]).unwrap();

    let config = home.config().unwrap();
    gateway.terminate().unwrap();
    gateway.wait().unwrap();
    let again = Gateway::start_with(openclaw(), &home, &["--dev", "--reset"]).unwrap();

    assert_eq!(config["gateway"]["mode"], "local");
    assert_eq!(config["agents"]["list"][0]["id"], "dev");
    assert!(home.state_dir().join("workspace-dev/IDENTITY.md").exists());
    assert!(!home.state_dir().join("workspace-dev/BOOTSTRAP.md").exists());
    assert_ne!(home.config().unwrap()["gateway"]["auth"], config["gateway"]["auth"]);
    talk_until(&again, "The former state is in ~/.openclaw.reset-");
}

#[test]
fn a_state_directory_in_use_is_refused_with_the_first_ones_pid() {
    let home = quiet(TempHome::minimal().unwrap());
    let first = start(&home);
    let port = free_port().unwrap().to_string();

    let (code, stderr) = run(&home, &["gateway", "run", "--port", &port]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("is in use by process {}\n", first.pid())), "{stderr}");
    assert!(stderr.ends_with("hint: openclaw gateway stop\n"), "{stderr}");
}

#[test]
fn a_port_in_use_is_refused_with_who_holds_it() {
    let home = quiet(TempHome::minimal().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();

    let (code, stderr) = run(&home, &["gateway", "run", "--port", &port.to_string()]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with(&format!("error: Gateway failed to start: port {port} is")));
    let holder = format!("Port {port} is held by pid {}: ", std::process::id());
    assert!(stderr.contains(&holder), "{stderr}");
}

#[test]
fn a_file_in_the_place_of_the_state_directory_is_told_by_its_path() {
    let home = quiet(TempHome::minimal().unwrap());
    let file = home.path().join("not-a-directory");
    fs::write(&file, "").unwrap();
    let mut command = home.command(openclaw());
    command.args(["gateway", "run"]).env("OPENCLAW_STATE_DIR", &file);
    command.env("OPENCLAW_CONFIG_PATH", home.config_path());

    let output = command.output().unwrap();

    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("not-a-directory"), "{stderr}");
}

#[test]
fn sigterm_ends_it_with_exit_code_0() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);

    gateway.terminate().unwrap();
    let (status, stderr) = gateway.wait().unwrap();

    assert_eq!(status.code(), Some(0), "{stderr}");
}

#[test]
fn stop_ends_the_gateway_of_this_state_directory_and_says_so() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let pid = gateway.pid();

    let stopped = run(&home, &["gateway", "stop"]).answer();
    let (status, _) = gateway.wait().unwrap();
    let nothing = run(&home, &["gateway", "stop", "--json"]).json();

    assert_eq!(stopped, format!("Stopped the gateway (pid {pid}).\n"));
    assert_eq!(status.code(), Some(0));
    assert_eq!((&nothing["ok"], &nothing["result"]), (&json!(true), &json!("not-loaded")));
}

#[test]
fn services_are_honestly_not_managed() {
    let home = TempHome::new().unwrap();

    for verb in ["start", "restart"] {
        let answer = run(&home, &["gateway", verb, "--json"]).json();
        assert_eq!((&answer["ok"], &answer["result"]), (&json!(true), &json!("not-loaded")));
    }
    for verb in ["install", "uninstall"] {
        let ran = run(&home, &["gateway", verb, "--json"]);
        assert_eq!((ran.json()["ok"].clone(), ran.code), (json!(false), Some(1)));
    }
}

#[test]
fn status_tells_what_is_configured_and_whether_it_answers() {
    let (home, port) = alone();
    let stopped = run(&home, &["gateway", "status", "--json"]).json();
    let gateway = start(&home);

    let running = run(&home, &["gateway", "status", "--json"]).json();
    let text = run(&home, &["gateway", "status"]).answer();

    assert_eq!((&stopped["rpc"]["ok"], &stopped["gateway"]["port"]), (&json!(false), &json!(port)));
    assert_eq!(stopped["service"]["runtime"]["status"], "stopped");
    assert_eq!(running["rpc"]["ok"], true);
    assert_eq!(running["service"]["runtime"]["pid"], gateway.pid());
    assert_eq!(running["port"]["listeners"][0]["pid"], gateway.pid());
    assert!(text.contains("RPC probe: ok\n"), "{text}");
}

#[test]
fn call_prints_the_payload_and_a_refusal_is_exit_code_1() {
    let home = quiet(TempHome::minimal().unwrap());
    let _gateway = start(&home);

    let answer = run(&home, &["gateway", "call", "agents.list", "--json"]).json();
    let (code, unknown) = run(&home, &["gateway", "call", "no.such.method"]).failure();
    let (_, params) = run(&home, &["gateway", "call", "health", "--params", "[]"]).failure();

    assert_eq!(answer["defaultId"], "main");
    assert_eq!((code, unknown.as_str()), (Some(1), "error: unknown method: no.such.method\n"));
    assert!(params.starts_with("error: --params must be a JSON object\n"), "{params}");
}

#[test]
fn probe_says_what_can_be_reached() {
    let (home, _) = alone();
    let (code, _) = run(&home, &["gateway", "probe"]).failure();
    let _gateway = start(&home);

    let probe = run(&home, &["gateway", "probe", "--json"]).json();

    assert_eq!(code, Some(1));
    assert_eq!((&probe["ok"], &probe["primaryTargetId"]), (&json!(true), &json!("localLoopback")));
    assert_eq!(probe["targets"][0]["connect"]["ok"], true);
}

#[test]
fn force_ends_what_listens_on_the_port() {
    let home = quiet(TempHome::minimal().unwrap());
    let other = quiet(TempHome::minimal().unwrap());
    let squatter = start(&other);

    let gateway = Gateway::spawn(openclaw(), &home, squatter.port(), &["--force"]).unwrap();
    let (status, _) = squatter.wait().unwrap();

    assert_eq!(status.code(), Some(0));
    gateway.terminate().unwrap();
}
