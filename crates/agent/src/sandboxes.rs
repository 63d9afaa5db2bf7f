//! From the config's words for sandboxes to the backend's: which box a session has.
//!
//! Decides nothing: whether a session has one is `policy`'s to say, what is made of it is
//! `sandbox`'s.

mod listed;

pub use listed::{Listed, Selector, Usage, agent_of, list, measure, remove};

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use config::{Agent, Config, SandboxBackend, WorkspaceAccess};
use domain::{Clock, SessionKey};
use futures_util::{FutureExt as _, future::join_all};
use policy::explain::{Layout, Mount, Report, Subject, report};
use sandbox::{
    docker::{
        Backend, Engine, Options, owner_id, planned_binds, planned_mounts,
        settings::{
            AGENT_TARGET, Access, Allowed, Container, Prune, Scope, Seed, Settings, Sharing, Ulimit,
        },
    },
    naming,
};
use store::{SandboxEntry, SandboxRegistry};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The box of `session`, should it have one.
pub fn settings(agent: &Agent, session: &SessionKey, seed: Seed) -> Settings {
    let sandbox = &agent.sandbox_settings;
    let sharing = match sandbox.sharing {
        config::Sharing::Session => Sharing::Session,
        config::Sharing::Agent => Sharing::Agent,
        config::Sharing::Shared => Sharing::Shared,
    };
    let id = agent.id.as_str();
    let key = naming::scope_key(sharing, id, session.as_str(), &agent.workspace);
    let sandbox_dir = match sharing {
        Sharing::Shared => sandbox.workspace_root.clone(),
        Sharing::Session | Sharing::Agent => sandbox.workspace_root.join(naming::slug(&key)),
    };
    Settings {
        scope: Scope { sharing, key, agent: id.to_owned() },
        access: match sandbox.workspace_access {
            WorkspaceAccess::None => Access::None,
            WorkspaceAccess::ReadOnly => Access::Ro,
            WorkspaceAccess::ReadWrite => Access::Rw,
        },
        sandbox_dir,
        agent_dir: agent.workspace.clone(),
        container: container(&sandbox.docker),
        allowed: Allowed {
            dangerously_allow_reserved_container_targets: sandbox.docker.allow_reserved_targets,
            dangerously_allow_external_bind_sources: sandbox.docker.allow_external_sources,
            dangerously_allow_container_namespace_join: sandbox.docker.allow_namespace_join,
        },
        spares: sandbox.docker.spares,
        seed,
    }
}

/// Why things are as they are for `subject`, who last spoke on `channel`; `None` when there is
/// no such agent.
pub fn explain(config: &Config, subject: &Subject, channel: Option<String>) -> Option<Report> {
    let agent = config.agents.get(&subject.agent)?;
    let settings = settings(agent, &subject.key(config), Seed::default());
    Some(report(config, agent, subject, channel, layout(&settings)))
}

fn layout(settings: &Settings) -> Layout {
    let managed = planned_mounts(settings);
    let workspace = managed.first().map(|mount| mount.source.clone().into()).unwrap_or_default();
    let ours = managed.into_iter().map(|mount| Mount {
        source: if mount.target == AGENT_TARGET { "agent" } else { "workspace" },
        host_root: mount.source,
        container_root: mount.target,
        writable: mount.writable,
    });
    let theirs = planned_binds(settings).into_iter().map(|bind| Mount {
        source: "bind",
        host_root: bind.source,
        container_root: bind.target,
        writable: bind.writable,
    });
    Layout { workspace, mounts: ours.chain(theirs).collect() }
}

/// When the boxes of `agent` are removed.
pub fn prune(agent: &Agent) -> Prune {
    let config::Prune { idle_hours, age_days } = agent.sandbox_settings.prune;
    Prune { idle_hours, max_age_days: age_days }
}

/// The engines in use, each with its backend.
pub type Engines = [(Engine, Backend)];

/// What engines are made from.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The process environment, which names the engine's socket. Nothing of it gets inside.
    pub env: BTreeMap<String, String>,
    /// Home directory, whose secrets no bind may show.
    pub home: PathBuf,
    /// State directory: the list of sandboxes is in it, and it tells ours from others'.
    pub state_dir: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where the backends' tasks run.
    pub tasks: TaskTracker,
    /// Ends those tasks; sandboxes live on.
    pub stop: CancellationToken,
}

/// Handles to all engines there may be. Speaks to none before a session needs one.
pub fn engines(ground: &Ground) -> Arc<Engines> {
    let backend = |engine| {
        let options = Options {
            engine,
            env: ground.env.clone(),
            homes: vec![ground.home.clone()],
            registry: SandboxRegistry::new(&ground.state_dir),
            clock: Arc::clone(&ground.clock),
            servant: None,
            owner: owner_id(&ground.state_dir),
            labels: BTreeMap::new(),
            tasks: ground.tasks.clone(),
            stop: ground.stop.clone(),
        };
        (engine, Backend::new(options))
    };
    [Engine::Docker, Engine::Podman].map(backend).into()
}

/// Prunes sandboxes now and then, by the rules of the config as it is then.
pub fn prune_for_ever(
    engines: &Engines,
    config: &watch::Receiver<Arc<Config>>,
) -> impl Future<Output = ()> + Send + use<> {
    let rounds: Vec<_> = engines
        .iter()
        .map(|(_, backend)| {
            let (backend, config) = (backend.clone(), config.clone());
            async move {
                let rule = move |entry: &SandboxEntry| {
                    prune(agent_of(&config.borrow(), &entry.session_key))
                };
                backend.prune_for_ever(rule).await;
            }
        })
        .collect();
    join_all(rounds).map(drop)
}

/// The backend that runs the boxes of `agent`.
pub fn backend_of<'e>(engines: &'e Engines, agent: &Agent) -> Option<&'e Backend> {
    let wanted = engine(agent);
    engines.iter().find(|(engine, _)| *engine == wanted).map(|(_, backend)| backend)
}

/// The engine that runs the boxes of `agent`.
pub fn engine(agent: &Agent) -> Engine {
    match agent.sandbox_settings.backend {
        SandboxBackend::Docker => Engine::Docker,
        SandboxBackend::Podman => Engine::Podman,
    }
}

fn container(docker: &config::Docker) -> Container {
    let docker = docker.clone();
    let limits = docker.ulimits.into_iter().map(|(name, config::Ulimit { soft, hard })| {
        (name, Ulimit { soft: Some(soft), hard: Some(hard) })
    });
    Container {
        image: docker.image,
        container_prefix: docker.container_prefix,
        workdir: docker.workdir,
        read_only_root: docker.read_only_root,
        tmpfs: docker.tmpfs,
        network: docker.network,
        user: docker.user,
        cap_drop: docker.cap_drop,
        env: docker.env,
        setup_command: docker.setup_command,
        pids_limit: docker.pids_limit.and_then(|limit| i64::try_from(limit).ok()),
        memory: docker.memory_bytes.map(|bytes| bytes.to_string()),
        memory_swap: docker.memory_swap_bytes.map(|bytes| bytes.to_string()),
        cpus: docker.nano_cpus.map(cpus),
        gpus: docker.gpus,
        ulimits: limits.collect(),
        seccomp_profile: docker.seccomp_profile,
        apparmor_profile: docker.apparmor_profile,
        dns: docker.dns,
        extra_hosts: docker.extra_hosts,
        binds: docker.binds,
        runtime: docker.runtime,
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody has so many processors")]
fn cpus(nano_cpus: u64) -> f64 {
    nano_cpus as f64 / 1e9
}
