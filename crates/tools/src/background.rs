//! Processes that `exec` started: one owner for all of them, and what `process` may see.
//!
//! ```text
//!  exec ─► start ─► running ──► ended ─► forgotten       (foreground: at once)
//!                     │ background()        │
//!                     └──► kept for `process`, then told by `notify`, forgotten after its TTL
//! ```
//!
//! Each process has one task ([`driver`]) that feeds its [`Process`]; everyone else reads that
//! record, or asks the task to kill. Closing the registry kills all process groups.

mod driver;
mod record;
mod scope;
mod slug;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{Clock, SessionKey};
use sandbox::Running;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use record::{Ending, How, Process};
pub use scope::Machine;
pub(crate) use scope::Scope;

/// Finished processes that are remembered. Past that the scope with the most of them loses its
/// oldest, so that nobody's results go because somebody else starts many commands.
const FINISHED_MAX: usize = 100;

/// A background command has ended, and its conversation should hear of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecEnded {
    /// The conversation that started it.
    pub session: SessionKey,
    /// What to tell it, such as `Exec completed (calm-fox, code 0) :: done`.
    pub text: String,
}

/// All processes that tools started. Cheap to clone.
#[derive(Clone)]
pub struct Processes {
    shared: Arc<Shared>,
}

struct Shared {
    tasks: TaskTracker,
    notify: Arc<dyn Fn(ExecEnded) + Send + Sync>,
    closed: CancellationToken,
    table: Mutex<BTreeMap<String, Arc<Process>>>,
}

/// What the registry needs to know of a process that was just started.
pub(crate) struct Launch {
    pub(crate) running: Running,
    pub(crate) session: SessionKey,
    pub(crate) machine: Machine,
    pub(crate) command: String,
    pub(crate) cwd: String,
    /// Whether it has a terminal rather than pipes.
    pub(crate) on_terminal: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) finished_kept: Duration,
    pub(crate) notify_on_exit: bool,
    pub(crate) output_chars_max: usize,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Processes {
    /// An empty registry, whose tasks run on `tasks`. `notify` hears of the end of background
    /// commands and must not block.
    pub fn new(tasks: TaskTracker, notify: Arc<dyn Fn(ExecEnded) + Send + Sync>) -> Self {
        let shared = Shared {
            tasks,
            notify,
            closed: CancellationToken::new(),
            table: Mutex::new(BTreeMap::new()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Kills all process groups; nobody is told. Their tasks end within a second, which the
    /// owner of the task tracker waits for. What is started later is killed at once.
    pub fn close(&self) {
        self.shared.closed.cancel();
    }

    /// The bound that one more process in `scope` would exceed, and whose it is.
    pub(crate) fn bound_reached(&self, scope: &Scope) -> Option<(usize, &'static str)> {
        let table = self.shared.table();
        let running = table.values().filter(|process| process.ending().is_none());
        scope.bound_reached(&running.map(|process| &process.scope))
    }

    /// Takes charge of a process.
    pub(crate) fn adopt(&self, launch: Launch) -> Arc<Process> {
        let mut table = self.shared.table();
        let id = slug::fresh(slug::random, |id| table.contains_key(id));
        let kill = self.shared.closed.child_token();
        let (process, driver) = driver::prepare(id, launch, kill);
        table.insert(process.id.clone(), Arc::clone(&process));
        drop(table);
        self.shared.tasks.spawn(driver.run(Arc::clone(&self.shared)));
        process
    }

    /// The process called `id`, if `session` may see it from `scope`.
    pub(crate) fn find(
        &self,
        scope: &Scope,
        session: &SessionKey,
        id: &str,
    ) -> Option<Arc<Process>> {
        self.shared.table().get(id).filter(|process| process.is_seen(scope, session)).cloned()
    }

    /// Background processes that `session` may see from `scope`, running and finished, newest
    /// first.
    pub(crate) fn list(&self, scope: &Scope, session: &SessionKey) -> Vec<Arc<Process>> {
        let mut found: Vec<_> = self
            .shared
            .table()
            .values()
            .filter(|process| process.is_seen(scope, session) && process.is_backgrounded())
            .cloned()
            .collect();
        found.sort_by_key(|process| std::cmp::Reverse(process.started_at));
        found
    }

    /// Forgets a process, killing it first when it still runs; nobody is told of its end.
    pub(crate) fn forget(&self, process: &Process) {
        process.forget();
        self.shared.remove(&process.id);
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.shared.table().keys()).finish()
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Process>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, id: &str) {
        self.table().remove(id);
    }

    /// Makes room among the finished ones.
    fn evict(&self) {
        let mut table = self.table();
        let mut finished: BTreeMap<Scope, Vec<Arc<Process>>> = BTreeMap::new();
        for process in table.values().filter(|process| process.ending().is_some()) {
            finished.entry(process.scope.clone()).or_default().push(Arc::clone(process));
        }
        let mut surplus =
            finished.values().map(Vec::len).sum::<usize>().saturating_sub(FINISHED_MAX);
        for processes in finished.values_mut() {
            processes.sort_by_key(|process| std::cmp::Reverse(process.ended_at()));
        }
        while surplus > 0
            && let Some(oldest) =
                finished.values_mut().max_by_key(|processes| processes.len()).and_then(Vec::pop)
        {
            oldest.forget();
            table.remove(&oldest.id);
            surplus -= 1;
        }
    }
}
