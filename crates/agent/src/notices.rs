//! System events: short notes that wait for a conversation's next message.
//!
//! With a backlog they are on disk before they are acknowledged, and until they are in the
//! transcript.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use domain::SessionKey;
use store::{Backlog, StoreError};

use crate::kept;

/// Notes that one conversation keeps; the oldest goes when one more comes.
const NOTES_MAX: usize = 20;

/// Notes by conversation.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    notes: Mutex<BTreeMap<SessionKey, VecDeque<Note>>>,
    backlog: Option<Backlog>,
}

/// A note that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) text: String,
}

impl Notices {
    /// Notes that are kept in `backlog`, or in memory only.
    pub(crate) fn new(backlog: Option<Backlog>) -> Self {
        Self { notes: Mutex::default(), backlog }
    }

    /// Leaves a note. The same text twice in a row is one note.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the disk refuses; the note is not left then.
    pub(crate) fn leave(&self, session: &SessionKey, text: String) -> Result<(), StoreError> {
        let mut all = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = all.entry(session.clone()).or_default();
        if notes.back().is_some_and(|note| note.text == text) {
            return Ok(());
        }
        let id = format!("note:{}", uuid::Uuid::new_v4());
        if let Some(backlog) = &self.backlog {
            backlog.put(&kept::text(kept::NOTE, &id, session, &text))?;
        }
        let oldest = if notes.len() == NOTES_MAX { notes.pop_front() } else { None };
        notes.push_back(Note { id, text });
        drop(all);
        self.release(oldest.iter());
        Ok(())
    }

    /// Takes a note up again that was left before a restart.
    pub(crate) fn restore(&self, session: &SessionKey, note: Note) {
        let mut all = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(session.clone()).or_default().push_back(note);
    }

    /// Looks at the notes of a conversation.
    pub(crate) fn peek(&self, session: &SessionKey) -> Vec<Note> {
        let all = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(session).map(|notes| notes.iter().cloned().collect()).unwrap_or_default()
    }

    /// Takes these notes of a conversation away, which the transcript has now.
    pub(crate) fn remove(&self, session: &SessionKey, taken: &[Note]) {
        let mut all = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notes) = all.get_mut(session) {
            notes.retain(|note| !taken.contains(note));
            if notes.is_empty() {
                all.remove(session);
            }
        }
        drop(all);
        self.release(taken.iter());
    }

    fn release<'a>(&self, notes: impl Iterator<Item = &'a Note>) {
        let Some(backlog) = &self.backlog else { return };
        if let Err(error) = backlog.done(notes.map(|note| &*note.id)) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot write the queue's file");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_and_taken_once() {
        let notices = Notices::default();
        let key = SessionKey::stored("agent:main:main");
        for n in 0..NOTES_MAX + 5 {
            notices.leave(&key, format!("n{n}")).unwrap();
            notices.leave(&key, format!("n{n}")).unwrap();
        }

        let taken = notices.peek(&key);
        notices.leave(&key, "later".to_owned()).unwrap();
        notices.remove(&key, &taken);

        assert_eq!(taken.len(), NOTES_MAX);
        assert_eq!(taken.last().map(|note| &*note.text), Some("n24"));
        let left: Vec<String> = notices.peek(&key).into_iter().map(|note| note.text).collect();
        assert_eq!(left, ["later"]);
    }
}
