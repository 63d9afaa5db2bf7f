//! What events and keys do to the chat, without a terminal or a gateway.

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::tui::paint::{Look, Theme, Unfolded};

const LOOK: Look =
    Look { width: 60, theme: Theme::PLAIN, unfolded: Unfolded { tools: false, thinking: false } };

fn state() -> State {
    State::new(Options::plain(next_name))
}

fn next_name() -> String {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    COUNT.with(|count| {
        count.set(count.get() + 1);
        format!("run{}", count.get())
    })
}

/// A chat with its empty history.
fn open() -> State {
    let mut state = state();
    connect(&mut state);
    state
}

fn connect(state: &mut State) -> Vec<Effect> {
    let mut effects = state.update(Happened::Connected { hello: json!({}) }, 0);
    effects.extend(history(state, &json!([])));
    effects
}

fn history(state: &mut State, messages: &Value) -> Vec<Effect> {
    let ask = Ask::History { key: state.session.key.clone() };
    let result = Ok(json!({"messages": messages}));
    state.update(Happened::Answer { ask, result }, 0)
}

fn press(state: &mut State, code: KeyCode, modifiers: KeyModifiers, at_ms: i64) -> Vec<Effect> {
    state.update(Happened::Key(KeyEvent::new(code, modifiers)), at_ms)
}

fn write(state: &mut State, text: &str) -> Vec<Effect> {
    state.input.set(text);
    press(state, KeyCode::Enter, KeyModifiers::NONE, 0)
}

fn methods(effects: &[Effect]) -> Vec<(&'static str, Value)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Call { method, params, .. } => Some((*method, params.clone())),
            Effect::Quit | Effect::Run { .. } | Effect::StopRun => None,
        })
        .collect()
}

fn shown(state: &mut State) -> Vec<String> {
    let lines = state.log.visible(LOOK, 50);
    lines.iter().map(ToString::to_string).filter(|it| !it.is_empty()).collect()
}

fn chat(state: &mut State, run: &str, what: &str, text: &str) -> Vec<Effect> {
    let payload = json!({"runId": run, "sessionKey": "agent:main:main", "state": what,
        "message": {"content": [{"type": "text", "text": text}]}});
    state.update(Happened::Event { name: "chat".into(), payload }, 0)
}

fn ask(state: &mut State, id: &str, at_ms: i64) {
    let payload = json!({"id": id, "expiresAtMs": 100_000, "request": {"command": "ls"}});
    state.update(Happened::Event { name: "exec.approval.requested".into(), payload }, at_ms);
}

fn run_of(effects: &[Effect]) -> String {
    let calls = methods(effects);
    calls[0].1["idempotencyKey"].as_str().unwrap().to_owned()
}

#[test]
fn a_message_is_sent_shown_and_answered() {
    let mut state = open();

    let sent = write(&mut state, "hello");
    let run = run_of(&sent);
    chat(&mut state, &run, "delta", "Hi");
    let is_running = state.is_running();
    let after = chat(&mut state, &run, "final", "Hi there");

    assert_eq!(methods(&sent)[0].0, "chat.send");
    assert_eq!(shown(&mut state), ["› hello", "  Hi there"]);
    assert!(is_running && !state.is_running());
    assert_eq!(methods(&after)[0].0, "sessions.list");
}

#[test]
fn without_a_connection_the_text_stays_and_what_was_not_answered_goes_again() {
    let mut state = open();
    let sent = run_of(&write(&mut state, "one"));
    state.update(Happened::Lost { why: "gone".into() }, 0);

    let refused = write(&mut state, "two");
    state.update(Happened::Connected { hello: json!({}) }, 0);
    let again = history(&mut state, &json!([{"role": "user", "content": "one"}]));

    assert_eq!((refused, state.input.text()), (Vec::new(), "two"));
    assert_eq!(run_of(&again), sent);
    assert_eq!(shown(&mut state), ["› one"]);
}

#[test]
fn what_is_sent_while_the_history_loads_waits_for_it() {
    let mut state = state();
    state.update(Happened::Connected { hello: json!({}) }, 0);

    let early = write(&mut state, "hello");
    let later = history(&mut state, &json!([{"role": "assistant", "content": "Before"}]));

    assert!(early.is_empty());
    assert_eq!(methods(&later)[0].1["message"], "hello");
    assert_eq!(shown(&mut state), ["  Before", "› hello"]);
}

#[test]
fn the_end_of_a_turn_of_someone_else_loads_what_they_said() {
    let mut state = open();

    chat(&mut state, "theirs", "delta", "Hi");
    let after = chat(&mut state, "theirs", "final", "Hi");

    assert_eq!(methods(&after)[0].0, "chat.history");
}

#[test]
fn events_of_other_conversations_change_nothing() {
    let mut state = open();
    let payload = json!({"runId": "r", "sessionKey": "agent:main:other", "state": "delta",
        "message": {"content": "secret"}});

    state.update(Happened::Event { name: "chat".into(), payload }, 0);

    assert!(shown(&mut state).is_empty() && !state.is_running());
}

#[test]
fn escape_stops_what_runs_and_nothing_else() {
    let mut state = open();
    let idle = press(&mut state, KeyCode::Esc, KeyModifiers::NONE, 0);
    write(&mut state, "hello");

    let running = press(&mut state, KeyCode::Esc, KeyModifiers::NONE, 0);

    assert!(idle.is_empty());
    assert_eq!(methods(&running), [("chat.abort", json!({"sessionKey": "agent:main:main"}))]);
}

#[test]
fn control_c_clears_and_leaves_when_pressed_again_within_a_second() {
    let mut state = open();
    state.input.set("draft");

    let first = press(&mut state, KeyCode::Char('c'), KeyModifiers::CONTROL, 1000);
    let late = press(&mut state, KeyCode::Char('c'), KeyModifiers::CONTROL, 3000);
    let soon = press(&mut state, KeyCode::Char('c'), KeyModifiers::CONTROL, 3500);
    press(&mut state, KeyCode::Up, KeyModifiers::NONE, 4000);

    assert_eq!((first, late, soon), (Vec::new(), Vec::new(), vec![Effect::Quit]));
    assert_eq!(state.input.text(), "draft");
}

#[test]
fn a_question_is_answered_by_a_key_that_came_after_it() {
    let mut state = open();
    ask(&mut state, "q1", 1000);

    let early = press(&mut state, KeyCode::Char('y'), KeyModifiers::NONE, 1100);
    state.input.set("wh");
    press(&mut state, KeyCode::Char('y'), KeyModifiers::NONE, 2000);
    let typed = state.input.text().to_owned();
    let meant = press(&mut state, KeyCode::Char('a'), KeyModifiers::ALT, 2100);

    assert!(early.is_empty());
    assert_eq!(typed, "why");
    let expected = json!({"id": "q1", "decision": "allow-always"});
    assert_eq!(methods(&meant), [("exec.approval.resolve", expected)]);
    assert!(state.questions.is_empty());
}

#[test]
fn a_question_goes_when_someone_else_answers_or_its_time_is_up() {
    let mut state = open();
    ask(&mut state, "q1", 0);
    ask(&mut state, "q2", 0);

    let payload = json!({"id": "q1", "decision": "deny"});
    state.update(Happened::Event { name: "exec.approval.resolved".into(), payload }, 0);
    let left: Vec<String> = state.questions.iter().map(|it| it.id.clone()).collect();
    state.update(Happened::Nothing, 100_000);

    assert_eq!(left, ["q2"]);
    assert!(state.questions.is_empty());
}

#[test]
fn without_the_scope_no_questions_are_asked_for() {
    let mut state = state();
    let hello = json!({"auth": {"scopes": ["operator.read", "operator.write"]}});

    let effects = state.update(Happened::Connected { hello }, 0);

    assert!(methods(&effects).iter().all(|(method, _)| *method != "exec.approval.list"));
}

#[test]
fn lists_are_narrowed_and_chosen_from() {
    let mut state = open();
    let asked = press(&mut state, KeyCode::Char('l'), KeyModifiers::CONTROL, 0);
    let reply = json!({"models": [{"provider": "mock", "id": "one"},
        {"provider": "mock", "id": "two"}]});
    let answer = Happened::Answer { ask: Ask::Choices(Kind::Model), result: Ok(reply) };
    state.update(answer, 0);

    press(&mut state, KeyCode::Char('w'), KeyModifiers::NONE, 0);
    let chosen = press(&mut state, KeyCode::Enter, KeyModifiers::NONE, 0);

    assert_eq!(methods(&asked)[0].0, "models.list");
    let expected = json!({"key": "agent:main:main", "model": "mock/two"});
    assert_eq!(methods(&chosen), [("sessions.patch", expected)]);
    assert!(state.picker.is_none());
}

#[test]
fn commands_of_the_gateway_are_sent_and_those_of_the_chat_are_not() {
    let mut state = open();

    let status = write(&mut state, "/status");
    let deliver = write(&mut state, "/deliver on");
    let sent = write(&mut state, "hello");
    let went = write(&mut state, "/session work");
    let quit = write(&mut state, "/quit");

    assert_eq!(methods(&status)[0].1["message"], "/status");
    assert!(deliver.is_empty());
    assert_eq!(methods(&sent)[0].1["deliver"], true);
    assert_eq!(methods(&went)[0].1["sessionKey"], "agent:main:work");
    assert_eq!(quit, [Effect::Quit]);
}

#[test]
fn a_key_press_in_a_long_history_lays_out_nothing_anew() {
    let mut state = open();
    let messages: Vec<Value> =
        (0..10_000).map(|n| json!({"role": "assistant", "content": format!("line {n}")})).collect();
    history(&mut state, &json!(messages));
    let end = shown(&mut state);
    let before = state.log.laid_count();

    press(&mut state, KeyCode::Char('x'), KeyModifiers::NONE, 0);
    shown(&mut state);

    assert_eq!(end.last().map(String::as_str), Some("  line 9999"));
    assert_eq!((before, state.log.laid_count()), (25, 25));
}

fn enter_bang(state: &mut State) -> Vec<Effect> {
    press(state, KeyCode::Enter, KeyModifiers::NONE, 0)
}

#[test]
fn a_command_of_the_person_is_asked_about_once_and_shown_with_what_it_says() {
    let mut state = open();

    let first = write(&mut state, "!ls -l");
    press(&mut state, KeyCode::Down, KeyModifiers::NONE, 0);
    let agreed = enter_bang(&mut state);
    state.update(Happened::Ran(Said::Output("one\u{1b}[2J\n".into())), 0);
    state.update(Happened::Ran(Said::Ended(Some(2))), 0);
    let second = write(&mut state, "!pwd");

    assert!(first.is_empty());
    assert_eq!(agreed, [Effect::Run { command: "ls -l".into() }]);
    assert_eq!(second, [Effect::Run { command: "pwd".into() }]);
    assert_eq!(shown(&mut state), ["✗ ! ls -l", "  one", "  exit 2", "◌ ! pwd"]);
}

#[test]
fn a_command_that_was_not_agreed_to_stays_where_it_was_typed() {
    let mut state = open();

    for leave in [KeyCode::Enter, KeyCode::Esc] {
        write(&mut state, "!rm x");
        let answered = press(&mut state, leave, KeyModifiers::NONE, 0);

        assert!(answered.is_empty() && state.picker.is_none());
        assert_eq!(state.input.text(), "!rm x");
    }
}

#[test]
fn one_command_runs_at_a_time_and_escape_ends_it() {
    let mut state = open();
    write(&mut state, "!sleep 9");
    press(&mut state, KeyCode::Down, KeyModifiers::NONE, 0);
    enter_bang(&mut state);

    let second = write(&mut state, "!pwd");
    let kept = state.input.text().to_owned();
    let stopped = press(&mut state, KeyCode::Esc, KeyModifiers::NONE, 0);
    state.update(Happened::Ran(Said::Ended(None)), 0);

    assert_eq!((second, kept.as_str()), (Vec::new(), "!pwd"));
    assert_eq!(stopped, [Effect::StopRun]);
    assert!(!state.runs_command());
}

#[test]
fn settings_are_turned_round_one_by_one() {
    let mut state = open();

    write(&mut state, "/settings");
    press(&mut state, KeyCode::Enter, KeyModifiers::NONE, 0);
    press(&mut state, KeyCode::Down, KeyModifiers::NONE, 0);
    press(&mut state, KeyCode::Down, KeyModifiers::NONE, 0);
    press(&mut state, KeyCode::Enter, KeyModifiers::NONE, 0);

    assert!(state.unfolded.tools && !state.unfolded.thinking && state.options.deliver);
    let picker = state.picker.as_ref().unwrap();
    assert_eq!((picker.kind, picker.at()), (Kind::Settings, 2));
}

#[test]
fn values_without_a_command_of_the_gateway_are_set_in_the_conversation() {
    let mut state = open();

    let usage = write(&mut state, "/usage tokens");
    let asked = write(&mut state, "/activation");

    let expected = json!({"key": "agent:main:main", "responseUsage": "tokens"});
    assert_eq!(methods(&usage), [("sessions.patch", expected)]);
    assert!(asked.is_empty());
    assert_eq!(state.notice.as_deref(), Some("/activation is followed by mention, always"));
}

/// Messages whose ids and texts are these numbers.
fn page(numbers: std::ops::Range<usize>) -> Vec<Value> {
    let message = |n| {
        json!({"role": "assistant", "content": format!("line {n}"),
        "__openclaw": {"id": format!("id{n}")}})
    };
    numbers.map(message).collect()
}

fn older(state: &mut State, reply: Value) -> Vec<Effect> {
    let ask = Ask::Older { key: state.session.key.clone() };
    state.update(Happened::Answer { ask, result: Ok(reply) }, 0)
}

#[test]
fn older_messages_are_fetched_where_the_log_begins_and_known_ones_left_out() {
    let mut state = open();
    let ask = Ask::History { key: state.session.key.clone() };
    let newest = json!({"messages": page(400..600), "hasMore": true, "nextOffset": 200});
    state.update(Happened::Answer { ask, result: Ok(newest) }, 0);
    shown(&mut state);
    let at_end = state.drawn();

    state.log.scroll_to_top();
    let before = shown(&mut state);
    let asked = state.drawn();
    let twice = state.drawn();
    // Three messages came in meanwhile, so that the page begins with known ones.
    older(&mut state, json!({"messages": page(204..404), "hasMore": true, "nextOffset": 399}));
    let after = shown(&mut state);
    state.log.scroll_lines(2);
    let above = shown(&mut state);

    assert!(at_end.is_empty() && twice.is_empty());
    let expected = json!({"sessionKey": "agent:main:main", "limit": 200, "offset": 199});
    assert_eq!(methods(&asked), [("chat.history", expected)]);
    assert_eq!(after, before);
    assert_eq!((above[0].as_str(), above[1].as_str()), ("  line 399", "  line 400"));
}

#[test]
fn a_page_of_known_messages_leads_to_the_next_and_the_first_message_ends_it() {
    let mut state = open();
    let ask = Ask::History { key: state.session.key.clone() };
    let newest = json!({"messages": page(10..40), "hasMore": true, "nextOffset": 30});
    state.update(Happened::Answer { ask, result: Ok(newest) }, 0);
    state.log.scroll_to_top();
    shown(&mut state);
    state.drawn();

    let next =
        older(&mut state, json!({"messages": page(50..60), "hasMore": true, "nextOffset": 39}));
    older(&mut state, json!({"messages": page(0..11), "hasMore": false}));
    state.log.scroll_to_top();
    let top = shown(&mut state);

    assert_eq!(methods(&next)[0].1["offset"], 38);
    assert_eq!(top[0], "  line 0");
    assert!(state.drawn().is_empty());
}

#[test]
fn the_persons_own_commands_stay_when_the_history_is_loaded_again() {
    let mut state = open();
    write(&mut state, "!sleep 1");
    press(&mut state, KeyCode::Down, KeyModifiers::NONE, 0);
    enter_bang(&mut state);

    history(&mut state, &json!([{"role": "assistant", "content": "Hi"}]));
    state.update(Happened::Ran(Said::Output("late".into())), 0);
    state.update(Happened::Ran(Said::Ended(Some(0))), 0);

    assert_eq!(shown(&mut state), ["  Hi", "✓ ! sleep 1", "  late"]);
}
