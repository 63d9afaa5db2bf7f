//! `agent`: one message becomes one turn, through a gateway and without one.

use std::fs;

use serde_json::json;
use testkit::{
    home::TempHome,
    llm::{Llm, calls, fails, says},
};

use crate::program::{quiet, run, start};

fn home_with(llm: &Llm) -> TempHome {
    let home = quiet(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap());
    home.merge_config(&json!({"gateway": {"port": testkit::gateway::free_port().unwrap()}}))
        .unwrap();
    home
}

fn transcript(home: &TempHome) -> String {
    let dir = home.state_dir().join("agents/main/sessions");
    let files = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    let mut files = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    fs::read_to_string(files.next().unwrap()).unwrap()
}

#[test]
fn a_message_through_the_gateway_brings_the_reply_and_is_on_disk() {
    let llm = Llm::script([says("Hello from the model")]);
    let home = home_with(&llm);
    let _gateway = start(&home);

    let ran = run(&home, &["agent", "--agent", "main", "-m", "Hi there"]);

    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stdout, "Hello from the model\n");
    let transcript = transcript(&home);
    assert!(transcript.contains("Hi there") && transcript.contains("Hello from the model"));
    assert_eq!(llm.violations(), Vec::<String>::new());
}

#[test]
fn json_through_the_gateway_has_run_status_and_payloads() {
    let llm = Llm::script([says("Hello")]);
    let home = home_with(&llm);
    let _gateway = start(&home);

    let answer = run(&home, &["agent", "--agent", "main", "-m", "Hi", "--json"]).json();

    assert_eq!((&answer["status"], &answer["summary"]), (&json!("ok"), &json!("completed")));
    assert_eq!(answer["result"]["payloads"], json!([{"text": "Hello", "mediaUrl": null}]));
    assert_eq!(answer["result"]["meta"]["agentMeta"]["model"], "mock-1");
}

#[test]
fn a_local_turn_runs_a_real_tool_without_a_gateway() {
    let llm = Llm::script([calls("exec", json!({"command": "echo $((6*7))"})), says("Done.")]);
    let home = home_with(&llm);

    let ran = run(&home, &["agent", "--local", "--agent", "main", "-m", "Compute", "--json"]);

    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["payloads"], json!([{"text": "Done.", "mediaUrl": null}]));
    assert!(llm.request(1).result_of("exec").contains("42"));
    assert_eq!(llm.violations(), Vec::<String>::new());
}

#[test]
fn without_a_gateway_the_turn_runs_here_and_says_so() {
    let llm = Llm::script([says("Here I am")]);
    let home = home_with(&llm);

    let ran = run(&home, &["agent", "--agent", "main", "-m", "Hi"]);

    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "Here I am\n"), "{ran:?}");
    assert!(
        ran.stderr.starts_with("warning: no gateway: gateway closed (1006): connection refused;"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_local_turn_beside_a_gateway_is_refused_with_its_pid() {
    let llm = Llm::script([]);
    let home = home_with(&llm);
    let gateway = start(&home);

    let (code, stderr) = run(&home, &["agent", "--local", "--agent", "main", "-m", "Hi"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("is in use by process {}", gateway.pid())), "{stderr}");
    assert!(stderr.contains("hint: leave out --local"), "{stderr}");
}

#[test]
fn an_unknown_agent_is_named_with_those_there_are() {
    let llm = Llm::script([]);
    let home = home_with(&llm);

    let (code, stderr) = run(&home, &["agent", "--agent", "nobody", "-m", "Hi"]).failure();

    assert_eq!(code, Some(1));
    assert_eq!(stderr, "error: unknown agent id \"nobody\"\nhint: known agents: main\n");
}

#[test]
fn a_model_that_refuses_the_key_fails_the_command() {
    let llm = Llm::script([fails(401, None)]);
    let home = home_with(&llm);

    let (code, stderr) = run(&home, &["agent", "--local", "--agent", "main", "-m", "Hi"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.lines().any(|line| line.starts_with("error: ")), "{stderr}");
    assert!(!stderr.contains("test-key"), "{stderr}");
}

#[test]
fn without_a_key_it_says_where_one_is_looked_for() {
    let home = quiet(TempHome::minimal().unwrap());

    let (code, stderr) = run(&home, &["agent", "--local", "--agent", "main", "-m", "Hi"]).failure();

    assert_eq!(code, Some(1));
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines[0].ends_with("no API key found for provider `anthropic`"), "{stderr}");
    assert!(lines[1].contains("configure --section model; or set `ANTHROPIC_API_KEY`"), "{stderr}");
}
