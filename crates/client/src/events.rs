//! What the gateway tells without being asked.
//!
//! The queue is bounded. When it is full the oldest delta or tick goes, because a later one
//! carries the same text and more; without any such the oldest event goes. The reader sees how
//! many are missing by [`Events::lost`].

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::sync::Notify;

/// One event of the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Such as `chat`.
    pub name: String,
    /// What it says; `null` when nothing.
    pub payload: Value,
    /// Counts broadcasts; absent on targeted ones.
    pub seq: Option<u64>,
}

impl Event {
    /// Whether a later event makes this one superfluous.
    fn is_passing(&self) -> bool {
        let text = |key| self.payload.get(key).and_then(Value::as_str);
        match self.name.as_str() {
            "tick" => true,
            "chat" => text("state") == Some("delta"),
            "agent" => text("stream") == Some("assistant"),
            _ => false,
        }
    }
}

/// The events of one connection, in order.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Queue>,
}

#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
    events_max: usize,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    lost: u64,
    ended: bool,
}

impl Events {
    pub(crate) fn new(events_max: usize) -> (Self, Arc<Queue>) {
        let queue = Arc::new(Queue {
            state: Mutex::new(State::default()),
            changed: Notify::new(),
            events_max: events_max.max(1),
        });
        (Self { queue: Arc::clone(&queue) }, queue)
    }

    /// The next event; `None` when the connection is over and all were read.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let changed = self.queue.changed.notified();
            {
                let mut state = self.queue.lock();
                if let Some(event) = state.events.pop_front() {
                    return Some(event);
                }
                if state.ended {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// How many events were dropped because nobody read them in time.
    pub fn lost(&self) -> u64 {
        self.queue.lock().lost
    }
}

impl Queue {
    pub(crate) fn push(&self, event: Event) {
        let mut state = self.lock();
        if state.events.len() >= self.events_max {
            let victim = state.events.iter().position(Event::is_passing).unwrap_or(0);
            drop(state.events.remove(victim));
            state.lost += 1;
        }
        state.events.push_back(event);
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chat(state: &str, text: &str) -> Event {
        Event { name: "chat".to_owned(), payload: json!({"state": state, "text": text}), seq: None }
    }

    #[tokio::test]
    async fn a_full_queue_gives_up_the_oldest_delta_and_keeps_the_rest() {
        let (mut events, queue) = Events::new(3);

        for event in [chat("final", "a"), chat("delta", "b"), chat("delta", "bc")] {
            queue.push(event);
        }
        queue.push(chat("final", "bcd"));
        queue.end();

        let mut texts = Vec::new();
        while let Some(event) = events.next().await {
            texts.push(event.payload["text"].as_str().map(str::to_owned));
        }
        assert_eq!(texts, [Some("a".into()), Some("bc".into()), Some("bcd".into())]);
        assert_eq!(events.lost(), 1);
    }

    #[tokio::test]
    async fn a_queue_without_deltas_gives_up_the_oldest() {
        let (mut events, queue) = Events::new(1);

        queue.push(chat("final", "a"));
        queue.push(chat("final", "b"));

        assert_eq!(events.next().await, Some(chat("final", "b")));
    }
}
