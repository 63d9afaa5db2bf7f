//! Items in pieces, and items that come whole.

use domain::{CallId, Part, StopReason};
use proptest::prelude::*;
use serde_json::json;

use super::ENTRY;
use crate::{ErrorKind, endpoint::decode_all};

const REASONING: &str = r#"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"blob"}"#;

fn recorded() -> String {
    format!(
        r#"event: response.created
data: {{"type":"response.created","response":{{"id":"r"}}}}

data: {{"type":"response.output_item.added","output_index":0,"item":{{"type":"reasoning","id":"rs_1","summary":[]}}}}

data: {{"type":"response.reasoning_summary_text.delta","output_index":0,"delta":"hm"}}

data: {{"type":"response.reasoning_summary_part.done","output_index":0}}

data: {{"type":"response.output_item.done","output_index":0,"item":{REASONING}}}

data: {{"type":"response.output_item.done","output_index":1,"item":{{"type":"message","id":"msg_1","content":[{{"type":"output_text","text":"Grüße"}}]}}}}

data: {{"type":"response.output_item.added","output_index":2,"item":{{"type":"function_call","id":"fc_1","call_id":"call_1","name":"exec","arguments":""}}}}

data: {{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{{\"a\":"}}

data: {{"type":"response.function_call_arguments.delta","output_index":2,"delta":"1}}"}}

data: {{"type":"response.completed","response":{{"usage":{{"input_tokens":10,"output_tokens":4,"input_tokens_details":{{"cached_tokens":6}}}}}}}}
"#
    )
}

#[test]
fn a_failed_response_says_why() {
    let mut decoder = (ENTRY.decoder)(crate::quirks::Quirks::default());
    let event = json!({"type": "response.failed", "response": {"error":
        {"code": "rate_limit_exceeded", "message": "Slow down"}}});

    let fault = decoder.event(&event.to_string(), &mut Vec::new()).unwrap_err();

    assert_eq!(fault.kind, ErrorKind::RateLimit);
    assert_eq!(fault.text, "rate_limit_exceeded: Slow down");
}

#[test]
fn a_response_cut_by_its_limit_says_so() {
    let stream = "data: {\"type\":\"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"max_output_tokens\"}}}\n\n";

    let reply = decode_all(&ENTRY, stream.as_bytes(), &[usize::MAX]).unwrap();

    assert_eq!(reply.stop, StopReason::Length);
}

proptest! {
    #[test]
    fn a_reply_does_not_depend_on_where_the_bytes_are_cut(cuts in prop::collection::vec(1_usize..60, 1..30)) {
        let reply = decode_all(&ENTRY, recorded().as_bytes(), &cuts).unwrap();

        prop_assert_eq!(reply.parts, [
            Part::Thinking {
                thinking: "hm".to_owned(),
                thinking_signature: Some(REASONING.to_owned()),
                redacted: false,
            },
            Part::Text { text: "Grüße".to_owned(), text_signature: Some("msg_1".to_owned()) },
            Part::ToolCall {
                id: CallId::new("call_1|fc_1"),
                name: "exec".to_owned(),
                arguments: json!({"a": 1}),
                thought_signature: None,
            },
        ]);
        prop_assert_eq!((reply.usage.input, reply.usage.cache_read), (4, 6));
    }
}
