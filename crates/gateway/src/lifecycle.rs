//! Tasks and their end: first softly, then for good.
//!
//! *Soft*: nothing new is taken in, what runs may finish. *Hard*: everything stops now.

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tasks and their end. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lifecycle {
    /// Owns the tasks that serve clients.
    pub(crate) clients: TaskTracker,
    /// Owns every other task of the gateway.
    pub(crate) tasks: TaskTracker,
    /// Nothing new is taken in.
    pub(crate) soft: CancellationToken,
    /// Everything stops now.
    pub(crate) hard: CancellationToken,
}

impl Lifecycle {
    /// Whether the gateway is on its way out.
    pub(crate) fn is_draining(&self) -> bool {
        self.soft.is_cancelled()
    }
}
