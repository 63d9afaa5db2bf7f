//! The answer in pieces: named server-sent events in the order of `OpenAI`'s API
//! (`spec: http` §5.4).
//!
//! ```text
//!  created ─► in progress ─► item, part ─► text … ─► text, part, item done ─► (calls) ─► completed
//!                  └───────────────────────── failed ──────────────────────────────────────┘
//! ```

use agent::{Event, Outcome};
use axum::body::Body;
use domain::{Call, Usage};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::answer::{Heading, Status, call_item, text_part};
use crate::http::{
    pieces::{self, DONE, Dialect},
    reply::{self, Reply},
    run::Run,
};

/// Answers in pieces as the turn goes on. The turn is stopped when the client goes.
pub(super) async fn reply(heading: Heading, run: Run, events: mpsc::Receiver<Event>) -> Reply {
    pieces::reply(heading, run, events).await
}

/// An answer that is known as a whole, in the same order.
pub(super) fn whole(heading: &Heading, text: &str) -> Reply {
    let end = heading.ended(text, &[], (Usage::default(), false));
    reply::event_stream(Body::from([heading.head(), heading.text(text), end].concat()))
}

impl Dialect for Heading {
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

    fn text(&self, text: &str) -> String {
        event("response.output_text.delta", self.at(json!({ "delta": text })))
    }

    fn end(&self, sent: &str, outcome: &Outcome) -> String {
        self.ended(sent, &outcome.handed_over, (outcome.usage, outcome.is_cut_short))
    }

    fn failure(&self, text: &str, usage: Usage) -> String {
        let response = json!({ "response": self.failed(text, usage) });
        event("response.failed", response) + DONE
    }
}

impl Heading {
    fn ended(&self, text: &str, calls: &[Call], (usage, is_cut_short): (Usage, bool)) -> String {
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
        let status = Status::of(is_cut_short);
        let response = json!({ "response": self.response(status, text, calls, usage) });
        let name = if is_cut_short { "response.incomplete" } else { "response.completed" };
        pieces.push(event(name, response));
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
