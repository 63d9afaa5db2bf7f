//! System events: short notes that wait for a conversation's next message, in memory only.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use domain::SessionKey;

/// Notes that one conversation keeps; the oldest goes when one more comes.
const NOTES_MAX: usize = 20;

/// Notes by conversation.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<BTreeMap<SessionKey, VecDeque<String>>>);

impl Notices {
    /// Leaves a note. The same text twice in a row is one note.
    pub(crate) fn leave(&self, session: &SessionKey, text: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let notes = all.entry(session.clone()).or_default();
        if notes.back() == Some(&text) {
            return;
        }
        if notes.len() == NOTES_MAX {
            notes.pop_front();
        }
        notes.push_back(text);
    }

    /// Takes all notes of a conversation.
    pub(crate) fn take(&self, session: &SessionKey) -> Vec<String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(session).map(Vec::from).unwrap_or_default()
    }

    /// Looks at the notes of a conversation.
    pub(crate) fn peek(&self, session: &SessionKey) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(session).map(|notes| notes.iter().cloned().collect()).unwrap_or_default()
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
            notices.leave(&key, format!("n{n}"));
            notices.leave(&key, format!("n{n}"));
        }

        let taken = notices.take(&key);

        assert_eq!(taken.len(), NOTES_MAX);
        assert_eq!(taken.last().map(String::as_str), Some("n24"));
        assert!(notices.take(&key).is_empty());
    }
}
