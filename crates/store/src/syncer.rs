//! Brings what was written to the disk itself, off everybody's path.
//!
//! One thread, started with the first write, so that a process that only reads has none.
//! What is marked dirty is on the disk within 100 ms.

use std::{
    sync::{Arc, Condvar, Mutex},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{StoreError, lock_file::lock};

/// Long enough to gather the writes of a burst, short enough to leave time for the sync.
const GATHER: Duration = Duration::from_millis(50);

/// Something that is written and not yet on the disk.
pub(crate) trait Dirty: std::fmt::Debug + Send + Sync {
    /// Brings it there. Called by one thread at a time.
    fn write_back(&self) -> Result<(), StoreError>;
}

/// Handle of the background thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Syncer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    wake: Condvar,
    /// Held while something is brought to the disk, so that [`Syncer::flush`] waits for it.
    busy: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    // Bounded by the number of files: each marks itself once until it is written back.
    dirty: Vec<Arc<dyn Dirty>>,
    thread: Option<JoinHandle<()>>,
    stopping: bool,
}

impl Syncer {
    /// Has `item` written back soon. An item must not mark itself again before that.
    pub(crate) fn mark(&self, item: Arc<dyn Dirty>) {
        let mut state = lock(&self.0.state);
        state.dirty.push(item);
        if state.stopping {
            return; // Nobody gathers any more; the last `flush` of `close` takes it.
        }
        if state.thread.is_none() {
            let inner = Arc::clone(&self.0);
            match thread::Builder::new().name("store-sync".to_owned()).spawn(move || inner.run()) {
                Ok(thread) => state.thread = Some(thread),
                Err(error) => tracing::warn!(%error, "cannot start the sync thread"),
            }
        }
        drop(state);
        self.0.wake.notify_one();
    }

    /// Blocks until all that was marked is on the disk; the first failure is returned.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let _busy = lock(&self.0.busy);
        let dirty = std::mem::take(&mut lock(&self.0.state).dirty);
        let mut outcome = Ok(());
        for item in dirty {
            let done = item.write_back();
            outcome = outcome.and(done);
        }
        outcome
    }

    /// Ends the thread and brings the rest to the disk.
    pub(crate) fn stop(&self) -> Result<(), StoreError> {
        let thread = {
            let mut state = lock(&self.0.state);
            state.stopping = true;
            state.thread.take()
        };
        self.0.wake.notify_one();
        if let Some(thread) = thread {
            thread.join().ok();
        }
        self.flush()
    }
}

impl Inner {
    fn run(&self) {
        loop {
            let mut state = lock(&self.state);
            while state.dirty.is_empty() && !state.stopping {
                state = self.wake.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            if state.stopping {
                return;
            }
            // Further marks wake this wait too, so it is repeated to its end.
            let gathered = self.wake.wait_timeout_while(state, GATHER, |state| !state.stopping);
            drop(gathered);
            let _busy = lock(&self.busy);
            let dirty = std::mem::take(&mut lock(&self.state).dirty);
            for item in dirty {
                if let Err(error) = item.write_back() {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, cause, "cannot bring to the disk");
                }
            }
        }
    }
}
