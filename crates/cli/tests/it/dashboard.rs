//! `dashboard`: the address of the page, and who opens it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::home::{TOKEN, TempHome};

use crate::program::{run, run_with};

fn home() -> TempHome {
    let home = TempHome::minimal().unwrap();
    home.merge_config(&json!({ "gateway": { "port": 18790 } })).unwrap();
    home
}

#[test]
fn the_address_has_the_token_in_its_fragment() {
    let home = home();
    let based = TempHome::minimal().unwrap();
    based.merge_config(&json!({ "gateway": { "controlUi": { "basePath": "/oc/" } } })).unwrap();

    let text = run(&home, &["dashboard", "--no-open"]).answer();
    let json = run(&based, &["dashboard", "--no-open", "--json"]).json();

    assert_eq!(text, format!("Dashboard URL: http://127.0.0.1:18790/#token={TOKEN}\n"));
    assert_eq!(
        json,
        json!({
            "url": format!("http://127.0.0.1:18789/oc/#token={TOKEN}"),
            "hasToken": true,
            "copied": false,
            "opened": false,
            "reason": "not-asked",
        })
    );
}

#[test]
fn without_a_token_it_says_what_the_page_will_ask_for() {
    let home = home();
    home.merge_config(&json!({ "gateway": { "auth": { "mode": "password", "password": "p" } } }))
        .unwrap();

    let text = run(&home, &["dashboard", "--no-open"]).answer();

    assert_eq!(
        text,
        "Dashboard URL: http://127.0.0.1:18790/\nThe page asks for the gateway's password.\n"
    );
}

#[test]
fn it_opens_the_browser_that_the_environment_names() {
    let home = home();
    let browser = home.path().join("browser");
    let seen = home.path().join("seen");
    fs::write(
        &browser,
        format!("#!/bin/sh\necho \"$1\" > '{0}.new'; mv '{0}.new' '{0}'\n", seen.display()),
    )
    .unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
    let browser = browser.to_str().unwrap();

    let vars = [("BROWSER", browser), ("OPENCLAW_IN_CONTAINER", "0")];
    let text = run_with(&home, &["dashboard"], &vars).answer();

    assert!(text.ends_with("Opened in the browser.\n"), "{text}");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !seen.exists() {
        assert!(Instant::now() < deadline, "the browser was not started");
        std::thread::yield_now();
    }
    let url = fs::read_to_string(seen).unwrap();
    assert_eq!(url, format!("http://127.0.0.1:18790/#token={TOKEN}\n"));
}

#[test]
fn where_no_browser_can_be_seen_it_says_how_to_get_to_one() {
    let home = home();
    let in_container = [("OPENCLAW_IN_CONTAINER", "1")];
    let over_ssh = [("SSH_CONNECTION", "1 2 3 4"), ("USER", "ada")];

    let container = run_with(&home, &["dashboard"], &in_container);
    let ssh = run_with(&home, &["dashboard"], &over_ssh);
    let nowhere = run(&home, &["dashboard", "--json"]).json();

    assert_eq!(container.code, Some(0));
    let hint = "hint: docker compose port openclaw-gateway 18790\n";
    assert!(container.stderr.ends_with(hint), "{}", container.stderr);
    assert!(ssh.stderr.contains("hint: ssh -N -L 18790:127.0.0.1:18790 ada@"), "{}", ssh.stderr);
    assert_eq!((&nowhere["opened"], &nowhere["reason"]), (&json!(false), &json!("no-browser")));
}
