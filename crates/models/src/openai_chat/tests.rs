//! What providers send instead of the letter of the wire.

use domain::{Part, StopReason};
use proptest::prelude::*;
use serde_json::json;

use super::ENTRY;
use crate::{
    Delta, ErrorKind,
    dialect::{Progress, Reply},
    endpoint::decode_all,
    quirks::Quirks,
};

/// Reads `events` to the end.
fn read(events: &[serde_json::Value]) -> (Vec<Delta>, Reply) {
    let mut decoder = (ENTRY.decoder)(Quirks::default());
    let mut deltas = Vec::new();
    for event in events {
        let progress = decoder.event(&event.to_string(), &mut deltas).unwrap();
        assert_eq!(progress, Progress::More);
    }
    assert_eq!(decoder.event("[DONE]", &mut deltas).unwrap(), Progress::Whole);
    let reply = decoder.reply(&mut deltas).unwrap();
    (deltas, reply)
}

fn piece(calls: &serde_json::Value) -> serde_json::Value {
    json!({"choices": [{"delta": {"tool_calls": calls}}]})
}

/// Names and arguments of the calls.
fn calls(reply: &Reply) -> Vec<(String, String)> {
    let call = |part: &Part| match part {
        Part::ToolCall { name, arguments, .. } => Some((name.clone(), arguments.to_string())),
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
    };
    reply.parts.iter().filter_map(call).collect()
}

#[test]
fn calls_without_index_or_id_are_kept_apart() {
    let (_, reply) = read(&[
        piece(&json!([{"function": {"name": "a", "arguments": "{\"x\""}}])),
        piece(&json!([{"function": {"arguments": ":1}"}}])),
        piece(&json!([{"function": {"name": "b", "arguments": "{}"}}])),
    ]);

    assert_eq!(reply.stop, StopReason::ToolUse);
    let expected = [("a", r#"{"x":1}"#), ("b", "{}")].map(|(n, a)| (n.to_owned(), a.to_owned()));
    assert_eq!(calls(&reply), expected);
    let Part::ToolCall { id, .. } = &reply.parts[0] else { panic!("{reply:?}") };
    assert_eq!(id.as_str().len(), 9, "an id is made up");
}

#[test]
fn several_calls_under_one_index_are_kept_apart_by_their_ids() {
    let (deltas, reply) = read(&[
        piece(&json!([{"index": 0, "id": "c1", "function": {"name": "a", "arguments": "{}"}}])),
        piece(&json!([{"index": 0, "id": "c2", "function": {"name": "b", "arguments": "{"}}])),
        piece(&json!([{"index": 0, "function": {"arguments": "}"}}])),
    ]);

    assert_eq!(calls(&reply).len(), 2);
    assert_eq!(deltas.len(), 2, "each call starts once");
}

#[test]
fn whole_calls_objects_and_null_fields_are_taken() {
    let (_, reply) = read(&[
        json!({"choices": [{"delta": {"content": null, "tool_calls": null}}], "usage": null}),
        piece(&json!([{"index": 0, "id": "c", "function": {"name": "a", "arguments": {"x": 1}}}])),
        json!({"choices": [{"delta": null, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 4}}}),
    ]);

    assert_eq!(reply.stop, StopReason::ToolUse);
    assert_eq!((reply.usage.input, reply.usage.cache_read, reply.usage.output), (6, 4, 2));
}

#[test]
fn thinking_remembers_its_field() {
    let (_, reply) = read(&[
        json!({"choices": [{"delta": {"reasoning_content": "hm"}}]}),
        json!({"choices": [{"delta": {"content": [{"type": "text", "text": "yes"}]}}]}),
    ]);

    let thinking = Part::Thinking {
        thinking: "hm".to_owned(),
        thinking_signature: Some("reasoning_content".to_owned()),
        redacted: false,
    };
    assert_eq!(reply.parts, [thinking, Part::text("yes")]);
}

#[test]
fn an_error_in_the_stream_is_an_error() {
    let mut decoder = (ENTRY.decoder)(Quirks::default());
    let event = r#"{"error":{"message":"Rate limit reached"},"choices":[]}"#;

    let fault = decoder.event(event, &mut Vec::new()).unwrap_err();

    assert_eq!((fault.kind, &*fault.text), (ErrorKind::RateLimit, "Rate limit reached"));
}

const RECORDED: &str = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\r\n\r\n: keep-alive\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Gr\u{fc}\u{df}e \u{1f600}\"}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"exec\",\"arguments\":\"{\\\"a\\\":\"}}]}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]}}]}\r\n\r\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}";

proptest! {
    #[test]
    fn a_reply_does_not_depend_on_where_the_bytes_are_cut(cuts in prop::collection::vec(1_usize..40, 1..30)) {
        let whole = decode_all(&ENTRY, RECORDED.as_bytes(), &[usize::MAX]).unwrap();

        let cut = decode_all(&ENTRY, RECORDED.as_bytes(), &cuts).unwrap();

        prop_assert_eq!(&cut, &whole);
        prop_assert_eq!(whole.parts.len(), 2);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(event in "[ -~]{0,60}|\\{\"choices\": ?[\\[\\]{}\",:a-z0-9]{0,40}") {
        for entry in crate::PROVIDERS {
            let mut decoder = (entry.decoder)(Quirks::default());
            let mut deltas = Vec::new();
            drop(decoder.event(&event, &mut deltas));
            drop(decoder.end());
            drop(decoder.reply(&mut deltas));
        }
    }
}
