//! The list of built-in tools. One line each.

use std::sync::Arc;

use domain::Clock;

use crate::{
    Processes, Registry,
    agents_list::AgentsList,
    apply_patch::ApplyPatch,
    edit::Edit,
    exec::Exec,
    ports::{Conversations, Nodes, Peers},
    process::Supervise,
    read::Read,
    session_status::SessionStatus,
    sessions_history::SessionsHistory,
    sessions_list::SessionsList,
    sessions_send::SessionsSend,
    sessions_spawn::SessionsSpawn,
    write::Write,
};

/// What built-in tools need of the world above.
#[derive(Clone)]
pub struct Deps {
    /// The conversations.
    pub conversations: Arc<dyn Conversations>,
    /// The same, to write to and to start; without it there are no tools for that.
    pub peers: Option<Arc<dyn Peers>>,
    /// The processes that commands run as.
    pub processes: Processes,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Other machines that commands may run on.
    pub nodes: Option<Arc<dyn Nodes>>,
}

/// All built-in tools. Which of them a session has is `policy`'s to say.
pub fn builtin(deps: Deps) -> Registry {
    let Deps { conversations, peers, processes, clock, nodes } = deps;
    let registry = Registry::default()
        .with(ApplyPatch)
        .with(Edit)
        .with(Exec { processes: processes.clone(), clock: Arc::clone(&clock), nodes })
        .with(Supervise { processes, clock: Arc::clone(&clock) })
        .with(Read)
        .with(SessionStatus { conversations: Arc::clone(&conversations) })
        .with(SessionsHistory { conversations: Arc::clone(&conversations) })
        .with(SessionsList { conversations, clock })
        .with(Write);
    let Some(peers) = peers else { return registry };
    registry
        .with(AgentsList { peers: Arc::clone(&peers) })
        .with(SessionsSend { peers: Arc::clone(&peers) })
        .with(SessionsSpawn { peers })
}
