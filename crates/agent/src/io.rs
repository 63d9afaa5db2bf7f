//! What turns act through. Shared by all sessions; holds handles, never a session's state.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use config::{Agent, Config};
use domain::{AgentId, Clock};
use store::{Store, Workspace};
use tokio::sync::{mpsc, watch};

use crate::{
    Approver, Event,
    lane::Lanes,
    notices::Notices,
    sandboxes::Engines,
    sessions::Link,
    skills::{Found, Library, Site},
    subagents::Subagents,
};

/// Handles to the world.
pub(crate) struct Io {
    pub(crate) config: watch::Receiver<Arc<Config>>,
    pub(crate) store: Store,
    pub(crate) models: models::Models,
    pub(crate) backend: Arc<dyn sandbox::Backend>,
    pub(crate) sandboxes: Arc<Engines>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tools: tools::Registry,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) lanes: Lanes,
    pub(crate) notices: Arc<Notices>,
    pub(crate) place: Arc<Place>,
    pub(crate) ports: Ports,
    pub(crate) library: Arc<Library>,
    /// The sub-agents, where there may be any.
    pub(crate) subagents: Option<Subagents>,
    /// The hub that all of this belongs to.
    pub(crate) link: Link,
}

impl Io {
    /// The skills of `agent`, whether it can use them or not.
    pub(crate) async fn skills(&self, config: &Arc<Config>, agent: &AgentId) -> Vec<Found> {
        let (config, agent) = (Arc::clone(config), agent.clone());
        let (library, place) = (Arc::clone(&self.library), Arc::clone(&self.place));
        let looked = tokio::task::spawn_blocking(move || {
            let agent = config.agents.get(&agent).unwrap_or(&config.agents.list[0]);
            library.of(&config, agent, &place.site())
        });
        // Without its skills an agent is still of use.
        looked.await.unwrap_or_default()
    }

    /// Whether a message is on disk while it waits.
    pub(crate) fn is_kept(&self, submission: &crate::Submission) -> bool {
        submission.is_kept && self.ports.backlog.is_some()
    }

    /// Those of `ids` that wait on disk.
    pub(crate) fn waiting<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        self.ports.backlog.as_ref().map(|backlog| backlog.waiting(ids)).unwrap_or_default()
    }

    /// Marks what waited as done with. A failure is logged: at the worst it is taken up again.
    pub(crate) fn release<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let Some(backlog) = &self.ports.backlog else { return };
        if let Err(error) = backlog.done(ids) {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "cannot write the queue's file");
        }
    }

    /// The workspace of `agent`.
    pub(crate) fn workspace(&self, config: &Config, agent: &Agent) -> Workspace {
        self.store.workspace(&agent.workspace).among(config.agents.exposed().into())
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// The host's time zone, for resets and for the time in front of messages.
    pub(crate) fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.place.timezone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// What turns need of the world above, where there is one.
#[derive(Clone, Default)]
pub struct Ports {
    /// Puts questions to people; without it nobody can be asked.
    pub approver: Option<Arc<dyn Approver>>,
    /// Other machines that commands may run on.
    pub nodes: Option<Arc<dyn tools::ports::Nodes>>,
    /// Where sub-agents are kept in mind; without it sessions neither start any nor write to
    /// each other, since who started them may be gone before they end.
    pub subagents: Option<store::SubagentFile>,
    /// Where messages are kept that wait; without it they are gone when the process ends.
    pub backlog: Option<store::Backlog>,
}

/// Where the process runs: plain facts, read once by whoever starts it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Environment for commands on the host.
    pub env: BTreeMap<String, String>,
    /// Home directory.
    pub home: PathBuf,
    /// State directory.
    pub state_dir: PathBuf,
    /// The config file.
    pub config_path: PathBuf,
    /// Host name.
    pub host: String,
    /// Operating system and architecture, such as `linux (x86_64)`.
    pub os: String,
    /// IANA name of the host's time zone.
    pub timezone: String,
}

impl Place {
    /// Where skills are looked for.
    pub fn site(&self) -> Site<'_> {
        Site { env: &self.env, state_dir: &self.state_dir }
    }
}
