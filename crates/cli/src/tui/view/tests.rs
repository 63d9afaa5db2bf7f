//! What the screen shows, drawn into memory.

use ratatui::{Terminal, backend::TestBackend};
use serde_json::json;

use super::*;
use crate::tui::state::{Ask, Happened, Options};

fn state() -> State {
    let mut state = State::new(Options::plain(|| "run".to_owned()));
    state.update(Happened::Connected { hello: json!({}) }, 0);
    let messages = json!([
        {"role": "user", "content": "list"},
        {"role": "assistant", "content": [
            {"type": "toolCall", "id": "c", "name": "exec", "arguments": {"command": "ls"}}]},
        {"role": "toolResult", "toolCallId": "c", "isError": true,
            "content": [{"type": "text", "text": "one\u{1b}]0;evil\u{7}\u{1b}[2J\ntwo"}]},
        {"role": "assistant", "content": "# Two\n- `one`"},
    ]);
    let reply = json!({"messages": messages, "thinkingLevel": "low",
        "defaults": {"model": "mock-1"}});
    let ask = Ask::History { key: "agent:main:main".into() };
    state.update(Happened::Answer { ask, result: Ok(reply) }, 0);
    state
}

fn drawn(state: &mut State, width: u16, height: u16) -> (String, (u16, u16)) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, state, Theme::PLAIN)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let lines: Vec<String> = buffer
        .content()
        .chunks(usize::from(width))
        .map(|cells| cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>())
        .map(|line| line.trim_end().to_owned())
        .collect();
    let cursor = terminal.get_cursor_position().unwrap();
    (lines.join("\n"), (cursor.x, cursor.y))
}

#[test]
fn a_chat_has_all_its_parts_and_no_control_characters() {
    let mut state = state();
    state.input.insert("a\nb");

    let (screen, cursor) = drawn(&mut state, 60, 16);

    insta::assert_snapshot!(screen, @r"
    openclaw ws://127.0.0.1:1  agent:main:main

    › list

    ✗ exec ls
      one
      two

      Two
      • one


    ● connected · idle
    > a
      b
    agent main · mock-1 · think low · /help
    ");
    assert_eq!(cursor, (3, 14));
}

#[test]
fn a_question_stands_above_the_input_and_says_what_it_leaves_out() {
    let mut state = state();
    let command = format!("echo \u{202e}1\n{}", "echo 2\n".repeat(40));
    let payload = json!({"id": "q", "expiresAtMs": 9_000_000, "request": {
        "command": command, "host": "gateway", "cwd": "/home"}});
    state.update(Happened::Event { name: "exec.approval.requested".into(), payload }, 0);

    let (screen, _) = drawn(&mut state, 60, 16);

    assert!(screen.contains("May this run? on gateway in /home\necho \\u{202e}1\n"), "{screen}");
    assert!(screen.contains("more lines are not shown here\ny once"), "{screen}");
}

#[test]
fn a_slash_shows_what_could_follow() {
    let mut state = state();
    state.input.insert("/se");

    let (screen, _) = drawn(&mut state, 60, 16);

    assert!(screen.contains("  /session          go to a conversation\n"), "{screen}");
    assert!(screen.contains("  /sessions         choose a conversation\n"), "{screen}");
}

#[test]
fn a_terminal_of_any_size_is_drawn() {
    let mut state = state();
    state.input.insert(&"long ".repeat(200));

    for (width, height) in [(1, 1), (2, 3), (5, 40), (300, 2), (20, 10)] {
        drawn(&mut state, width, height);
    }
}
