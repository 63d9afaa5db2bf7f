//! A whole turn in the smallest container: 64 MB, a quarter of a processor, nothing writable but
//! the state, no capability, and a user that the image has never heard of.

use testkit::llm::Llm;

use crate::rig::{Container, State, free_port};

#[test]
fn a_turn_needs_little_memory_little_processor_no_root_and_no_disk_but_its_state() {
    let llm = Llm::steered();
    let state = State::with_model(free_port(), &llm);
    state.give_to(1234);
    let mount = state.mount();
    let bounds = [
        "--memory",
        "64m",
        "--memory-swap",
        "64m",
        "--cpus",
        "0.25",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges:true",
        "--user",
        "1234:1234",
        "--network",
        "host",
        "-v",
        &mount,
    ];
    let container = Container::start(&bounds, &["openclaw", "gateway"]);
    container.until_ready();

    let turn = container.exec(&["openclaw", "agent", "--agent", "main", "-m", "REPLY:n=3"]);
    let tool = "TOOL:exec echo made >made.txt";
    let with_tool = container.exec(&["openclaw", "agent", "--agent", "main", "-m", tool]);

    assert_eq!(turn.answer(), "Hello from the");
    assert_eq!(with_tool.code, Some(0), "{}\n{}", with_tool.stderr, container.log());
    let made = std::fs::read_to_string(state.path().join("workspace/made.txt"));
    assert_eq!(made.unwrap(), "made\n");
    assert_eq!(container.inspect("{{.State.OOMKilled}} {{.RestartCount}}"), "false 0");
    assert_eq!(llm.count(), 3);
}
