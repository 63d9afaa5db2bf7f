//! Which conversation a response was of, for requests that go on from one.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use domain::SessionKey;

/// Responses remembered; the oldest is forgotten first. Who goes on from a forgotten one begins
/// a new conversation.
const RESPONSES_MAX: usize = 1000;

/// The latest responses.
#[derive(Default)]
pub(crate) struct Recent(Mutex<VecDeque<(String, SessionKey)>>);

impl Recent {
    /// Notes that `response` is of `session`.
    pub(super) fn remember(&self, response: &str, session: &SessionKey) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= RESPONSES_MAX {
            recent.pop_front();
        }
        recent.push_back((response.to_owned(), session.clone()));
    }

    /// The conversation that `response` was of.
    pub(super) fn session_of(&self, response: &str) -> Option<SessionKey> {
        let recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().find(|(id, _)| id == response).map(|(_, session)| session.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_response_is_forgotten_first() {
        let recent = Recent::default();
        for n in 0..=RESPONSES_MAX {
            let key = SessionKey::stored(&format!("agent:main:openai:{n}"));
            recent.remember(&format!("resp_{n}"), &key);
        }

        assert_eq!(recent.session_of("resp_0"), None);
        let kept = recent.session_of("resp_1").unwrap();
        assert_eq!(kept.to_string(), "agent:main:openai:1");
    }
}
