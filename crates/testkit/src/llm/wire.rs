//! Writes an answer as events of a dialect.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use super::{step::Reply, view::Dialect};

/// A piece of a stream, and how long to wait before it.
pub(super) type Piece = (Duration, String);

/// What the events of one answer have in common.
pub(super) struct Frame<'a> {
    /// In which dialect.
    pub(super) dialect: Dialect,
    /// The model that was asked.
    pub(super) model: &'a str,
    /// Number of the request, for ids.
    pub(super) number: usize,
    /// Tokens of the request.
    pub(super) input_tokens: usize,
}

/// Whether the answer is written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// It is.
    Whole,
    /// It lacks its end.
    Cut,
}

/// All pieces of `reply`.
pub(super) fn write(frame: &Frame<'_>, reply: &Reply, extent: Extent) -> Vec<Piece> {
    match frame.dialect {
        Dialect::Chat => chat(frame, reply, extent),
        Dialect::Responses => responses(frame, reply, extent),
        Dialect::Messages => messages(frame, reply, extent),
    }
}

impl Frame<'_> {
    fn call_id(&self, at: usize) -> String {
        match at {
            0 => format!("call_{}", self.number),
            _ => format!("call_{}_{at}", self.number),
        }
    }
}

fn output_tokens(reply: &Reply) -> usize {
    reply.text.len().max(reply.calls.len() * 8)
}

/// Cuts arguments in two, so that readers must put them together.
fn halves(text: &str) -> [&str; 2] {
    let middle = text.len() / 2;
    let cut = (middle..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let (first, second) = text.split_at(cut);
    [first, second]
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn data(line: &str) -> String {
    format!("data: {line}\n\n")
}

fn chat(frame: &Frame<'_>, reply: &Reply, extent: Extent) -> Vec<Piece> {
    let head = format!(
        r#""id":"chatcmpl-{}","object":"chat.completion.chunk","created":1,"model":{}"#,
        frame.number,
        quoted(frame.model)
    );
    let chunk = |delta: &str, finish: &str| {
        data(&format!(
            r#"{{{head},"choices":[{{"index":0,"delta":{{{delta}}},"finish_reason":{finish}}}]}}"#
        ))
    };
    let mut pieces = vec![(Duration::ZERO, chunk(r#""role":"assistant","content":"""#, "null"))];
    if let Some(thinking) = &reply.thinking {
        let delta = format!(r#""reasoning_content":{}"#, quoted(thinking));
        pieces.push((Duration::ZERO, chunk(&delta, "null")));
    }
    for text in &reply.text {
        let delta = format!(r#""content":{}"#, quoted(text));
        pieces.push((reply.chunk_delay, chunk(&delta, "null")));
    }
    for (at, (name, arguments)) in reply.calls.iter().enumerate() {
        let begin = format!(
            r#""tool_calls":[{{"index":{at},"id":"{}","type":"function","function":{{"name":{},"arguments":""}}}}]"#,
            frame.call_id(at),
            quoted(name)
        );
        pieces.push((Duration::ZERO, chunk(&begin, "null")));
        for half in halves(arguments) {
            let more = format!(
                r#""tool_calls":[{{"index":{at},"function":{{"arguments":{}}}}}]"#,
                quoted(half)
            );
            pieces.push((Duration::ZERO, chunk(&more, "null")));
        }
    }
    if extent == Extent::Whole {
        let finish = if reply.calls.is_empty() { r#""stop""# } else { r#""tool_calls""# };
        let (input, output) = (frame.input_tokens, output_tokens(reply));
        let total = input + output;
        let mut end = chunk("", finish);
        end.push_str(&data(&format!(
            r#"{{{head},"choices":[],"usage":{{"prompt_tokens":{input},"completion_tokens":{output},"total_tokens":{total}}}}}"#
        )));
        end.push_str("data: [DONE]\n\n");
        pieces.push((Duration::ZERO, end));
    }
    pieces
}

fn event(sort: &str, mut body: Value) -> String {
    body["type"] = Value::from(sort);
    format!("event: {sort}\ndata: {body}\n\n")
}

fn messages(frame: &Frame<'_>, reply: &Reply, extent: Extent) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut now = |text: String| pieces.push((Duration::ZERO, text));
    let usage = json!({"input_tokens": frame.input_tokens, "cache_read_input_tokens": 0,
        "cache_creation_input_tokens": 0, "output_tokens": 1});
    let message = json!({"id": format!("msg_{}", frame.number), "type": "message",
        "role": "assistant", "model": frame.model, "content": [], "usage": usage});
    now(event("message_start", json!({ "message": message })));
    now(event("ping", json!({})));
    let mut index = 0;
    let delta = |index: usize, delta: Value| {
        event("content_block_delta", json!({"index": index, "delta": delta}))
    };
    let stop = |index: usize| event("content_block_stop", json!({ "index": index }));
    let start = |index: usize, block: Value| {
        event("content_block_start", json!({"index": index, "content_block": block}))
    };
    if let Some(thinking) = &reply.thinking {
        now(start(index, json!({"type": "thinking", "thinking": "", "signature": ""})));
        now(delta(index, json!({"type": "thinking_delta", "thinking": thinking})));
        let signature = format!("signature-{}", frame.number);
        now(delta(index, json!({"type": "signature_delta", "signature": signature})));
        now(stop(index));
        index += 1;
    }
    if !reply.text.is_empty() {
        now(start(index, json!({"type": "text", "text": ""})));
        for text in &reply.text {
            let more = delta(index, json!({"type": "text_delta", "text": text}));
            pieces.push((reply.chunk_delay, more));
        }
        pieces.push((Duration::ZERO, stop(index)));
        index += 1;
    }
    let mut now = |text: String| pieces.push((Duration::ZERO, text));
    for (at, (name, arguments)) in reply.calls.iter().enumerate() {
        let block = json!({"type": "tool_use", "id": frame.call_id(at), "name": name, "input": {}});
        now(start(index, block));
        for half in halves(arguments) {
            now(delta(index, json!({"type": "input_json_delta", "partial_json": half})));
        }
        now(stop(index));
        index += 1;
    }
    if extent == Extent::Whole {
        let reason = if reply.calls.is_empty() { "end_turn" } else { "tool_use" };
        let usage = json!({"output_tokens": output_tokens(reply)});
        let end = json!({"delta": {"stop_reason": reason, "stop_sequence": null}, "usage": usage});
        now(event("message_delta", end) + &event("message_stop", json!({})));
    }
    pieces
}

fn responses(frame: &Frame<'_>, reply: &Reply, extent: Extent) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut now = |text: String| pieces.push((Duration::ZERO, text));
    let id = format!("resp_{}", frame.number);
    now(event("response.created", json!({"response": {"id": id, "status": "in_progress"}})));
    let added = |at: usize, item: &Value| {
        event("response.output_item.added", json!({"output_index": at, "item": item}))
    };
    let done = |at: usize, item: &Value| {
        event("response.output_item.done", json!({"output_index": at, "item": item}))
    };
    let mut at = 0;
    if let Some(thinking) = &reply.thinking {
        let id = format!("rs_{}", frame.number);
        now(added(at, &json!({"type": "reasoning", "id": id, "summary": []})));
        let more = json!({"output_index": at, "summary_index": 0, "delta": thinking});
        now(event("response.reasoning_summary_text.delta", more));
        let summary = json!([{"type": "summary_text", "text": thinking}]);
        let secret = format!("encrypted-{}", frame.number);
        now(done(
            at,
            &json!({"type": "reasoning", "id": id, "summary": summary, "encrypted_content": secret}),
        ));
        at += 1;
    }
    if !reply.text.is_empty() {
        let id = format!("msg_{}", frame.number);
        now(added(at, &json!({"type": "message", "id": id, "role": "assistant", "content": []})));
        for text in &reply.text {
            let more = json!({"output_index": at, "content_index": 0, "delta": text});
            pieces.push((reply.chunk_delay, event("response.output_text.delta", more)));
        }
        let content = json!([{"type": "output_text", "text": reply.text.concat()}]);
        let item = json!({"type": "message", "id": id, "role": "assistant", "content": content});
        pieces.push((Duration::ZERO, done(at, &item)));
        at += 1;
    }
    let mut now = |text: String| pieces.push((Duration::ZERO, text));
    for (number, (name, arguments)) in reply.calls.iter().enumerate() {
        let mut id = format!("fc_{}", frame.number);
        // Writing to a string cannot fail.
        let _ = write!(id, "_{number}");
        let call_id = frame.call_id(number);
        let item = |arguments: &str| {
            json!({"type": "function_call", "id": id, "call_id": call_id, "name": name,
                "arguments": arguments})
        };
        now(added(at, &item("")));
        for half in halves(arguments) {
            let more = json!({"output_index": at, "delta": half});
            now(event("response.function_call_arguments.delta", more));
        }
        now(done(at, &item(arguments)));
        at += 1;
    }
    if extent == Extent::Whole {
        let (input, output) = (frame.input_tokens, output_tokens(reply));
        let usage = json!({"input_tokens": input, "output_tokens": output,
            "total_tokens": input + output, "input_tokens_details": {"cached_tokens": 0}});
        let response = json!({"id": id, "status": "completed", "usage": usage});
        now(event("response.completed", json!({ "response": response })));
    }
    pieces
}
