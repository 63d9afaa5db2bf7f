//! Which session waits for which: so that no two ever wait for each other.
//!
//! A leaf: the lock is held for a look, never across an await.

use std::sync::{Arc, Mutex, PoisonError};

use domain::SessionKey;

/// Who waits for whom. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits(Arc<Mutex<Edges>>);

/// A wait that goes on. Over when dropped.
#[derive(Debug)]
pub(crate) struct Wait {
    waits: Waits,
    edge: (SessionKey, SessionKey),
}

impl Waits {
    /// Notes that `from` waits for `to`; `None` when `to` waits for `from`, itself or by others.
    pub(crate) fn begin(&self, from: &SessionKey, to: &SessionKey) -> Option<Wait> {
        let edge = (from.clone(), to.clone());
        let mut edges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        edges.add(edge.clone()).then(|| Wait { waits: self.clone(), edge })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut edges = self.waits.0.lock().unwrap_or_else(PoisonError::into_inner);
        edges.remove(&self.edge);
    }
}

/// Pairs of who waits and for whom; there is never a circle in them.
#[derive(Debug, Default)]
struct Edges(Vec<(SessionKey, SessionKey)>);

impl Edges {
    fn add(&mut self, edge: (SessionKey, SessionKey)) -> bool {
        let is_open = !self.leads(&edge.1, &edge.0);
        if is_open {
            self.0.push(edge);
        }
        is_open
    }

    fn remove(&mut self, edge: &(SessionKey, SessionKey)) {
        if let Some(at) = self.0.iter().position(|it| it == edge) {
            self.0.swap_remove(at);
        }
    }

    /// Whether `from` is `to` or waits for it, over however many others.
    fn leads(&self, from: &SessionKey, to: &SessionKey) -> bool {
        let mut seen = vec![from];
        let mut at = 0;
        while let Some(here) = seen.get(at).copied() {
            if here == to {
                return true;
            }
            for (_, next) in self.0.iter().filter(|(waiter, _)| waiter == here) {
                if !seen.contains(&next) {
                    seen.push(next);
                }
            }
            at += 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(n: usize) -> SessionKey {
        SessionKey::stored(&format!("agent:main:{n}"))
    }

    #[test]
    fn a_wait_that_would_close_a_circle_is_refused_until_the_other_is_over() {
        let waits = Waits::default();
        let first = waits.begin(&key(1), &key(2)).unwrap();
        let second = waits.begin(&key(2), &key(3)).unwrap();

        assert!(waits.begin(&key(3), &key(1)).is_none());
        assert!(waits.begin(&key(1), &key(1)).is_none());
        drop(second);
        assert!(waits.begin(&key(3), &key(1)).is_some());
        drop(first);
    }

    proptest! {
        #[test]
        fn there_is_never_a_circle(
            steps in prop::collection::vec((0..6_usize, 0..6_usize, any::<bool>()), 0..60),
        ) {
            let mut edges = Edges::default();
            for (from, to, is_added) in steps {
                let edge = (key(from), key(to));
                if is_added {
                    edges.add(edge);
                } else {
                    edges.remove(&edge);
                }
                for (waiter, other) in &edges.0 {
                    prop_assert!(!edges.leads(other, waiter));
                }
            }
        }
    }
}
