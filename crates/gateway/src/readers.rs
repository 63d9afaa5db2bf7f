//! Requests that follow a conversation's file: who is woken when it may have grown.
//!
//! A reader is told that there may be more, not what; it reads the file itself.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use agent::{Event, EventBody};
use domain::SessionKey;
use tokio::sync::mpsc;

/// Those who wait.
#[derive(Debug, Default)]
pub(crate) struct Readers(Mutex<HashMap<SessionKey, Vec<mpsc::Sender<()>>>>);

impl Readers {
    /// Gives something that wakes when the conversation may have grown.
    pub(crate) fn follow(&self, key: &SessionKey) -> mpsc::Receiver<()> {
        // One wake-up stands for all that come before the reader looks; further ones are dropped.
        let (sender, receiver) = mpsc::channel(1);
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|_, those| {
            those.retain(|reader| !reader.is_closed());
            !those.is_empty()
        });
        readers.entry(key.clone()).or_default().push(sender);
        receiver
    }

    /// Wakes those whom this event concerns. Lines are in the file before the events that are
    /// looked at here.
    pub(crate) fn hear(&self, event: &Event) {
        match &event.body {
            EventBody::Started
            | EventBody::Model { .. }
            | EventBody::Usage(_)
            | EventBody::Compaction { .. }
            | EventBody::Ended(_) => self.wake(&event.session),
            EventBody::Text { .. }
            | EventBody::Thinking { .. }
            | EventBody::CallStarted { .. }
            | EventBody::CallProgress { .. }
            | EventBody::CallEnded(_) => {}
        }
    }

    /// Wakes those who follow this conversation.
    pub(crate) fn wake(&self, key: &SessionKey) {
        let readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for reader in readers.get(key).into_iter().flatten() {
            let _one_waits_already = reader.try_send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wake_ups_are_one_until_they_are_heard_and_readers_that_went_are_forgotten() {
        let readers = Readers::default();
        let key = SessionKey::stored("agent:main:main");
        let mut reader = readers.follow(&key);

        readers.wake(&key);
        readers.wake(&key);
        readers.wake(&SessionKey::stored("agent:main:other"));

        assert_eq!(reader.try_recv(), Ok(()));
        assert!(reader.try_recv().is_err());
        drop(reader);
        let _other = readers.follow(&SessionKey::stored("agent:main:other"));
        assert_eq!(readers.0.lock().unwrap().len(), 1);
    }
}
