//! A clock that stands still until a test moves it.
//!
//! Timers are not its business: they use `tokio::time`, which a test pauses.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{Clock, UnixMillis};

/// 2026-11-22T12:00:00Z: where a [`ManualClock`] starts unless told otherwise.
pub const NOON: UnixMillis = UnixMillis(1_795_348_800_000);

/// A time of day that only the test changes.
#[derive(Debug)]
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: UnixMillis) -> Arc<Self> {
        Arc::new(Self { now_ms: AtomicI64::new(start.0) })
    }

    /// A clock that shows [`NOON`].
    pub fn noon() -> Arc<Self> {
        Self::at(NOON)
    }

    /// Moves the clock on by `step`, in whole milliseconds.
    pub fn advance(&self, step: Duration) {
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.fetch_add(step_ms, Ordering::SeqCst);
    }

    /// Sets the clock to `now`, which may lie in its past.
    pub fn set(&self, now: UnixMillis) {
        self.now_ms.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.now_ms.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_until_it_is_moved() {
        let clock = ManualClock::noon();

        let before = clock.now();
        clock.advance(Duration::from_millis(1500));

        assert_eq!(before, NOON);
        assert_eq!(clock.now().since(before), 1500);
        assert_eq!(NOON.to_iso(), "2026-11-22T12:00:00.000Z");
    }
}
