//! What one connection wants to hear of conversations.
//!
//! Of all of them that they changed, and of some of them each message. It goes with its
//! connection, so nobody has to forget it.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use domain::SessionKey;

/// Conversations that one connection may watch; more are refused.
const KEYS_MAX: usize = 256;

/// What one connection wants to hear of conversations.
pub(crate) struct Watching {
    /// Whether turns of other conversations are kept from it.
    is_scoped: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: bool,
    keys: BTreeSet<SessionKey>,
}

impl Watching {
    /// Nothing yet. Turns of all conversations are heard unless the client `is_scoped`.
    pub(crate) fn new(is_scoped: bool) -> Self {
        Self { is_scoped, state: Mutex::default() }
    }

    /// Begins to hear that conversations changed.
    pub(crate) fn watch_rows(&self) {
        self.locked(|state| state.rows = true);
    }

    /// Ends what [`Self::watch_rows`] began.
    pub(crate) fn leave_rows(&self) {
        self.locked(|state| state.rows = false);
    }

    /// Begins to hear the messages of `key`; refuses when it watches too many.
    pub(crate) fn watch(&self, key: &SessionKey) -> bool {
        self.locked(|state| {
            if state.keys.len() < KEYS_MAX {
                state.keys.insert(key.clone());
            }
            state.keys.contains(key)
        })
    }

    /// Ends what [`Self::watch`] began.
    pub(crate) fn leave(&self, key: &SessionKey) {
        self.locked(|state| state.keys.remove(key));
    }

    /// Whether it hears that conversations changed.
    pub(crate) fn hears_rows(&self) -> bool {
        self.locked(|state| state.rows)
    }

    /// Whether it chose `key`.
    pub(crate) fn hears(&self, key: &SessionKey) -> bool {
        self.locked(|state| state.keys.contains(key))
    }

    /// Whether it hears the messages of `key`: who hears that conversations changed hears what
    /// was said in them.
    pub(crate) fn hears_messages(&self, key: &SessionKey) -> bool {
        self.locked(|state| state.rows || state.keys.contains(key))
    }

    /// Whether it hears of turns in `key`.
    pub(crate) fn hears_turns(&self, key: &SessionKey) -> bool {
        !self.is_scoped || self.hears(key)
    }

    fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> SessionKey {
        SessionKey::stored(format!("agent:main:{name}").as_str())
    }

    #[test]
    fn a_scoped_connection_hears_the_turns_it_watches_and_another_all() {
        let (scoped, open) = (Watching::new(true), Watching::new(false));

        scoped.watch(&key("a"));

        assert!(scoped.hears_turns(&key("a")) && !scoped.hears_turns(&key("b")));
        assert!(open.hears_turns(&key("b")) && !open.hears(&key("b")));
        scoped.leave(&key("a"));
        assert!(!scoped.hears_turns(&key("a")));
    }

    #[test]
    fn nobody_watches_without_end() {
        let watching = Watching::new(false);

        for at in 0..KEYS_MAX {
            assert!(watching.watch(&key(&at.to_string())));
        }

        assert!(!watching.watch(&key("one more")));
        assert!(watching.watch(&key("0")), "what is watched may be asked for again");
    }
}
