//! `system`: notes for the agent, who is connected, heartbeats.

use testkit::{
    gateway::Gateway,
    home::TempHome,
    llm::{Llm, says},
};

use crate::program::{Ran, openclaw, run, run_with};

#[test]
fn an_event_reaches_the_agent_now_or_later_and_presence_shows_who_is_there() {
    let llm = Llm::script([says("I looked.")]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let port = gateway.port().to_string();
    let system = |args: &[&str]| -> Ran {
        let args: Vec<&str> = std::iter::once("system").chain(args.iter().copied()).collect();
        run_with(&home, &args, &[("OPENCLAW_GATEWAY_PORT", &port)])
    };

    let later = system(&["event", "--text", "the door opened"]);
    let asked_before = llm.count();
    let now = system(&["event", "--text", "look", "--mode", "now", "--json"]);
    let presence = system(&["presence", "--json"]).json();
    let table = system(&["presence"]).answer();
    let last = system(&["heartbeat", "last"]);
    let switched = system(&["heartbeat", "enable"]);

    assert_eq!((later.answer(), asked_before), ("ok\n".to_owned(), 0));
    assert_eq!(now.json()["ok"], true);
    assert!(presence.as_array().is_some_and(|rows| !rows.is_empty()), "{presence}");
    assert!(table.starts_with("Host"), "{table}");
    assert_eq!(last.answer(), "No heartbeat yet.\n");
    assert_eq!(switched.answer(), "ok\n");
}

#[test]
fn what_is_missing_is_a_usage_error() {
    let home = TempHome::minimal().unwrap();

    let bare = run(&home, &["system"]);
    let blank = run(&home, &["system", "event", "--text", " "]);

    assert_eq!((bare.code, blank.code), (Some(1), Some(1)));
    assert!(blank.stderr.contains("--text must say something"), "{}", blank.stderr);
}
