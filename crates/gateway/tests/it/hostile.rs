//! Bad input: frames, handshakes and every method's params, made from the router's own schemas.
//!
//! Whatever comes, it ends with a code that is specified, the connection lives or closes as
//! specified, others are served, and nothing grows.

use std::fs;

use proptest::{
    prelude::*,
    strategy::{BoxedStrategy, ValueTree as _},
    test_runner::TestRunner,
};
use serde_json::{Map, Value, json};

use crate::{
    client::{Client, Seen},
    server::{Server, connect_params},
};

/// What a refusal may say.
const CODES: [&str; 5] =
    ["INVALID_REQUEST", "UNAVAILABLE", "FORBIDDEN", "NOT_PAIRED", "APPROVAL_NOT_FOUND"];
/// Methods whose answer waits for something that does not come here.
const WAITING: [&str; 6] = [
    "agent",
    "agent.wait",
    "device.scopes.waitUpgrade",
    "exec.approval.request",
    "exec.approval.waitDecision",
    "node.invoke",
];
/// Params of each method that fit its schema.
const FITTING_CASES: usize = 6;
/// How much the process may grow from one round of all methods to the next.
const GROWTH_BYTES_MAX: u64 = 24 << 20;

#[tokio::test]
async fn params_that_do_not_fit_are_refused_by_every_method() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;

    for (method, schema) in gateway::method_schemas() {
        for params in misfits(&schema) {
            let answer = client.call_raw(method, &params).await;

            let told: String = params.to_string().chars().take(200).collect();
            assert_eq!(answer["error"]["code"], "INVALID_REQUEST", "{method} {told}: {answer}");
            assert!(answer.to_string().len() < 4096, "{method} {told}: a long refusal");
        }
    }
    assert_alive(&server, &mut client).await;
    server.stop().await;
}

#[tokio::test]
async fn params_that_fit_by_chance_end_with_a_specified_code_and_nothing_grows() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;
    let mut runner = TestRunner::deterministic();
    let mut sizes = Vec::new();

    for _ in 0..3 {
        for (method, schema) in gateway::method_schemas() {
            if WAITING.contains(&method) || schema.is_null() {
                continue;
            }
            let strategy = fitting(&schema);
            for _ in 0..FITTING_CASES {
                let params = strategy.new_tree(&mut runner).unwrap().current();

                let answer = client.call_raw(method, &params).await;

                assert_specified(method, &answer);
            }
        }
        sizes.push(resident_bytes());
    }

    assert_alive(&server, &mut client).await;
    let grown = sizes[2].saturating_sub(sizes[1]);
    assert!(grown < GROWTH_BYTES_MAX, "{sizes:?}");
    server.stop().await;
}

#[tokio::test]
async fn deep_and_huge_params_are_refused_and_the_connection_lives() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;
    let deep = format!("{}1{}", r#"{"a":"#.repeat(20_000), "}".repeat(20_000));
    let wide = format!(r#"{{"sessionKey":[{}]}}"#, "0,".repeat(500_000) + "0");
    let long = format!(r#"{{"sessionKey":"main","{}":1}}"#, "x".repeat(1 << 20));

    // What is too deep to be read has no id that could be told.
    for (params, id) in [(deep, "invalid"), (wide, "big"), (long, "big")] {
        let frame =
            format!(r#"{{"type":"req","id":"big","method":"chat.history","params":{params}}}"#);
        client.send(&frame).await;
        let answer = client.answer(id).await;

        assert_eq!(answer["error"]["code"], "INVALID_REQUEST");
    }
    assert_alive(&server, &mut client).await;
    server.stop().await;
}

#[tokio::test]
async fn the_same_id_twice_is_two_requests_with_two_answers() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;
    let frame = json!({"type": "req", "id": "twin", "method": "sessions.list", "params": {}});

    client.send(&frame.to_string()).await;
    client.send(&frame.to_string()).await;

    assert_eq!(client.answer("twin").await["ok"], true);
    assert_eq!(client.answer("twin").await["ok"], true);
    server.stop().await;
}

#[tokio::test]
async fn bytes_that_are_no_text_end_their_connection_and_no_other() {
    let server = Server::plain().await;
    let mut witness = server.connect(4).await;
    let mut client = server.connect(4).await;

    client.send_bytes(b"{\"type\":\"req\",\"id\":\"\xff\xfe\"}".to_vec()).await;

    while let Seen::Frame(_) = client.next().await {}
    assert_alive(&server, &mut witness).await;
    server.stop().await;
}

#[tokio::test]
async fn texts_that_are_no_requests_are_answered_or_ignored_and_the_connection_lives() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;
    let mut runner = TestRunner::deterministic();
    let texts = prop_oneof![
        "\\PC{0,200}",
        any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        json_value(3).prop_map(|value| value.to_string()),
        (json_value(2), json_value(2)).prop_map(|(id, params)| {
            json!({"type": "req", "id": id, "method": 7, "params": params}).to_string()
        }),
    ];

    for _ in 0..400 {
        let text = texts.new_tree(&mut runner).unwrap().current();
        client.send(&text).await;
    }

    let last = client.send_request("sessions.list", &json!({})).await;
    let frames = client.until(|frame| frame["id"] == last.as_str()).await;
    for refusal in frames.iter().filter(|it| it["type"] == "res" && it["id"] != last.as_str()) {
        assert_eq!(refusal["error"]["code"], "INVALID_REQUEST", "{refusal}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_handshake_with_any_part_spoilt_is_refused_or_good_but_never_hangs() {
    let server = Server::plain().await;
    let good = connect_params(4);

    for pointer in pointers(&good, "") {
        for spoilt in [json!(null), json!(-1), json!("\u{0}x"), json!([[]]), json!({"a": 1})] {
            let mut params = good.clone();
            *params.pointer_mut(&pointer).unwrap() = spoilt.clone();
            let mut client = server.open().await;

            let answer = client.connect(&params).await;

            if answer["ok"] == false {
                let (code, close) = (&answer["error"]["code"], client.next().await);
                assert!(CODES.iter().any(|it| code == it), "{pointer} {spoilt}: {answer}");
                let Seen::Closed(close, _) = close else { panic!("{close:?} after {answer}") };
                assert!([1002, 1008].contains(&close), "{pointer} {spoilt}: {close}");
            }
        }
    }
    let mut client = server.connect(4).await;
    assert_alive(&server, &mut client).await;
    server.stop().await;
}

/// The connection answers, and a new one is let in.
async fn assert_alive(server: &Server, client: &mut Client) {
    assert_eq!(client.call("health", json!({})).await["ok"], true);
    let mut other = server.connect(3).await;
    assert_eq!(other.call("health", json!({})).await["ok"], true);
}

fn assert_specified(method: &str, answer: &Value) {
    let error = &answer["error"];
    let is_known = CODES.iter().any(|code| error["code"] == *code);
    assert!(answer["ok"] == true || is_known, "{method}: {answer}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(!message.contains("internal error"), "{method}: {answer}");
}

/// Params that the schema refuses.
fn misfits(schema: &Value) -> Vec<Value> {
    let Some(fields) = schema.as_object() else { return Vec::new() };
    let mut misfits =
        vec![json!("text"), json!(7), json!([]), json!(true), json!({"noSuchField": 1})];
    let none = Map::new();
    let properties = fields.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let mut minimal = Map::new();
    let required = fields.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        let mut runner = TestRunner::deterministic();
        let value = fitting(&properties[name]).new_tree(&mut runner).unwrap().current();
        minimal.insert(name.to_owned(), value);
    }
    for name in minimal.keys() {
        let mut lacking = minimal.clone();
        lacking.remove(name);
        misfits.push(Value::Object(lacking));
    }
    for (name, schema) in properties {
        for wrong in [json!(1.5), json!(-7), json!([[1]]), json!({"x": {"y": []}}), json!("")] {
            if !protocol::validation::check(schema, &wrong).is_empty() {
                let mut params = minimal.clone();
                params.insert(name.clone(), wrong);
                misfits.push(Value::Object(params));
            }
        }
    }
    misfits
}

/// Values that fit `schema`, as far as it says.
fn fitting(schema: &Value) -> BoxedStrategy<Value> {
    for keyword in ["anyOf", "oneOf"] {
        if let Some(branches) = schema[keyword].as_array() {
            let branches: Vec<_> = branches.iter().map(fitting).collect();
            return proptest::strategy::Union::new(branches).boxed();
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return proptest::sample::select(words.clone()).boxed();
    }
    if let Some(word) = schema.get("const") {
        return Just(word.clone()).boxed();
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return json_value(2);
        }
    };
    let kinds: Vec<_> = kinds.into_iter().map(|kind| of_kind(schema, kind)).collect();
    proptest::strategy::Union::new(kinds).boxed()
}

fn of_kind(schema: &Value, kind: &str) -> BoxedStrategy<Value> {
    match kind {
        "string" => text(schema),
        "integer" | "number" => {
            let min = schema["minimum"].as_i64().unwrap_or(-5);
            let max = schema["maximum"].as_i64().unwrap_or(min.saturating_add(5000));
            (min..=max).prop_map(|number| json!(number)).boxed()
        }
        "boolean" => any::<bool>().prop_map(|flag| json!(flag)).boxed(),
        "array" => proptest::collection::vec(fitting(&schema["items"]), 0..4)
            .prop_map(Value::Array)
            .boxed(),
        "object" => object(schema),
        _ => Just(Value::Null).boxed(),
    }
}

fn text(schema: &Value) -> BoxedStrategy<Value> {
    let min = usize::try_from(schema["minLength"].as_u64().unwrap_or(0)).unwrap();
    let max = usize::try_from(schema["maxLength"].as_u64().unwrap_or(60)).unwrap();
    let random = proptest::collection::vec(any::<char>(), min..=max.max(min))
        .prop_map(|chars| json!(chars.into_iter().collect::<String>()));
    let telling = ["main", "agent:main:x", "../../etc/passwd", "", "__proto__", "default"];
    let telling: Vec<Value> =
        telling.iter().filter(|it| (min..=max).contains(&it.len())).map(|it| json!(it)).collect();
    if telling.is_empty() {
        return random.boxed();
    }
    prop_oneof![random, proptest::sample::select(telling)].boxed()
}

fn object(schema: &Value) -> BoxedStrategy<Value> {
    let Some(properties) = schema["properties"].as_object() else {
        return proptest::collection::btree_map("[a-z]{1,8}", json_value(1), 0..3)
            .prop_map(|map| json!(map))
            .boxed();
    };
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name))
    };
    let fields: Vec<_> = properties
        .iter()
        .map(|(name, schema)| {
            let (name, always) = (name.clone(), required(name));
            (any::<bool>(), fitting(schema))
                .prop_map(move |(is_there, value)| (name.clone(), value, always || is_there))
        })
        .collect();
    fields
        .prop_map(|fields| {
            let there = fields.into_iter().filter(|(_, _, is_there)| *is_there);
            Value::Object(there.map(|(name, value, _)| (name, value)).collect())
        })
        .boxed()
}

/// Any JSON at all, so deep.
fn json_value(depth: u32) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(depth, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
    .boxed()
}

/// The places in a value, as JSON pointers.
fn pointers(value: &Value, at: &str) -> Vec<String> {
    let Some(fields) = value.as_object() else { return Vec::new() };
    let mut found = Vec::new();
    for (name, value) in fields {
        let place = format!("{at}/{name}");
        found.extend(pointers(value, &place));
        found.push(place);
    }
    found
}

#[expect(clippy::disallowed_methods, reason = "the process's own size is no file of ours")]
pub(crate) fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}
