//! The answer in pieces: named server-sent events in the order of `OpenAI`'s API
//! (`spec: http` §5.4).
//!
//! ```text
//!  created ─► in progress ─► item, part ─► text … ─► text, part, item done ─► (calls) ─► completed
//!                  └───────────────────────── failed ──────────────────────────────────────┘
//! ```

use std::{convert::Infallible, sync::Arc};

use agent::{Event, EventBody, Outcome, Stop};
use axum::body::{Body, Bytes};
use domain::{Call, Usage};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tracing::warn;

use super::answer::{Heading, Status, call_item, text_part};
use crate::http::{
    reply::{self, Reply},
    run::{FAILED, Run, rest, words},
};

const DONE: &str = "data: [DONE]\n\n";

/// An answer on its way.
struct Piecewise {
    heading: Heading,
    run: Run,
    events: mpsc::Receiver<Event>,
    /// All text sent so far.
    sent: String,
    phase: Phase,
}

#[derive(Clone, Copy)]
enum Phase {
    Head,
    Text,
    Over,
}

/// Answers in pieces as the turn goes on. The turn is stopped when the client goes.
pub(super) fn reply(heading: Heading, run: Run, events: mpsc::Receiver<Event>) -> Reply {
    let piecewise = Piecewise { heading, run, events, sent: String::new(), phase: Phase::Head };
    let pieces = stream::unfold(piecewise, |mut it| async move {
        let piece = it.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), it))
    });
    reply::event_stream(Body::from_stream(pieces))
}

/// An answer that is known as a whole, in the same order.
pub(super) fn whole(heading: &Heading, text: &str) -> Reply {
    let pieces = [heading.head(), heading.delta(text), heading.end(text, &[], Usage::default())];
    reply::event_stream(Body::from(pieces.concat()))
}

impl Piecewise {
    async fn next(&mut self) -> Option<String> {
        match self.phase {
            Phase::Head => {
                self.phase = Phase::Text;
                Some(self.heading.head())
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
                    return self.heading.delta(&text);
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
            None => self.fail(FAILED, Usage::default()),
        }
    }

    fn end(&mut self, outcome: &Arc<Outcome>) -> String {
        if let Stop::Failed { kind, error } = &outcome.stop {
            warn!(kind, error, "turn failed");
            return self.fail(error, outcome.usage);
        }
        self.phase = Phase::Over;
        let rest = rest(&self.sent, &words(outcome));
        self.sent.push_str(&rest);
        let rest = if rest.is_empty() { rest } else { self.heading.delta(&rest) };
        rest + &self.heading.end(&self.sent, &outcome.handed_over, outcome.usage)
    }

    fn fail(&mut self, text: &str, usage: Usage) -> String {
        self.phase = Phase::Over;
        let response = json!({ "response": self.heading.failed(text, usage) });
        event("response.failed", response) + DONE
    }
}

impl Heading {
    fn head(&self) -> String {
        let begun = json!({ "response": self.begun() });
        let item = self.message_item(Status::InProgress, "");
        [
            event("response.created", begun.clone()),
            event("response.in_progress", begun),
            event("response.output_item.added", json!({ "output_index": 0, "item": item })),
            event("response.content_part.added", self.at(json!({ "part": text_part("") }))),
        ]
        .concat()
    }

    fn delta(&self, text: &str) -> String {
        event("response.output_text.delta", self.at(json!({ "delta": text })))
    }

    fn end(&self, text: &str, calls: &[Call], usage: Usage) -> String {
        let item = self.message_item(Status::Completed, text);
        let mut pieces = vec![
            event("response.output_text.done", self.at(json!({ "text": text }))),
            event("response.content_part.done", self.at(json!({ "part": text_part(text) }))),
            event("response.output_item.done", json!({ "output_index": 0, "item": item })),
        ];
        for (at, call) in calls.iter().enumerate() {
            let item = |status| json!({ "output_index": at + 1, "item": call_item(call, status) });
            pieces.push(event("response.output_item.added", item(Status::InProgress)));
            pieces.push(event("response.output_item.done", item(Status::Completed)));
        }
        let response = json!({ "response": self.response(Status::Completed, text, calls, usage) });
        pieces.push(event("response.completed", response));
        pieces.push(DONE.to_owned());
        pieces.concat()
    }

    /// A fact about the one text of the answer.
    fn at(&self, fact: Value) -> Value {
        let mut whole = json!({ "item_id": self.message, "output_index": 0, "content_index": 0 });
        if let (Value::Object(whole), Value::Object(fact)) = (&mut whole, fact) {
            whole.extend(fact);
        }
        whole
    }
}

fn event(kind: &str, mut body: Value) -> String {
    body["type"] = kind.into();
    format!("event: {kind}\ndata: {body}\n\n")
}
