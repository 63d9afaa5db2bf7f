//! Tests of frames: what is one, what is not, and what is said about it.

use proptest::prelude::*;
use serde_json::{json, value::to_raw_value};

use super::*;

fn problems(text: &str) -> (String, String) {
    match parse(text) {
        Parsed::NotARequest { id, problems } => (id, problems),
        other @ (Parsed::Request(_) | Parsed::NotJson) => panic!("{text} is {other:?}"),
    }
}

#[test]
fn a_request_borrows_its_params() {
    let text = r#"{"type":"req","id":"a1","method":"health","params":{"probe":true}}"#;

    let Parsed::Request(request) = parse(text) else { panic!("not a request") };

    assert_eq!((&*request.id, &*request.method), ("a1", "health"));
    assert_eq!(request.params.map(RawValue::get), Some(r#"{"probe":true}"#));
}

#[test]
fn missing_and_null_params_are_none() {
    for text in [
        r#"{"type":"req","id":"1","method":"m"}"#,
        r#"{"type":"req","id":"1","method":"m","params":null,"traceparent":"x"}"#,
    ] {
        let Parsed::Request(request) = parse(text) else { panic!("not a request: {text}") };
        assert!(request.params.is_none(), "{text}");
    }
}

#[test]
fn json_that_is_no_request_is_explained_as_the_reference_does() {
    let cases = [
        (
            r#"{"hello":1}"#,
            "invalid",
            "must have required property 'type'; must have required property 'id'; \
             must have required property 'method'; at root: unexpected property 'hello'",
        ),
        ("[1]", "invalid", "must be object"),
        (
            r#"{"type":"req","id":"7","method":""}"#,
            "7",
            "at /method: must NOT have fewer than 1 characters",
        ),
        (r#"{"type":"res","id":"7","method":"x"}"#, "7", "at /type: must be equal to constant"),
    ];

    for (text, id, expected) in cases {
        assert_eq!(problems(text), (id.to_owned(), expected.to_owned()), "{text}");
    }
}

#[test]
fn nesting_bombs_are_refused_before_they_are_parsed() {
    let bomb = format!(
        r#"{{"type":"req","id":"1","method":"m","params":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );

    let (_, problems) = problems(&bomb);

    assert_eq!(problems, "nested deeper than 96 levels");
}

#[test]
fn events_are_numbered_per_connection() {
    let versions = StateVersion { presence: 2, health: 5 };
    let event = EventText::new("health", &json!({"ok": true}), Some(versions)).unwrap();

    assert_eq!(
        event.numbered(Some(7)),
        r#"{"type":"event","event":"health","payload":{"ok":true},"seq":7,"stateVersion":{"presence":2,"health":5}}"#
    );
    let plain = EventText::new("tick", &json!({"ts": 1}), None).unwrap();
    assert_eq!(plain.numbered(None), r#"{"type":"event","event":"tick","payload":{"ts":1}}"#);
}

#[test]
fn a_refusal_may_carry_a_payload() {
    let payload = to_raw_value(&json!({"runId": "r"})).unwrap();
    let error = Error::new(crate::Code::Unavailable, "no \"model\"");

    let text = refusal("a\"b", &error, Some(&payload));

    let Some(FromServer::Response { id, result: Err((read, read_payload)) }) =
        parse_from_server(&text)
    else {
        panic!("{text}")
    };
    assert_eq!((&*id, read), ("a\"b", error));
    assert_eq!(read_payload.map(RawValue::get), Some(payload.get()));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,200}") {
        drop(parse(&text));
        drop(parse_from_server(&text));
    }

    #[test]
    fn any_json_soup_is_read_without_a_panic(text in "[\\[\\]{}\",:a1 \\\\]{0,120}") {
        drop(parse(&text));
        drop(parse_from_server(&text));
    }

    #[test]
    fn what_is_written_is_read_again(id in "\\PC{1,20}", method in "\\PC{1,20}", n in any::<i64>()) {
        let params = to_raw_value(&json!({"n": n})).unwrap();

        let text = request(&id, &method, &params);

        let Parsed::Request(read) = parse(&text) else { panic!("{text}") };
        prop_assert_eq!(&*read.id, id.as_str());
        prop_assert_eq!(&*read.method, method.as_str());
        prop_assert_eq!(read.params.map(RawValue::get), Some(params.get()));
    }
}
