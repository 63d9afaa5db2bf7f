//! Which model and key to try next, and how long a failed one rests. Pure: `now` is an
//! argument.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use domain::UnixMillis;

use crate::{ErrorKind, ModelError};

/// Rest after the first, second, third and every further failure.
const REST_MINUTES: [u64; 4] = [1, 5, 25, 60];

/// Rest after the first billing failure; doubles with each.
const BILLING_FIRST: Duration = Duration::from_hours(5);

/// Longest rest.
const BILLING_MAX: Duration = Duration::from_hours(24);

/// After this long without a failure, counting begins anew.
const FORGET: Duration = Duration::from_hours(24);

/// Whether another model or key may do better.
fn advances(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Auth
        | ErrorKind::Billing
        | ErrorKind::RateLimit
        | ErrorKind::Timeout
        | ErrorKind::Server
        | ErrorKind::Format
        | ErrorKind::Garbage => true,
        // The conversation must shrink first; a second model would only hide that.
        ErrorKind::ContextOverflow
        // Another key of the same server would bring the same flood.
        | ErrorKind::TooLarge => false,
    }
}

/// Slots whose last success is remembered; the oldest is forgotten first.
const WORKED_MAX: usize = 256;

/// How models and keys fared lately. What it forgets at a restart, the store remembers.
#[derive(Clone, Debug, Default)]
pub struct Cooldowns {
    slots: BTreeMap<String, Slot>,
    worked: BTreeMap<String, UnixMillis>,
}

/// How one model or key fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fared {
    /// Its last success.
    pub worked: Option<UnixMillis>,
    /// Until when it rests, if it does.
    pub rests_until: Option<UnixMillis>,
    /// Why it rests.
    pub failure: Option<ErrorKind>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    kind: ErrorKind,
    failures: u32,
    billing_failures: u32,
    last_failure: UnixMillis,
    until: UnixMillis,
}

impl Cooldowns {
    /// Notes a failure of `slot`.
    pub fn failed(&mut self, slot: &str, kind: ErrorKind, now: UnixMillis) {
        let until = UnixMillis(0);
        let fresh = Slot { kind, failures: 0, billing_failures: 0, last_failure: now, until };
        let entry = self.slots.entry(slot.to_owned()).or_insert(fresh);
        if Duration::from_millis(now.since(entry.last_failure)) > FORGET {
            *entry = fresh;
        }
        entry.last_failure = now;
        let rest = match kind {
            ErrorKind::Billing => {
                entry.billing_failures += 1;
                billing_rest(entry.billing_failures)
            }
            ErrorKind::Auth
            | ErrorKind::RateLimit
            | ErrorKind::Timeout
            | ErrorKind::Server
            | ErrorKind::Format => {
                entry.failures += 1;
                rest(entry.failures)
            }
            // Neither speaks against the model or the key.
            ErrorKind::ContextOverflow | ErrorKind::Garbage | ErrorKind::TooLarge => return,
        };
        entry.kind = kind;
        let rest = i64::try_from(rest.as_millis()).unwrap_or(i64::MAX);
        entry.until = entry.until.max(UnixMillis(now.0.saturating_add(rest)));
    }

    /// Notes a success of `slot`, which clears everything that spoke against it.
    pub fn succeeded(&mut self, slot: &str, now: UnixMillis) {
        self.slots.remove(slot);
        self.worked.insert(slot.to_owned(), now);
        if self.worked.len() > WORKED_MAX {
            let oldest = self.worked.iter().min_by_key(|(_, at)| **at);
            if let Some(oldest) = oldest.map(|(slot, _)| slot.clone()) {
                self.worked.remove(&oldest);
            }
        }
    }

    /// How each slot fared of which anything is known.
    pub fn all(&self, now: UnixMillis) -> BTreeMap<String, Fared> {
        let mut all: BTreeMap<String, Fared> = BTreeMap::new();
        for (slot, at) in &self.worked {
            all.entry(slot.clone()).or_default().worked = Some(*at);
        }
        for (slot, it) in self.slots.iter().filter(|(_, it)| it.until > now) {
            let fared = all.entry(slot.clone()).or_default();
            (fared.rests_until, fared.failure) = (Some(it.until), Some(it.kind));
        }
        all
    }

    /// Until when `slot` rests, if it does.
    pub fn until(&self, slot: &str, now: UnixMillis) -> Option<UnixMillis> {
        self.slots.get(slot).map(|it| it.until).filter(|&until| until > now)
    }
}

fn rest(failures: u32) -> Duration {
    let at = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    Duration::from_mins(REST_MINUTES[at.min(REST_MINUTES.len() - 1)])
}

fn billing_rest(failures: u32) -> Duration {
    BILLING_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(BILLING_MAX)
}

/// What is still to be tried in one request, and what failed so far.
#[derive(Debug)]
pub struct Candidates<T> {
    waiting: std::collections::VecDeque<T>,
    total: usize,
    failed: Vec<ModelError>,
}

impl<T> Candidates<T> {
    /// Orders `all`, each with the end of its rest: resting ones are skipped, unless all rest;
    /// then all are tried, soonest end first.
    pub fn new(all: Vec<(T, Option<UnixMillis>)>) -> Self {
        let total = all.len();
        let all_rest = all.iter().all(|(_, until)| until.is_some());
        let mut kept: Vec<(T, Option<UnixMillis>)> =
            all.into_iter().filter(|(_, until)| all_rest || until.is_none()).collect();
        kept.sort_by_key(|(_, until)| *until);
        let waiting = kept.into_iter().map(|(it, _)| it).collect();
        Self { waiting, total, failed: Vec::new() }
    }

    /// The next to try.
    pub fn take(&mut self) -> Option<T> {
        self.waiting.pop_front()
    }

    /// Notes that the one taken last failed; the error of the whole request if that is final.
    ///
    /// `streamed` tells whether anything of its reply was already shown.
    pub fn failed(&mut self, error: ModelError, streamed: bool) -> Option<ModelError> {
        if streamed || !advances(error.kind) {
            return Some(error);
        }
        self.failed.push(error);
        if self.waiting.is_empty() { self.summary() } else { None }
    }

    /// The error of a request whose candidates all failed; `None` if none was tried.
    fn summary(&mut self) -> Option<ModelError> {
        let mut last = self.failed.pop()?;
        if self.failed.is_empty() && self.total <= 1 {
            return Some(last);
        }
        let mut text = format!("All models failed ({}): ", self.failed.len() + 1);
        for error in &self.failed {
            // Writing to a string cannot fail.
            let _ = write!(text, "{error} ({}) | ", error.kind.reason());
        }
        let _ = write!(text, "{last} ({})", last.kind.reason());
        last.text = text;
        Some(last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn error(model: &str, kind: ErrorKind) -> ModelError {
        ModelError {
            kind,
            provider: "p".to_owned(),
            model: model.to_owned(),
            text: "no".to_owned(),
            status: None,
            retry_after: None,
        }
    }

    #[test]
    fn rests_grow_with_each_failure_and_end_with_a_success() {
        let mut cooldowns = Cooldowns::default();
        let now = UnixMillis(0);

        let rests: Vec<i64> = (0..5)
            .map(|_| {
                cooldowns.failed("a", ErrorKind::RateLimit, now);
                cooldowns.until("a", now).unwrap().0 / MINUTE
            })
            .collect();
        cooldowns.failed("b", ErrorKind::Billing, now);
        cooldowns.failed("b", ErrorKind::Billing, now);
        cooldowns.succeeded("a", now);

        assert_eq!(rests, [1, 5, 25, 60, 60]);
        assert_eq!(cooldowns.until("b", now), Some(UnixMillis(600 * MINUTE)));
        assert_eq!(cooldowns.until("a", now), None);
    }

    #[test]
    fn a_day_without_failure_starts_the_count_anew() {
        let mut cooldowns = Cooldowns::default();
        cooldowns.failed("a", ErrorKind::Auth, UnixMillis(0));
        let later = UnixMillis(25 * 60 * MINUTE);

        cooldowns.failed("a", ErrorKind::Auth, later);

        assert_eq!(cooldowns.until("a", later), Some(UnixMillis(later.0 + MINUTE)));
    }

    #[test]
    fn all_failures_are_listed_in_order() {
        let mut candidates = Candidates::new(vec![("a", None), ("b", None)]);

        candidates.take();
        let first = candidates.failed(error("a", ErrorKind::RateLimit), false);
        candidates.take();
        let last = candidates.failed(error("b", ErrorKind::Auth), false).unwrap();

        assert!(first.is_none());
        assert_eq!(last.text, "All models failed (2): p/a: no (rate_limit) | p/b: no (auth)");
        assert_eq!(last.kind, ErrorKind::Auth);
    }

    #[test]
    fn nothing_advances_after_text_was_shown_or_when_the_context_overflows() {
        let mut candidates = Candidates::new(vec![("a", None), ("b", None)]);

        assert!(candidates.failed(error("a", ErrorKind::Server), true).is_some());
        assert!(candidates.failed(error("a", ErrorKind::ContextOverflow), false).is_some());
    }

    proptest! {
        #[test]
        fn a_resting_candidate_is_tried_only_when_all_rest(rests in prop::collection::vec(prop::option::of(1_i64..100), 0..6)) {
            let all = rests.iter().map(|it| (*it, it.map(UnixMillis))).collect();
            let mut candidates = Candidates::new(all);
            let tried: Vec<Option<i64>> = std::iter::from_fn(|| candidates.take()).collect();

            let all_rest = rests.iter().all(Option::is_some);
            prop_assert!(all_rest || tried.iter().all(Option::is_none));
            prop_assert!(!all_rest || tried.len() == rests.len());
            prop_assert!(tried.is_sorted());
        }
    }
}
