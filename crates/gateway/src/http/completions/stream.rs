//! The answer in pieces: server-sent events in the order that `OpenAI`'s clients expect.
//!
//! ```text
//!  role ─► text … ─► (calls) ─► stop ─► (usage) ─► [DONE]
//!            └─ error ──────────────────────────────┘
//! ```

use agent::{Event, Outcome};
use axum::body::Body;
use domain::{Call, Usage};
use serde::Serialize;
use tokio::sync::mpsc;

use super::{Heading, Tokens, ToolCall, finish_reason, tool_call};
use crate::http::{
    pieces::{self, DONE, Dialect},
    reply::{self, Kind, Reply},
    run::Run,
};

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Tokens>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

/// How this answer is written.
struct Chunks {
    heading: Heading,
    wants_usage: bool,
}

/// Answers in pieces as the turn goes on. The turn is stopped when the client goes.
pub(super) async fn reply(
    heading: Heading,
    run: Run,
    events: mpsc::Receiver<Event>,
    wants_usage: bool,
) -> Reply {
    pieces::reply(Chunks { heading, wants_usage }, run, events).await
}

/// An answer that is known as a whole, in the same order.
pub(super) fn whole(heading: &Heading, text: &str, wants_usage: bool) -> Reply {
    let usage = wants_usage.then(|| Tokens::from(Usage::default()));
    let pieces = [heading.role(), heading.text(text), heading.end("stop", usage)];
    reply::event_stream(Body::from(pieces.concat()))
}

impl Dialect for Chunks {
    fn head(&self) -> String {
        self.heading.role()
    }

    fn text(&self, text: &str) -> String {
        self.heading.text(text)
    }

    fn end(&self, _: &str, outcome: &Outcome) -> String {
        let usage = self.wants_usage.then(|| Tokens::from(outcome.usage));
        let calls = outcome.handed_over.iter().enumerate().map(|it| self.heading.call(it));
        let calls: String = calls.collect();
        let reason = finish_reason(&outcome.handed_over, outcome.is_cut_short);
        calls + &self.heading.end(reason, usage)
    }

    fn failure(&self, text: &str, _: Usage) -> String {
        line(&reply::error_body(Kind::ApiError, text)) + DONE
    }
}

impl Heading {
    fn role(&self) -> String {
        self.chunk(Delta { role: Some("assistant"), ..Delta::default() }, None)
    }

    fn text(&self, text: &str) -> String {
        self.chunk(Delta { content: Some(text), ..Delta::default() }, None)
    }

    fn call(&self, (index, call): (usize, &Call)) -> String {
        let calls = vec![ToolCall { index: Some(index), ..tool_call(call) }];
        self.chunk(Delta { tool_calls: calls, ..Delta::default() }, None)
    }

    fn end(&self, reason: &'static str, usage: Option<Tokens>) -> String {
        let stop = self.chunk(Delta::default(), Some(reason));
        let usage = usage.map(|usage| self.line(&[], Some(usage))).unwrap_or_default();
        stop + &usage + DONE
    }

    fn chunk(&self, delta: Delta<'_>, finish_reason: Option<&'static str>) -> String {
        self.line(&[Choice { index: 0, delta, finish_reason }], None)
    }

    fn line(&self, choices: &[Choice<'_>], usage: Option<Tokens>) -> String {
        line(&Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: self.created,
            model: &self.model,
            choices,
            usage,
        })
    }
}

fn line<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    format!("data: {json}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_and_the_bytes_are_those_of_the_reference() {
        let heading =
            Heading { id: "chatcmpl_1".to_owned(), created: 7, model: "openclaw".to_owned() };
        let usage = Tokens { prompt: 3, completion: 2, total: 5 };

        let text = [heading.role(), heading.text("hé"), heading.end("stop", Some(usage))].concat();

        let head = r#"{"id":"chatcmpl_1","object":"chat.completion.chunk","created":7,"model":"openclaw","choices":["#;
        let expected = [
            format!(
                r#"data: {head}{{"index":0,"delta":{{"role":"assistant"}},"finish_reason":null}}]}}"#
            ),
            format!(
                r#"data: {head}{{"index":0,"delta":{{"content":"hé"}},"finish_reason":null}}]}}"#
            ),
            format!(r#"data: {head}{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}"#),
            format!(
                r#"data: {head}],"usage":{{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}}}"#
            ),
            "data: [DONE]".to_owned(),
            String::new(),
        ];
        assert_eq!(text, expected.join("\n\n"));
    }
}
