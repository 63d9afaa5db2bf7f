//! Stopping a turn: by a person, by its time limit, by shutdown.

use std::sync::{Arc, OnceLock};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The stop signal of one turn. Cheap to clone; all clones are one signal.
#[derive(Clone, Debug)]
pub(crate) struct Halt {
    token: CancellationToken,
    reason: Arc<OnceLock<&'static str>>,
    deadline: Option<Instant>,
}

impl Halt {
    pub(crate) fn new(deadline: Option<Instant>) -> Self {
        Self { token: CancellationToken::new(), reason: Arc::default(), deadline }
    }

    /// Stops the turn. The first reason stays.
    pub(crate) fn now(&self, reason: &'static str) {
        // A second reason is not an error: the turn is stopping already.
        let _first = self.reason.set(reason);
        self.token.cancel();
    }

    /// Waits until the turn must stop, and says why.
    pub(crate) async fn reached(&self) -> &'static str {
        match self.deadline {
            None => self.token.cancelled().await,
            Some(deadline) => tokio::select! {
                biased;
                () = self.token.cancelled() => {}
                () = sleep_until(deadline) => self.now("timeout"),
            },
        }
        self.reason.get().copied().unwrap_or("rpc")
    }

    /// Why the turn must stop, if it must.
    pub(crate) fn is_reached(&self) -> Option<&'static str> {
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.now("timeout");
        }
        self.token.is_cancelled().then(|| self.reason.get().copied().unwrap_or("rpc"))
    }

    /// For tools, which need to know only that.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_reason_stays() {
        let halt = Halt::new(Some(Instant::now() + Duration::from_secs(5)));
        assert_eq!(halt.is_reached(), None);

        assert_eq!(halt.reached().await, "timeout");
        halt.now("rpc");

        assert_eq!(halt.is_reached(), Some("timeout"));
    }
}
