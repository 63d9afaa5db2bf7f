//! The rules that requests must obey, and what steering words do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    law, steer,
    step::{Reply, Step},
    view::{Dialect, RequestView},
};

/// Reads a request with a key, and everything that is wrong with it.
fn read(dialect: Dialect, body: Value) -> (RequestView, Vec<String>) {
    let headers = ["authorization", "anthropic-version"]
        .map(|name| (name.to_owned(), "Bearer x".to_owned()))
        .into_iter()
        .collect::<BTreeMap<_, _>>();
    let (view, mut broken) = RequestView::read(dialect, headers, body);
    broken.extend(law::breaches(&view));
    (view, broken)
}

fn chat(messages: &Value) -> (RequestView, Vec<String>) {
    let tool = json!({"type": "function", "function":
        {"name": "exec", "parameters": {"type": "object"}}});
    read(
        Dialect::Chat,
        json!({"model": "m", "stream": true, "messages": messages, "tools": [tool]}),
    )
}

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn call(id: &str) -> Value {
    let function = json!({"name": "exec", "arguments": "{}"});
    json!({"role": "assistant", "content": null,
        "tool_calls": [{"id": id, "type": "function", "function": function}]})
}

fn result(id: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": "ok"})
}

/// The words of a steered reply, or the command it calls.
fn steered(messages: &Value) -> String {
    let (view, broken) = chat(messages);
    assert_eq!(broken, Vec::<String>::new());
    match steer::step(&view) {
        Step::Reply(Reply { text, calls, .. }) if calls.is_empty() => text.concat(),
        Step::Reply(Reply { calls, .. }) => calls[0].1.clone(),
        Step::Fails { .. }
        | Step::Hangs(_)
        | Step::ClosesMidStream
        | Step::Raw(_)
        | Step::Sends(_) => panic!("steering only answers"),
    }
}

#[test]
fn requests_that_providers_refuse_are_breaches() {
    let cases = [
        (json!([user("hi"), call("a")]), "call `a` has no result"),
        (json!([user("hi"), result("a")]), "result `a` answers no call"),
        (json!([user("hi"), call("a"), user("x")]), "call `a` has no result"),
        (json!([user("hi"), call("a"), result("b")]), "result `b` comes where `a` is due"),
        (json!([user(" ")]), "message 0 is empty"),
        (json!([]), "there is no message"),
        (json!([user("hi"), {"role": "robot", "content": "x"}]), "unknown role Some(\"robot\")"),
    ];

    for (messages, expected) in cases {
        let (_, broken) = chat(&messages);
        assert!(broken.iter().any(|it| it.starts_with(expected)), "{expected}: {broken:?}");
    }
    let (_, fine) = chat(&json!([user("hi"), call("a"), result("a"), user("go on")]));
    assert_eq!(fine, Vec::<String>::new());
}

#[test]
fn anthropic_messages_alternate_and_put_results_first() {
    let say = |role: &str, blocks: Value| json!({"role": role, "content": blocks});
    let text = json!({"type": "text", "text": "hi"});
    let used = json!({"type": "tool_use", "id": "a", "name": "exec", "input": {}});
    let done = json!({"type": "tool_result", "tool_use_id": "a", "content": "ok"});
    let check = |messages: Value| {
        let body = json!({"model": "m", "stream": true, "max_tokens": 9, "messages": messages});
        read(Dialect::Messages, body).1
    };

    let twice = check(json!([say("user", json!([text])), say("user", json!([text]))]));
    let late = check(json!([
        say("user", json!([text])),
        say("assistant", json!([used])),
        say("user", json!([text, done])),
    ]));
    let fine = check(json!([
        say("user", json!([text])),
        say("assistant", json!([used])),
        say("user", json!([done, text])),
    ]));

    assert_eq!(twice, ["two messages of `user` in a row"]);
    assert!(late.contains(&"a tool result does not come first".to_owned()), "{late:?}");
    assert_eq!(fine, Vec::<String>::new());
}

#[test]
fn steering_words_are_followed() {
    let tool = "Please. TOOL:exec*2 echo hi; pwd [[m:x]]";

    let words = steered(&json!([user("Long. REPLY:n=9,delay=30 [[m:slow]]")]));
    let first = steered(&json!([user(tool)]));
    let second = steered(&json!([user(tool), call("a"), result("a")]));
    let last = steered(&json!([user(tool), call("a"), result("a"), call("b"), result("b")]));

    assert_eq!(words, "Hello from the mock model, this is text. Hello");
    assert_eq!(first, r#"{"command":"echo hi; pwd"}"#);
    assert_eq!(second, first);
    assert_eq!(last, "Hello from the mock model, this is text.");
}

#[test]
fn without_steering_words_the_model_is_friendly_and_runs_one_harmless_command() {
    let ask = user("What is the date?");

    assert!(steered(&json!([user("Hi there")])).starts_with("Good to meet you!"));
    assert_eq!(steered(&json!([ask])), r#"{"command":"date; uname -a"}"#);
    let after = steered(&json!([ask, call("a"), result("a")]));
    assert_eq!(after, "Done. The tool printed:\n\nok");
}
