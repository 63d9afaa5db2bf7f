//! A turn's answer in pieces, as server-sent events. What the pieces look like is the API's to say.
//!
//! ```text
//!  head ─► text … ─► end
//!            └─────► failure
//! ```

use std::{convert::Infallible, sync::Arc, time::Duration};

use agent::{Event, EventBody, Outcome, Stop};
use axum::body::{Body, Bytes};
use domain::Usage;
use futures_util::stream;
use tokio::{sync::mpsc, time::timeout};
use tracing::warn;

use super::{
    reply::{self, Reply},
    run::{FAILED, Run, failed, rest, words},
};

/// The last line of an answer.
pub(super) const DONE: &str = "data: [DONE]\n\n";

/// The longest silence in an answer. Proxies drop a connection that is silent for longer, often after
/// 30 or 60 seconds, while tools run.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A comment, which readers of server-sent events pass over (HTML standard, §9.2.6).
const COMMENT: &str = ": keep-alive\n\n";

/// How an API writes the pieces of an answer.
pub(super) trait Dialect: Send + 'static {
    /// What comes before any text.
    fn head(&self) -> String;
    /// A piece of text.
    fn text(&self, text: &str) -> String;
    /// What comes after all text, which is `sent`; with the last line.
    fn end(&self, sent: &str, outcome: &Outcome) -> String;
    /// What comes when there is no answer; with the last line.
    fn failure(&self, text: &str, usage: Usage) -> String;
}

/// An answer on its way.
struct Piecewise<D> {
    dialect: D,
    run: Run,
    events: mpsc::Receiver<Event>,
    /// All text sent so far.
    sent: String,
    phase: Phase,
    /// An event that was taken and is still to be answered to.
    next: Option<Event>,
}

#[derive(Clone, Copy)]
enum Phase {
    Head,
    Text,
    Over,
}

/// Answers in pieces as the turn goes on. The turn is stopped when the client goes.
///
/// A turn that fails before there is anything to show is answered as a whole: its status tells a
/// client more than an event behind a good one.
pub(super) async fn reply<D: Dialect>(
    dialect: D,
    run: Run,
    events: mpsc::Receiver<Event>,
) -> Reply {
    let mut piecewise =
        Piecewise { dialect, run, events, sent: String::new(), phase: Phase::Head, next: None };
    let begun = timeout(KEEP_ALIVE, piecewise.beginning()).await;
    if let Ok(Some(outcome)) = begun
        && let Stop::Failed { kind, error } = &outcome.stop
    {
        warn!(kind, error, "turn failed");
        piecewise.run.is_over = true;
        return failed(&outcome, error);
    }
    let pieces = stream::unfold(piecewise, |mut it| async move {
        let piece = it.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), it))
    });
    reply::event_stream(Body::from_stream(pieces))
}

impl<D: Dialect> Piecewise<D> {
    /// Waits until something happens in the turn; yields its outcome when that is its end.
    async fn beginning(&mut self) -> Option<Arc<Outcome>> {
        loop {
            let event = self.events.recv().await?;
            match &event.body {
                EventBody::Started | EventBody::Model { .. } | EventBody::Usage(_) => {}
                EventBody::Ended(outcome) => {
                    let outcome = Arc::clone(outcome);
                    self.next = Some(event);
                    return Some(outcome);
                }
                EventBody::Text { .. }
                | EventBody::Thinking { .. }
                | EventBody::CallStarted { .. }
                | EventBody::CallProgress { .. }
                | EventBody::CallEnded(_)
                | EventBody::Compaction { .. } => {
                    self.next = Some(event);
                    return None;
                }
            }
        }
    }

    /// The next event.
    async fn event(&mut self) -> Option<Event> {
        match self.next.take() {
            Some(event) => Some(event),
            None => self.events.recv().await,
        }
    }

    async fn next(&mut self) -> Option<String> {
        match self.phase {
            Phase::Head => {
                self.phase = Phase::Text;
                Some(self.dialect.head())
            }
            Phase::Text => Some(self.text_or_end().await),
            Phase::Over => None,
        }
    }

    /// The next piece, or a comment when there is none for a while.
    async fn text_or_end(&mut self) -> String {
        or_comment(self.piece()).await
    }

    /// Waits for the next piece. Loses none when it is given up.
    async fn piece(&mut self) -> String {
        while let Some(event) = self.event().await {
            match event.body {
                EventBody::Text { so_far, delta } => {
                    // A further reply of the same turn begins on a line of its own.
                    let begins = so_far.len() == delta.len() && !self.sent.is_empty();
                    let text = if begins { format!("\n\n{delta}") } else { delta };
                    self.sent.push_str(&text);
                    return self.dialect.text(&text);
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
        if let Some(outcome) = self.run.outcome().await {
            return self.end(&outcome);
        }
        self.phase = Phase::Over;
        self.dialect.failure(FAILED, Usage::default())
    }

    fn end(&mut self, outcome: &Outcome) -> String {
        self.phase = Phase::Over;
        if let Stop::Failed { kind, error } = &outcome.stop {
            warn!(kind, error, "turn failed");
            return self.dialect.failure(error, outcome.usage);
        }
        let rest = rest(&self.sent, &words(outcome));
        self.sent.push_str(&rest);
        let rest = if rest.is_empty() { rest } else { self.dialect.text(&rest) };
        rest + &self.dialect.end(&self.sent, outcome)
    }
}

/// What `piece` brings, or a comment when that takes long.
async fn or_comment(piece: impl Future<Output = String>) -> String {
    timeout(KEEP_ALIVE, piece).await.unwrap_or_else(|_| COMMENT.to_owned())
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_answer_says_something_before_a_proxy_gives_it_up() {
        let begun = Instant::now();

        assert_eq!(or_comment(ready("piece".to_owned())).await, "piece");
        assert_eq!(or_comment(pending()).await, ": keep-alive\n\n");
        // The shortest patience of a common proxy is 20 s.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
