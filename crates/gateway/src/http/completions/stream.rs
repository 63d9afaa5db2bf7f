//! The answer in pieces: server-sent events in the order that `OpenAI`'s clients expect.
//!
//! ```text
//!  role ─► text … ─► (calls) ─► stop ─► (usage) ─► [DONE]
//!            └─ error ──────────────────────────────┘
//! ```

use std::{convert::Infallible, sync::Arc};

use agent::{Event, EventBody, Outcome, Stop};
use axum::body::{Body, Bytes};
use domain::Call;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::warn;

use super::{Heading, Tokens, ToolCall, finish_reason, tool_call};
use crate::http::{
    reply::{self, Kind, Reply},
    run::{FAILED, Run, rest, words},
};

const DONE: &str = "data: [DONE]\n\n";

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

/// An answer on its way.
struct Piecewise {
    heading: Heading,
    run: Run,
    events: mpsc::Receiver<Event>,
    wants_usage: bool,
    /// All text sent so far.
    sent: String,
    phase: Phase,
}

#[derive(Clone, Copy)]
enum Phase {
    Role,
    Text,
    Over,
}

/// Answers in pieces as the turn goes on. The turn is stopped when the client goes.
pub(super) fn reply(
    heading: Heading,
    run: Run,
    events: mpsc::Receiver<Event>,
    wants_usage: bool,
) -> Reply {
    let piecewise =
        Piecewise { heading, run, events, wants_usage, sent: String::new(), phase: Phase::Role };
    let pieces = stream::unfold(piecewise, |mut it| async move {
        let piece = it.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), it))
    });
    reply::event_stream(Body::from_stream(pieces))
}

/// An answer that is known as a whole, in the same order.
pub(super) fn whole(heading: &Heading, text: &str, wants_usage: bool) -> Reply {
    let usage = wants_usage.then(|| Tokens::from(domain::Usage::default()));
    let pieces = [heading.role(), heading.text(text), heading.end("stop", usage)];
    reply::event_stream(Body::from(pieces.concat()))
}

impl Piecewise {
    async fn next(&mut self) -> Option<String> {
        match self.phase {
            Phase::Role => {
                self.phase = Phase::Text;
                Some(self.heading.role())
            }
            Phase::Text => Some(self.text_or_end().await),
            Phase::Over => None,
        }
    }

    async fn text_or_end(&mut self) -> String {
        while let Some(event) = self.events.recv().await {
            match event.body {
                EventBody::Text { so_far, delta } => {
                    // A further reply of the same turn begins on a line of its own.
                    let begins = so_far.len() == delta.len() && !self.sent.is_empty();
                    let text = if begins { format!("\n\n{delta}") } else { delta };
                    self.sent.push_str(&text);
                    return self.heading.text(&text);
                }
                EventBody::Ended(outcome) => {
                    self.run.is_over = true;
                    return self.end(&outcome);
                }
                EventBody::Started
                | EventBody::Model { .. }
                | EventBody::Thinking { .. }
                | EventBody::CallStarted { .. }
                | EventBody::CallProgress { .. }
                | EventBody::CallEnded(_)
                | EventBody::Usage(_)
                | EventBody::Compaction { .. } => {}
            }
        }
        // We were too slow and were cut off; the outcome has all of the text.
        match self.run.outcome().await {
            Some(outcome) => self.end(&outcome),
            None => self.fail(FAILED),
        }
    }

    fn end(&mut self, outcome: &Arc<Outcome>) -> String {
        if let Stop::Failed { kind, error } = &outcome.stop {
            warn!(kind, error, "turn failed");
            return self.fail(error);
        }
        self.phase = Phase::Over;
        let rest = rest(&self.sent, &words(outcome));
        let rest = if rest.is_empty() { String::new() } else { self.heading.text(&rest) };
        let usage = self.wants_usage.then(|| Tokens::from(outcome.usage));
        let calls: String =
            outcome.handed_over.iter().enumerate().map(|it| self.heading.call(it)).collect();
        rest + &calls + &self.heading.end(finish_reason(&outcome.handed_over), usage)
    }

    fn fail(&mut self, text: &str) -> String {
        self.phase = Phase::Over;
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
