//! Remembers what an idempotency key stood for, so that it cannot stand for two things.
//!
//! Replays of the *same* request are answered by `agent::Sessions`, which knows the turn; this
//! refuses a key that comes back with other input.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use protocol::Error;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::rpc::RpcError;

const KEYS_MAX: usize = 1000;
const REMEMBERED: Duration = Duration::from_mins(5);

/// Keys and digests of what they stood for. At most 1000, the oldest goes first.
#[derive(Default)]
pub(crate) struct Conflicts {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    digests: HashMap<String, (u64, Instant)>,
    order: VecDeque<(String, Instant)>,
}

impl Conflicts {
    /// Refuses `params` when their key stood for other ones.
    pub(crate) fn check(&self, method: &str, params: &Value) -> Result<(), RpcError> {
        let Some(key) = params.get("idempotencyKey").and_then(Value::as_str) else {
            return Ok(());
        };
        let (key, digest) = (format!("{method}:{key}"), digest(params));
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget(now);
        match seen.digests.get(&key) {
            Some((before, _)) if *before == digest => Ok(()),
            Some(_) => Err(Error::invalid("idempotencyKey was used before with different input")
                .with_details(json!({"reason": "chat-request-conflict"}))
                .into()),
            None => {
                seen.digests.insert(key.clone(), (digest, now));
                seen.order.push_back((key, now));
                Ok(())
            }
        }
    }
}

impl Seen {
    fn forget(&mut self, now: Instant) {
        while let Some((_, at)) = self.order.front()
            && (self.order.len() >= KEYS_MAX || now.duration_since(*at) > REMEMBERED)
        {
            if let Some((key, _)) = self.order.pop_front() {
                self.digests.remove(&key);
            }
        }
    }
}

fn digest(params: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    params.to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_one_input_only() {
        let conflicts = Conflicts::default();
        let hi = json!({"idempotencyKey": "k", "message": "hi"});
        let ho = json!({"idempotencyKey": "k", "message": "ho"});

        assert!(conflicts.check("chat.send", &hi).is_ok());
        assert!(conflicts.check("chat.send", &hi).is_ok());
        assert!(conflicts.check("agent", &ho).is_ok());
        let refused = conflicts.check("chat.send", &ho).unwrap_err();

        let details = json!({"reason": "chat-request-conflict"});
        assert_eq!(refused.error.details, Some(Box::new(details)));
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_forgotten_after_five_minutes() {
        let conflicts = Conflicts::default();
        let of = |text: &str| json!({"idempotencyKey": "k", "message": text});

        assert!(conflicts.check("chat.send", &of("hi")).is_ok());
        tokio::time::advance(Duration::from_mins(6)).await;

        assert!(conflicts.check("chat.send", &of("ho")).is_ok());
    }
}
