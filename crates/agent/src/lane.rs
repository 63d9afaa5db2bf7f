//! How many turns run at once, over all conversations.
//!
//! People's turns, sub-agents and letters between sessions have lanes of their own. Letters have
//! one for each step from a person's word: a turn only ever waits for one that is a step further,
//! so no turn keeps the place that the turn needs which it waits for.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Origin,
    origin::{STEPS_MAX, Trail},
};

/// All lanes.
#[derive(Debug)]
pub(crate) struct Lanes {
    main: Lane,
    subagents: Lane,
    letters: [Lane; STEPS_MAX],
}

impl Lanes {
    pub(crate) fn new(agents: &config::Agents) -> Self {
        Self {
            main: Lane::new(agents.concurrent_max),
            subagents: Lane::new(agents.subagents_max),
            letters: std::array::from_fn(|_| Lane::new(agents.concurrent_max)),
        }
    }

    /// Follows changed settings.
    pub(crate) fn resize(&self, agents: &config::Agents) {
        self.main.resize(agents.concurrent_max);
        self.subagents.resize(agents.subagents_max);
        for lane in &self.letters {
            lane.resize(agents.concurrent_max);
        }
    }

    /// The lane of a turn by the message that it is for.
    pub(crate) fn of(&self, origin: &Origin) -> &Lane {
        match origin {
            Origin::Person | Origin::Report(_) => &self.main,
            Origin::Task(_) => &self.subagents,
            Origin::Letter(trail) => self.letter(trail),
        }
    }

    fn letter(&self, trail: &Trail) -> &Lane {
        self.letters.get(trail.steps().saturating_sub(1)).unwrap_or(&self.main)
    }
}

/// Admits a configured number of turns at once; the rest wait in order of arrival.
#[derive(Debug)]
pub(crate) struct Lane {
    permits: Arc<Semaphore>,
    size: Mutex<usize>,
}

impl Lane {
    pub(crate) fn new(size: usize) -> Self {
        let size = size.max(1);
        Self { permits: Arc::new(Semaphore::new(size)), size: Mutex::new(size) }
    }

    /// Follows a changed setting. Running turns are not stopped: a smaller lane fills up again
    /// only once enough of them ended.
    pub(crate) fn resize(&self, wanted: usize) {
        let wanted = wanted.max(1);
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted > *size {
            self.permits.add_permits(wanted - *size);
            *size = wanted;
        } else if wanted < *size {
            *size -= self.permits.forget_permits(*size - wanted);
        }
    }

    /// Waits for a place. `None` when the lane was closed.
    pub(crate) async fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_grown_lane_admits_more_and_a_shrunk_one_fewer() {
        let lane = Lane::new(1);
        let first = lane.enter().await;
        assert!(lane.enter().now_or_never().is_none());

        lane.resize(2);
        let second = lane.enter().now_or_never().flatten();
        assert!(second.is_some());

        drop((first, second));
        lane.resize(1);
        let _held = lane.enter().await;
        assert!(lane.enter().now_or_never().is_none());
    }
}
