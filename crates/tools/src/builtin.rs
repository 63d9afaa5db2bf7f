//! The list of built-in tools. One line each.

use std::sync::Arc;

use domain::Clock;

use crate::{
    Processes, Registry,
    apply_patch::ApplyPatch,
    edit::Edit,
    exec::Exec,
    ports::{Conversations, Nodes},
    process::Supervise,
    read::Read,
    session_status::SessionStatus,
    sessions_history::SessionsHistory,
    sessions_list::SessionsList,
    write::Write,
};

/// What built-in tools need of the world above.
#[derive(Clone)]
pub struct Deps {
    /// The conversations.
    pub conversations: Arc<dyn Conversations>,
    /// The processes that commands run as.
    pub processes: Processes,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Other machines that commands may run on.
    pub nodes: Option<Arc<dyn Nodes>>,
}

/// All built-in tools. Which of them a session has is `policy`'s to say.
pub fn builtin(deps: Deps) -> Registry {
    let Deps { conversations, processes, clock, nodes } = deps;
    Registry::default()
        .with(ApplyPatch)
        .with(Edit)
        .with(Exec { processes: processes.clone(), clock: Arc::clone(&clock), nodes })
        .with(Supervise { processes, clock: Arc::clone(&clock) })
        .with(Read)
        .with(SessionStatus { conversations: Arc::clone(&conversations) })
        .with(SessionsHistory { conversations: Arc::clone(&conversations) })
        .with(SessionsList { conversations, clock })
        .with(Write)
}
