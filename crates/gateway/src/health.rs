//! The health payload: made when something changed, handed out as text that is ready to send.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::ArcSwap;
use config::{Config, Problem};
use domain::{Clock, UnixMillis};
use protocol::event::{
    AgentHealth, ConfigProblem, Health, HeartbeatHealth, RecentSession, SessionsHealth,
};
use serde_json::value::{RawValue, to_raw_value};
use store::Store;

/// Conversations shown per agent.
const RECENT_MAX: usize = 5;

/// The newest health payload.
pub(crate) struct HealthCache {
    text: ArcSwap<Arc<RawValue>>,
    version: AtomicU64,
}

impl HealthCache {
    /// Makes the first payload.
    pub(crate) fn new(
        (config, problems): (&Config, &[Problem]),
        store: &Store,
        clock: &dyn Clock,
    ) -> Self {
        let text = ArcSwap::from_pointee(Arc::from(payload(config, problems, store, clock)));
        Self { text, version: AtomicU64::new(1) }
    }

    /// The payload as JSON.
    pub(crate) fn text(&self) -> Arc<RawValue> {
        Arc::clone(&self.text.load())
    }

    /// Makes the payload anew.
    pub(crate) fn refresh(
        &self,
        (config, problems): (&Config, &[Problem]),
        store: &Store,
        clock: &dyn Clock,
    ) {
        self.text.store(Arc::new(Arc::from(payload(config, problems, store, clock))));
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was made.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Relaxed)
    }
}

fn payload(
    config: &Config,
    problems: &[Problem],
    store: &Store,
    clock: &dyn Clock,
) -> Box<RawValue> {
    let now = clock.now();
    let default = &config.agents.default;
    let agents: Vec<AgentHealth> = config
        .agents
        .list
        .iter()
        .map(|agent| AgentHealth {
            agent_id: agent.id.to_string(),
            name: agent.name.clone(),
            is_default: agent.id == *default,
            heartbeat: HeartbeatHealth {
                enabled: agent.heartbeat.runs && agent.heartbeat_every.is_some(),
                every: agent.heartbeat_every_text.clone(),
                every_ms: agent.heartbeat_every.map(millis),
                prompt: String::new(),
                target: "none".to_owned(),
                ack_max_chars: 0,
            },
            sessions: sessions(&store.sessions(&agent.id), now),
        })
        .collect();
    let of_default = config.agents.get(default);
    let health = Health {
        ok: true,
        ts: now.0,
        duration_ms: clock.now().since(now),
        channels: std::collections::BTreeMap::new(),
        channel_order: Vec::new(),
        channel_labels: std::collections::BTreeMap::new(),
        heartbeat_seconds: of_default
            .and_then(|agent| agent.heartbeat_every)
            .map_or(0, |every| every.as_secs()),
        default_agent_id: default.to_string(),
        sessions: sessions(&store.sessions(default), now),
        agents,
        config_problems: problems.iter().map(config_problem).collect(),
    };
    to_raw_value(&health).unwrap_or_default()
}

fn config_problem(problem: &Problem) -> ConfigProblem {
    ConfigProblem {
        path: problem.shown_path().to_owned(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
    }
}

fn sessions(index: &store::Sessions, now: UnixMillis) -> SessionsHealth {
    let mut all = index.list();
    let count = all.len();
    all.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.updated_at));
    let recent = all
        .into_iter()
        .take(RECENT_MAX)
        .map(|(key, entry)| RecentSession {
            key: key.to_string(),
            updated_at: Some(entry.updated_at.0),
            age: Some(now.since(entry.updated_at)),
        })
        .collect();
    SessionsHealth { path: index.path(), count, recent }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
