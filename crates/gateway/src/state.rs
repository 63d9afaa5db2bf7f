//! What every method, endpoint and connection may reach.
//!
//! Handles and snapshots only: each mutable thing has its owner elsewhere.

use std::sync::{Arc, OnceLock};

use config::Config;
use domain::{AgentId, Clock, SessionKey, UnixMillis};
use tokio::sync::watch;

use crate::{
    app::Asked, approvals::Approvals, audit::Audit, auth::Gate, dedupe::Conflicts,
    devices::Devices, events::Events, health::HealthCache, heartbeats::Heartbeats, http,
    lifecycle::Lifecycle, metrics::Metrics, nodes::Nodes, presence::Roster, readers::Readers,
    rpc::Router, wizards::Wizards,
};

/// What every method, endpoint and connection may reach.
pub(crate) struct Gateway {
    /// Configuration, as it changes.
    pub(crate) config: watch::Receiver<Arc<Config>>,
    /// What the config file says, as it changes.
    pub(crate) loaded: watch::Receiver<Arc<config::Loaded>>,
    /// The hash of the config file that is in force.
    pub(crate) in_force: watch::Sender<String>,
    /// What is asked of the one who started the gateway.
    pub(crate) asked: watch::Sender<Option<Asked>>,
    /// All of the disk.
    pub(crate) store: store::Store,
    /// Model APIs.
    pub(crate) models: models::Models,
    /// Conversations: the one door by which turns enter.
    pub(crate) sessions: agent::Sessions,
    /// The engines that sandboxes run on.
    pub(crate) sandboxes: Arc<agent::sandboxes::Engines>,
    /// Other machines that are connected.
    pub(crate) nodes: Nodes,
    /// Questions to people about commands.
    pub(crate) approvals: Approvals,
    /// The record of who did what.
    pub(crate) audit: Audit,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// Requests that follow a conversation.
    pub(crate) readers: Readers,
    /// The fan-out.
    pub(crate) events: Events,
    /// What wakes agents.
    pub(crate) heartbeats: Heartbeats,
    /// Who is there.
    pub(crate) roster: Roster,
    /// The health payload.
    pub(crate) health: HealthCache,
    /// Who may come in.
    pub(crate) gate: Gate,
    /// Devices that were let in, or ask to be.
    pub(crate) devices: Devices,
    /// Idempotency keys and what they stood for.
    pub(crate) conflicts: Conflicts,
    /// The setup wizard that a client walks through.
    pub(crate) wizards: Wizards,
    /// Which conversations the latest responses were of.
    pub(crate) responses: http::Recent,
    /// Calls of tools over HTTP.
    pub(crate) tool_calls: http::Calls,
    /// Methods.
    pub(crate) router: Router,
    /// Tasks and their end.
    pub(crate) lifecycle: Lifecycle,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where the files of this installation are.
    pub(crate) locations: config::Locations,
    /// The environment the process was started with.
    pub(crate) env: config::Env,
    /// What does not change while the process runs.
    pub(crate) identity: Identity,
    /// Advertised method names, made once.
    pub(crate) method_names: OnceLock<Vec<String>>,
}

/// What does not change while the process runs.
pub(crate) struct Identity {
    /// When the process was started.
    pub(crate) started: UnixMillis,
    /// This run of the program.
    pub(crate) boot_id: String,
    /// Name of the machine.
    pub(crate) host: String,
    /// Whether the gateway runs in a container.
    pub(crate) is_contained: bool,
}

impl Gateway {
    /// The configuration as of now.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.borrow().clone()
    }

    /// Makes a client's session key canonical; `agent` wins over the default one.
    pub(crate) fn session_key(&self, raw: &str, agent: Option<&AgentId>) -> SessionKey {
        let config = self.config();
        let agent = agent.unwrap_or(&config.agents.default);
        if config.session.global_scope && matches!(raw.trim(), "" | "main" | "global") {
            return SessionKey::stored("global");
        }
        SessionKey::canonical(raw, agent, &config.session.main_key)
    }

    /// The index that holds `key`.
    pub(crate) fn sessions_of(&self, key: &SessionKey) -> store::Sessions {
        let agent = key.agent().unwrap_or_else(|| self.config().agents.default.clone());
        self.store.sessions(&agent)
    }

    /// All agents: those of the config, and those of which there are conversations.
    pub(crate) fn agents(&self) -> Vec<AgentId> {
        let config = self.config();
        let mut agents: Vec<AgentId> = config.agents.list.iter().map(|it| it.id.clone()).collect();
        for agent in self.store.session_agents() {
            if !agents.contains(&agent) {
                agents.push(agent);
            }
        }
        agents
    }

    /// How long the process runs, in milliseconds.
    pub(crate) fn uptime_ms(&self) -> u64 {
        self.clock.now().since(self.identity.started)
    }
}

impl Gateway {
    /// The first model of an agent, with its size.
    pub(crate) fn default_model(&self, agent: &AgentId) -> Option<Arc<models::Model>> {
        let config = self.config();
        let agent = config.agents.get(agent)?;
        let first = agent.models.first()?;
        self.models.resolve(&config, agent, first).ok()
    }
}
