//! What waits to be sent on one connection: bounded by bytes, never waited for.
//!
//! When it is full, frames that the next one replaces are dropped; any other frame cuts the
//! connection off, so that a client never misses something without knowing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use protocol::frame::EventText;
use tokio::sync::Notify;

use crate::events::Slow;

/// What waits to be sent.
pub(crate) struct Outbox {
    state: Mutex<State>,
    wake: Notify,
    overflow: Notify,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    is_closed: bool,
}

/// One thing to send.
#[derive(Debug)]
pub(crate) enum Item {
    /// An event; its number is the connection's to add.
    Event {
        /// The frame.
        text: Arc<EventText>,
        /// Whether it gets a number.
        is_numbered: bool,
    },
    /// A whole frame.
    Text(String),
    /// The end: close code and reason.
    Close(u16, &'static str),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Event { text, .. } => text.bytes(),
            Self::Text(text) => text.len(),
            Self::Close(..) => 0,
        }
    }
}

impl Outbox {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), overflow: Notify::new(), bytes_max }
    }

    /// Puts an event in, or drops it, or gives the connection up.
    pub(crate) fn send_event(&self, text: &Arc<EventText>, is_numbered: bool, slow: Slow) {
        self.put(Item::Event { text: Arc::clone(text), is_numbered }, slow);
    }

    /// Puts a whole frame in.
    pub(crate) fn send_text(&self, text: String) {
        self.put(Item::Text(text), Slow::Close);
    }

    /// Ends the connection after what waits before.
    pub(crate) fn close(&self, code: u16, reason: &'static str) {
        self.put(Item::Close(code, reason), Slow::Close);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
    }

    /// Takes the oldest thing out.
    pub(crate) fn take(&self) -> Option<Item> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let item = state.items.pop_front();
        if let Some(item) = &item {
            state.bytes -= item.bytes();
        } else if state.items.capacity() > 64 {
            state.items.shrink_to_fit();
        }
        item
    }

    /// Returns when something was put in.
    pub(crate) async fn filled(&self) {
        self.wake.notified().await;
    }

    /// Returns when the connection was given up as too slow.
    pub(crate) async fn overflowed(&self) {
        self.overflow.notified().await;
    }

    fn put(&self, item: Item, slow: Slow) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_closed {
            return;
        }
        let bytes = item.bytes();
        if state.bytes + bytes > self.bytes_max {
            if slow == Slow::Close {
                state.items.clear();
                state.bytes = 0;
                state.is_closed = true;
                self.overflow.notify_one();
            }
            return;
        }
        state.bytes += bytes;
        state.items.push_back(item);
        drop(state);
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(text: &str) -> Arc<EventText> {
        Arc::new(EventText::new("e", &json!(text), None).unwrap())
    }

    #[tokio::test]
    async fn replaceable_events_are_dropped_and_others_end_the_connection() {
        let big = event(&"x".repeat(500));
        let outbox = Outbox::new(1000);

        outbox.send_event(&big, true, Slow::Drop);
        outbox.send_event(&big, true, Slow::Drop);
        assert!(outbox.take().is_some());
        assert!(outbox.take().is_none());

        outbox.send_event(&big, true, Slow::Close);
        outbox.send_event(&big, true, Slow::Close);
        outbox.overflowed().await;
        assert!(outbox.take().is_none());
    }

    #[test]
    fn nothing_is_sent_after_the_end() {
        let outbox = Outbox::new(1000);

        outbox.close(1012, "service restart");
        outbox.send_text("late".to_owned());

        assert!(matches!(outbox.take(), Some(Item::Close(1012, "service restart"))));
        assert!(outbox.take().is_none());
    }
}
