//! Calls of tools over HTTP: how many run at once, and the answers of those that were asked for
//! under a key, for whoever asks again.
//!
//! Answers are in memory, at most [`KEPT_MAX`] of them and for [`KEPT`]: the oldest goes when one
//! more comes. A call that nobody waits for any more leaves no answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::http::StatusCode;
use serde_json::Value;
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::Instant,
};

/// Calls at once; more are refused.
const RUNNING_MAX: usize = 16;
/// Answers that are kept.
const KEPT_MAX: usize = 1000;
/// How long they are.
const KEPT: Duration = Duration::from_mins(5);

/// Status and body of an answer.
pub(super) type Told = (StatusCode, Value);

/// What is known of calls.
pub(crate) struct Calls {
    places: Semaphore,
    kept: Arc<Kept>,
}

type Kept = Mutex<HashMap<String, Call>>;

struct Call {
    /// Digest of the request.
    asked: [u8; 32],
    at: Instant,
    answer: watch::Receiver<Option<Arc<Told>>>,
}

/// What a key stands for.
pub(super) enum Claim {
    /// Nothing yet: the call is to be made.
    First(Keeper),
    /// The same request was made; here is its answer, or will be.
    Again(watch::Receiver<Option<Arc<Told>>>),
    /// Another request was made.
    Other,
}

/// Keeps the answer of a call, or forgets the call when it is dropped before.
pub(super) struct Keeper {
    key: String,
    answer: watch::Sender<Option<Arc<Told>>>,
    kept: Arc<Kept>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { places: Semaphore::new(RUNNING_MAX), kept: Arc::default() }
    }
}

impl Calls {
    /// A place for one call; `None` when too many run.
    pub(super) fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.places.try_acquire().ok()
    }

    /// Looks a key up, and takes it if it stands for nothing.
    pub(super) fn claim(&self, key: String, asked: [u8; 32], now: Instant) -> Claim {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, call| now.duration_since(call.at) < KEPT);
        if let Some(call) = kept.get(&key) {
            let is_same = call.asked == asked;
            return if is_same { Claim::Again(call.answer.clone()) } else { Claim::Other };
        }
        if kept.len() >= KEPT_MAX {
            let oldest = kept.iter().min_by_key(|(_, call)| call.at).map(|(key, _)| key.clone());
            kept.remove(&oldest.unwrap_or_default());
        }
        let (answer, receiver) = watch::channel(None);
        kept.insert(key.clone(), Call { asked, at: now, answer: receiver });
        Claim::First(Keeper { key, answer, kept: Arc::clone(&self.kept) })
    }
}

impl Keeper {
    /// Keeps the answer.
    pub(super) fn keep(self, told: &Told) {
        self.answer.send_replace(Some(Arc::new(told.clone())));
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if self.answer.borrow().is_none() {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(calls: &Calls, key: &str, asked: u8, now: Instant) -> Claim {
        calls.claim(key.to_owned(), [asked; 32], now)
    }

    #[tokio::test]
    async fn the_same_request_gets_the_same_answer_for_a_while() {
        let calls = Calls::default();
        let now = Instant::now();
        let Claim::First(keeper) = claim(&calls, "a", 1, now) else { panic!("not first") };
        let Claim::Again(mut early) = claim(&calls, "a", 1, now) else { panic!("not again") };
        assert!(matches!(claim(&calls, "a", 2, now), Claim::Other));

        keeper.keep(&(StatusCode::OK, json!(7)));

        let told = early.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert_eq!(*told, (StatusCode::OK, json!(7)));
        assert!(matches!(claim(&calls, "a", 1, now + KEPT), Claim::First(_)));
    }

    #[test]
    fn a_call_that_was_given_up_is_forgotten_and_the_oldest_makes_room() {
        let calls = Calls::default();
        let now = Instant::now();
        drop(claim(&calls, "a", 1, now));
        assert!(matches!(claim(&calls, "a", 2, now), Claim::First(_)));

        for n in 0..=KEPT_MAX {
            let at = now + Duration::from_millis(n as u64);
            let Claim::First(keeper) = claim(&calls, &format!("k{n}"), 1, at) else {
                panic!("not first")
            };
            keeper.keep(&(StatusCode::OK, json!(n)));
        }

        assert_eq!(calls.kept.lock().unwrap().len(), KEPT_MAX);
        assert!(matches!(claim(&calls, "k0", 1, now), Claim::First(_)));
        assert!(matches!(claim(&calls, "k1000", 1, now), Claim::Again(_)));
    }
}
