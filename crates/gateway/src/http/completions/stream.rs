//! The answer in pieces: server-sent events in the order that `OpenAI`'s clients expect.
//!
//! ```text
//!  role ─► text … ─► stop ─► (usage) ─► [DONE]
//!            └─ error ───────────────────┘
//! ```

use std::{convert::Infallible, sync::Arc};

use agent::{Event, EventBody, Outcome, Stop};
use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse as _,
};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::warn;

use super::{FAILED, Heading, Run, Tokens, words};
use crate::http::reply::{self, Kind, Reply};

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

#[derive(Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
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
    event_stream(Body::from_stream(pieces))
}

/// An answer that is known as a whole, in the same order.
pub(super) fn whole(heading: &Heading, text: &str, wants_usage: bool) -> Reply {
    let usage = wants_usage.then(|| Tokens::from(domain::Usage::default()));
    let pieces = [heading.role(), heading.text(text), heading.end(usage)];
    event_stream(Body::from(pieces.concat()))
}

fn event_stream(body: Body) -> Reply {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONNECTION, HeaderValue::from_static("keep-alive")),
    ];
    (StatusCode::OK, headers, body).into_response()
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
        rest + &self.heading.end(usage)
    }

    fn fail(&mut self, text: &str) -> String {
        self.phase = Phase::Over;
        line(&reply::error_body(Kind::ApiError, text)) + DONE
    }
}

impl Heading {
    fn role(&self) -> String {
        self.chunk(Delta { role: Some("assistant"), content: None }, None)
    }

    fn text(&self, text: &str) -> String {
        self.chunk(Delta { role: None, content: Some(text) }, None)
    }

    fn end(&self, usage: Option<Tokens>) -> String {
        let stop = self.chunk(Delta { role: None, content: None }, Some("stop"));
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

/// What of `all` is still to be said when `sent` was. The end of a reply loses its blanks in
/// `all`, so they are looked past; what was sent otherwise is not taken back.
fn rest(sent: &str, all: &str) -> String {
    if sent.trim().is_empty() {
        return all.to_owned();
    }
    let mut left = all.chars().filter(|c| !c.is_whitespace());
    let is_start = sent.chars().filter(|c| !c.is_whitespace()).all(|c| left.next() == Some(c));
    if !is_start {
        return String::new();
    }
    let said = sent.chars().filter(|c| !c.is_whitespace()).count();
    let after = all
        .char_indices()
        .filter(|(_, c)| !c.is_whitespace())
        .nth(said - 1)
        .map_or(all.len(), |(at, c)| at + c.len_utf8());
    let rest = all.get(after..).unwrap_or_default();
    if rest.trim().is_empty() { String::new() } else { rest.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_and_the_bytes_are_those_of_the_reference() {
        let heading =
            Heading { id: "chatcmpl_1".to_owned(), created: 7, model: "openclaw".to_owned() };
        let usage = Tokens { prompt: 3, completion: 2, total: 5 };

        let text = [heading.role(), heading.text("hé"), heading.end(Some(usage))].concat();

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

    #[test]
    fn only_what_was_not_sent_is_still_said() {
        assert_eq!(rest("", "all"), "all");
        assert_eq!(rest("one \n\ntwo", "one\n\ntwo"), "");
        assert_eq!(rest("one", "one\n\ntwo"), "\n\ntwo");
        assert_eq!(rest("other", "one"), "");
    }
}
