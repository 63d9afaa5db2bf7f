//! Older messages of the conversation: fetched when the person scrolls to where the log begins.
//!
//! The gateway counts from the newest message, and new ones come in meanwhile. So each page
//! overlaps the log by one message at least, and what is known by its id is left out.

use serde_json::{Value, json};

use super::{
    row::{self, Row, Status},
    state::{Ask, Effect, State, call},
};
use crate::ui::safe;

/// Messages of one page.
const PAGE: usize = 200;

/// How far back the log goes.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Where the next page begins; `None` when the log begins with the conversation.
    next_offset: Option<usize>,
    /// Id of the oldest message in the log.
    oldest: Option<String>,
    is_asked: bool,
}

impl Past {
    /// After the newest page.
    pub(super) fn of(reply: &Value, messages: &[Value]) -> Self {
        let oldest = messages.first().and_then(id_of);
        // Without an id nobody could tell where the pages meet.
        let next_offset = next_of(reply).filter(|_| oldest.is_some());
        Self { next_offset, oldest, is_asked: false }
    }

    pub(super) fn not_answered(&mut self) {
        self.is_asked = false;
    }
}

impl State {
    /// After the screen was drawn: asks for older messages if it shows the log's beginning.
    pub(crate) fn drawn(&mut self) -> Vec<Effect> {
        if !self.log.shows_beginning() || !self.log.is_scrolled() || self.log.is_full() {
            return Vec::new();
        }
        self.ask_older()
    }

    fn ask_older(&mut self) -> Vec<Effect> {
        let Some(offset) = self.past.next_offset.filter(|_| !self.past.is_asked) else {
            return Vec::new();
        };
        self.past.is_asked = true;
        let key = self.session.key.clone();
        let params = json!({"sessionKey": key, "limit": PAGE, "offset": offset.saturating_sub(1)});
        vec![call(Ask::Older { key }, "chat.history", params)]
    }

    /// Takes a page of older messages.
    pub(super) fn older(&mut self, reply: &Value) -> Vec<Effect> {
        self.past.is_asked = false;
        let page = reply["messages"].as_array().map_or(&[][..], Vec::as_slice);
        self.past.next_offset = next_of(reply).filter(|_| !page.is_empty());
        let known = page.iter().rposition(|it| id_of(it) == self.past.oldest);
        let Some(older) = known.map(|at| &page[..at]) else {
            // So much was said meanwhile that all of it is known.
            return self.ask_older();
        };
        if let Some(first) = older.first() {
            self.past.oldest = id_of(first);
        }
        let mut rows = row::rows_of(older);
        for row in &mut rows {
            // Its result begins the page that is shown already.
            if let Row::Tool(tool) = row
                && tool.status == Status::Running
            {
                tool.status = Status::Done;
            }
        }
        self.log.push_front(rows);
        Vec::new()
    }
}

fn next_of(reply: &Value) -> Option<usize> {
    let offset = reply["nextOffset"].as_u64().filter(|_| reply["hasMore"] == true)?;
    usize::try_from(offset).ok()
}

fn id_of(message: &Value) -> Option<String> {
    message["__openclaw"]["id"].as_str().map(safe::line)
}
