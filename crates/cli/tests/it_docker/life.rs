//! Restarts keep conversations, and nobody stays dead in the process table.

use serde_json::Value;
use testkit::llm::Llm;

use crate::rig::{Container, State, docker, free_port, until};

#[test]
fn conversations_are_there_again_after_a_restart() {
    let llm = Llm::steered();
    let port = free_port();
    let state = State::with_model(port, &llm);
    let mount = state.mount();
    let container =
        Container::start(&["--network", "host", "-v", &mount], &["openclaw", "gateway"]);
    container.until_ready();

    let said = ["openclaw", "agent", "--agent", "main", "-m", "REPLY:n=3", "--json"];
    let turn = container.exec(&said).answer();
    docker(&["restart", &container.id]).answer();
    container.until_ready();
    let sessions = container.exec(&["openclaw", "sessions", "--json"]).answer();

    assert!(turn.contains("Hello from the"), "{turn}");
    let sessions: Value = serde_json::from_str(&sessions).unwrap();
    assert_eq!(sessions["sessions"].as_array().map(Vec::len), Some(1), "{sessions}");
}

#[test]
fn orphans_that_end_are_reaped() {
    let state = State::with_config(18789);
    let mount = state.mount();
    let container = Container::start(&["-v", &mount], &["openclaw", "gateway"]);
    container.until_ready();

    // The child outlives its parent by a moment, and then it is process 1 that must see it end.
    let orphan = "sh -c 'sh -c \"read line <>/tmp/fifo\" & echo $!'";
    let pid = container.exec(&["sh", "-c", &format!("mkfifo /tmp/fifo; {orphan}")]).answer();
    let parent = container.exec(&["ps", "-o", "ppid=", "-p", &pid]).answer();
    container.exec(&["sh", "-c", "echo >/tmp/fifo"]).answer();

    assert_eq!(parent.trim(), "1");
    let gone = || container.exec(&["ps", "-o", "stat=", "-p", &pid]).stdout.trim().is_empty();
    until(gone, || container.exec(&["ps", "-ef"]).stdout);
}
