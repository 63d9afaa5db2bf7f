//! Thinking there and back, keys, cache marks, and the rules on order.

use std::{collections::BTreeMap, sync::Arc};

use domain::{
    Assistant, CallId, Content, Message, Part, Secret, StopReason, ToolResult, UnixMillis, Usage,
    User,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::ENTRY;
use crate::{Model, Request, Thinking, dialect::Route, endpoint::decode_all};

fn route(key: &str, params: &Value) -> Route {
    Route {
        base_url: "https://api.anthropic.com".to_owned(),
        key: Some(Secret::new(key)),
        headers: BTreeMap::new(),
        auth_header: false,
        compat: config::Compat::default(),
        params: params.as_object().cloned().unwrap_or_default(),
        streams: true,
        quirks: crate::quirks::Quirks::default(),
    }
}

fn request(messages: Vec<Message>) -> Request {
    let model = Model {
        provider: "anthropic".to_owned(),
        id: "claude-sonnet-4-5".to_owned(),
        name: "Sonnet".to_owned(),
        api: config::Api::AnthropicMessages,
        context_tokens: 200_000,
        output_tokens_max: 64_000,
        reasoning: true,
        images: true,
        prices: domain::usage::Prices::default(),
    };
    Request {
        model: Arc::new(model),
        system: "Be brief.".into(),
        messages: messages.into_iter().map(Arc::new).collect(),
        tools: Arc::new([]),
        thinking: Thinking::Low,
        cache_key: String::new(),
        result_bytes_max: None,
    }
}

fn body(messages: Vec<Message>, params: &Value) -> Value {
    let bytes = (ENTRY.encode)(&request(messages), &route("sk-x", params)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn user(text: &str) -> Message {
    Message::User(User { content: Content::text(text), timestamp: UnixMillis(0) })
}

fn said(parts: Vec<Part>) -> Message {
    Message::Assistant(Assistant {
        content: Content(parts),
        api: "anthropic-messages".to_owned(),
        provider: "anthropic".to_owned(),
        model: "claude-sonnet-4-5".to_owned(),
        usage: Usage::default(),
        stop_reason: StopReason::Stop,
        error_message: None,
        timestamp: UnixMillis(0),
    })
}

fn thought(text: &str, signature: &str, redacted: bool) -> Part {
    let thinking_signature = Some(signature.to_owned());
    Part::Thinking { thinking: text.to_owned(), thinking_signature, redacted }
}

fn call(id: &str) -> Part {
    let (name, arguments) = ("exec".to_owned(), json!({}));
    Part::ToolCall { id: CallId::new(id), name, arguments, thought_signature: None }
}

fn answered(id: &str) -> Message {
    Message::ToolResult(ToolResult {
        tool_call_id: CallId::new(id),
        tool_name: "exec".to_owned(),
        content: Content::text("ok"),
        details: None,
        is_error: true,
        timestamp: UnixMillis(0),
    })
}

#[test]
fn thinking_goes_back_exactly_as_it_came() {
    let parts = vec![thought("hm", "s1", false), thought("", "blob", true), call("a|b c")];

    let body = body(vec![user("go"), said(parts), answered("a|b c"), user("wait")], &json!({}));

    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hm", "signature": "s1"},
            {"type": "redacted_thinking", "data": "blob"},
            {"type": "tool_use", "id": "a", "name": "exec", "input": {}},
        ])
    );
    assert_eq!(
        body["messages"][2],
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "is_error": true,
                "content": [{"type": "text", "text": "ok"}]},
            {"type": "text", "text": "wait", "cache_control": {"type": "ephemeral"}},
        ]})
    );
}

#[test]
fn thinking_is_off_in_a_row_of_calls_that_began_without() {
    let with = vec![user("go"), said(vec![thought("hm", "s", false), call("a")]), answered("a")];
    let without = vec![user("go"), said(vec![call("a")]), answered("a")];

    assert_eq!(body(with, &json!({}))["thinking"]["budget_tokens"], 2048);
    assert_eq!(body(without, &json!({}))["thinking"], Value::Null);
}

#[test]
fn parameters_of_the_model_are_sent() {
    let params = json!({"maxTokens": 1500, "temperature": 0.5, "cacheRetention": "long"});

    let body = body(vec![user("hi")], &params);

    assert_eq!((&body["max_tokens"], &body["thinking"]), (&json!(1500), &Value::Null));
    assert_eq!(body["temperature"], 0.5);
    assert_eq!(body["system"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
}

#[test]
fn the_person_speaks_first_even_when_the_model_did() {
    let body = body(vec![said(vec![Part::text("Hello?")]), user("hi")], &json!({}));

    assert_eq!(body["messages"][0]["role"], "user");
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(3));
}

#[test]
fn subscription_tokens_are_shown_as_bearer_tokens() {
    let oauth = (ENTRY.headers)(&route("sk-ant-oat01-abc", &json!({})));
    let plain = (ENTRY.headers)(&route("sk-ant-api03-abc", &json!({})));

    assert_eq!(oauth["authorization"], "Bearer sk-ant-oat01-abc");
    assert!(oauth["anthropic-beta"].to_str().unwrap().contains("oauth-2025-04-20"));
    assert!(!oauth.contains_key("x-api-key") && !plain.contains_key("authorization"));
    assert!(plain["x-api-key"].is_sensitive());
}

const RECORDED: &str = r#"event: message_start
data: {"type":"message_start","message":{"usage":{"input_tokens":3,"cache_read_input_tokens":5,"cache_creation_input_tokens":7,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"si"}}

data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"g"}}

data: {"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"blob"}}

event: ping
data: {"type": "ping"}

data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"exec","input":{}}}

data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\": \"ü"}}

data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"\"}"}}

data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}

event: message_stop
data: {"type":"message_stop"}
"#;

proptest! {
    #[test]
    fn a_reply_does_not_depend_on_where_the_bytes_are_cut(cuts in prop::collection::vec(1_usize..40, 1..30)) {
        let reply = decode_all(&ENTRY, RECORDED.as_bytes(), &cuts).unwrap();

        let call = Part::ToolCall {
            id: CallId::new("toolu_1"),
            name: "exec".to_owned(),
            arguments: json!({"a": "ü"}),
            thought_signature: None,
        };
        prop_assert_eq!(reply.parts, [thought("hm", "sig", false), thought("", "blob", true), call]);
        let usage = reply.usage;
        prop_assert_eq!((usage.input, usage.cache_read, usage.cache_write, usage.output), (3, 5, 7, 9));
    }
}
