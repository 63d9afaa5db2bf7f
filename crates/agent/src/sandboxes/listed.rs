//! The rows of `sandbox list`, and which of them a selector means.

use std::time::Duration;

use config::{Agent, Config};
use domain::AgentId;
use futures_util::future::join_all;
use sandbox::{
    Exit,
    docker::{Backend, Error, Ran, Stats},
    naming,
};
use serde::Serialize;
use store::SandboxEntry;
use tokio::time::{Instant, sleep};

use super::Engines;

/// How long the load of sandboxes is watched. Longer than an engine's clock ticks, shorter than
/// a person minds.
const WATCHED: Duration = Duration::from_millis(200);

/// A sandbox of the list, with what the engine says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// What the list says; the image is the engine's where it knows better.
    #[serde(flatten)]
    pub entry: SandboxEntry,
    /// What runs it.
    pub backend_id: &'static str,
    /// What people call it.
    pub runtime_label: String,
    /// Whether it runs.
    pub running: bool,
    /// Whether its image is the one that the config asks for.
    pub image_match: bool,
    /// The same under its newer name.
    pub config_label_match: bool,
    /// What it uses right now; `None` when nobody asked or it does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Usage>,
    /// What it may use, as the config has it now; `None` when nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Its last commands in this gateway's life, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_commands: Vec<LastCommand>,
}

/// What a sandbox may use. What is absent has no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<f64>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

/// A command that ran in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastCommand {
    /// Its first line, cut, with what looks like a secret masked.
    pub command: String,
    /// When it began.
    pub at_ms: i64,
    /// How long it took; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<i64>,
    /// What it returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

impl Limits {
    fn of(docker: &config::Docker) -> Self {
        Self {
            cpus: docker.nano_cpus.map(super::cpus),
            memory_bytes: docker.memory_bytes,
            pids: docker.pids_limit,
        }
    }
}

impl From<Ran> for LastCommand {
    fn from(ran: Ran) -> Self {
        let (exit_code, signal) = match ran.exit {
            Some(Exit::Code(code)) => (Some(code), None),
            Some(Exit::Signal(signal)) => (None, Some(signal)),
            None => (None, None),
        };
        Self { command: ran.line, at_ms: ran.began_ms, took_ms: ran.took_ms, exit_code, signal }
    }
}

/// What a sandbox uses right now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Share of one processor, in percent.
    pub cpu_percent: f64,
    /// Memory without what is only cached.
    pub memory_bytes: u64,
    /// Most memory that it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<u64>,
    /// Processes inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

impl Listed {
    /// Puts together what the list, the engine and the config say.
    pub fn of(config: &Config, entry: SandboxEntry, running: bool) -> Self {
        let agent = agent_of(config, &entry.session_key);
        let image_match = entry.image == agent.sandbox_settings.docker.image;
        Self {
            backend_id: agent.sandbox_settings.backend.as_str(),
            runtime_label: entry.container_name.clone(),
            running,
            image_match,
            config_label_match: image_match,
            stats: None,
            limits: None,
            last_commands: Vec::new(),
            entry,
        }
    }
}

/// All sandboxes on the list, each as its own agent's engine knows it.
///
/// # Errors
///
/// When the list cannot be read. An engine that does not answer runs nothing.
pub async fn list(config: &Config, engines: &Engines) -> Result<Vec<Listed>, Error> {
    let mut rows = Vec::new();
    for (engine, backend) in engines {
        let listed = backend.list().await?;
        let own = listed
            .into_iter()
            .filter(|it| super::engine(agent_of(config, &it.entry.session_key)) == *engine);
        let limits = |it: &sandbox::docker::Listed| {
            Limits::of(&agent_of(config, &it.entry.session_key).sandbox_settings.docker)
        };
        rows.extend(own.map(|it| Listed {
            limits: Some(limits(&it)),
            last_commands: it.commands.into_iter().map(LastCommand::from).collect(),
            ..Listed::of(config, it.entry, it.is_running)
        }));
    }
    Ok(rows)
}

/// How many started containers wait for a session to come.
pub fn spares(engines: &Engines) -> usize {
    engines.iter().map(|(_, backend)| backend.spares().len()).sum()
}

/// Removes a sandbox and its entry.
///
/// # Errors
///
/// What the engine says, or that there is none.
pub async fn remove(config: &Config, engines: &Engines, row: &Listed) -> Result<(), Error> {
    match backend_of(config, engines, row) {
        Some(backend) => backend.remove(&row.entry.container_name).await,
        None => Err(Error::Closed),
    }
}

/// Says of each sandbox that runs what it uses, all watched at once.
pub async fn measure(config: &Config, engines: &Engines, rows: &mut [Listed]) {
    let readings = join_all(rows.iter().map(async |row| {
        let backend = backend_of(config, engines, row).filter(|_| row.running)?;
        let name = &row.entry.container_name;
        let (first, began) = (backend.stats(name).await.ok()??, Instant::now());
        sleep(WATCHED).await;
        let second = backend.stats(name).await.ok()??;
        Some(Usage::between(first, second, began.elapsed()))
    }));
    let readings = readings.await;
    for (row, usage) in rows.iter_mut().zip(readings) {
        row.stats = usage;
    }
}

fn backend_of<'e>(config: &Config, engines: &'e Engines, row: &Listed) -> Option<&'e Backend> {
    super::backend_of(engines, agent_of(config, &row.entry.session_key))
}

impl Usage {
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more")]
    fn between(first: Stats, second: Stats, took: Duration) -> Self {
        let cpu = Duration::from_nanos(second.cpu_ns.saturating_sub(first.cpu_ns));
        let percent = 100.0 * cpu.as_nanos() as f64 / took.as_nanos().max(1) as f64;
        Self {
            cpu_percent: (percent * 10.0).round() / 10.0,
            memory_bytes: second.memory_bytes,
            memory_limit_bytes: (second.memory_bytes_max > 0).then_some(second.memory_bytes_max),
            pids: (second.pids > 0).then_some(second.pids),
        }
    }
}

/// The agent whose settings hold for a scope key; the default one for what all share.
pub fn agent_of<'c>(config: &'c Config, scope_key: &str) -> &'c Agent {
    let agents = &config.agents;
    let named = scope_key.strip_prefix("agent:").and_then(|rest| rest.split(':').next());
    let agent = named.and_then(|id| agents.get(&AgentId::normalise(id)));
    agent.or_else(|| agents.get(&agents.default)).unwrap_or(&agents.list[0])
}

/// Which sandboxes are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All of them.
    All,
    /// The one with this scope key, with or without its workspace digest.
    Session(String),
    /// Those of an agent and its sessions.
    Agent(String),
}

impl Selector {
    /// Whether the sandbox with this scope key is meant.
    pub fn means(&self, scope_key: &str) -> bool {
        let bare = naming::without_workspace(scope_key);
        match self {
            Self::All => true,
            Self::Session(key) => [scope_key, bare].contains(&key.trim()),
            Self::Agent(id) => {
                let agent = format!("agent:{}", AgentId::normalise(id));
                let below = bare.strip_prefix(&agent);
                below.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sandbox::docker::settings::Sharing;

    use super::*;

    #[test]
    fn a_busy_processor_is_a_hundred_percent() {
        let reading = |cpu_ns| Stats { cpu_ns, memory_bytes: 5, memory_bytes_max: 0, pids: 2 };

        let usage =
            Usage::between(reading(1_000_000), reading(151_000_000), Duration::from_millis(100));

        let expected =
            Usage { cpu_percent: 150.0, memory_bytes: 5, memory_limit_bytes: None, pids: Some(2) };
        assert_eq!(usage, expected);
    }

    #[test]
    fn selectors_mean_whole_keys_with_or_without_the_workspace() {
        let key = |sharing, session: &str| {
            naming::scope_key(sharing, "main", session, Path::new("/work"))
        };
        let agent = key(Sharing::Agent, "");
        let session = key(Sharing::Session, "agent:main:telegram:group:1");
        let of_session = |text: &str| Selector::Session(text.to_owned());
        let of_agent = |text: &str| Selector::Agent(text.to_owned());
        let cases = [
            (Selector::All, "shared", true),
            (of_session("agent:main"), &*agent, true),
            (of_session(&agent), &agent, true),
            (of_session("main"), &agent, false),
            (of_session("agent:main:main"), &agent, false),
            (of_session("agent:main:telegram:group:1"), &session, true),
            (of_session("agent:main:telegram:group:12"), &session, false),
            (of_agent("Main"), &agent, true),
            (of_agent("main"), &session, true),
            (of_agent("mai"), &session, false),
            (of_agent("main"), "agent:main2", false),
            (of_agent("main"), "shared", false),
        ];

        for (selector, key, expected) in cases {
            assert_eq!(selector.means(key), expected, "{selector:?} {key}");
        }
    }
}
