//! From the config's words for sandboxes to the backend's: which box a session has.
//!
//! Decides nothing: whether a session has one is `policy`'s to say, what is made of it is
//! `sandbox`'s.

mod listed;

pub use listed::{
    LastCommand, Limits, Listed, Selector, Usage, agent_of, list, measure, remove, spares,
};

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use config::{Agent, Config, SandboxBackend, SandboxMode, WorkspaceAccess};
use domain::{Clock, SessionKey};
use futures_util::{FutureExt as _, future::join_all};
use policy::explain::{Boxed, Layout, Mount, Report, Subject, Wall, report};
use sandbox::{
    docker::{
        Backend, Engine, Options, Owner, Row, earlier_id, planned_binds, planned_mounts,
        settings::{
            AGENT_TARGET, Access, Allowed, Container, Prune, Scope, Seed, Settings, Sharing, Ulimit,
        },
    },
    naming,
};
use store::{SandboxEntry, SandboxOwner, SandboxRegistry};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    brief,
    skills::{Found, SKILLS_DIR, offer::Offer},
};

/// Below the workspace root, the directory of the box that all share. It is beside those of
/// others, so that it shows nothing of theirs.
const SHARED_DIR: &str = "shared";

/// Who shares the box of `session`, should it have one.
pub(crate) fn scope(agent: &Agent, session: &SessionKey) -> Scope {
    let sharing = match agent.sandbox_settings.sharing {
        config::Sharing::Session => Sharing::Session,
        config::Sharing::Agent => Sharing::Agent,
        config::Sharing::Shared => Sharing::Shared,
    };
    let id = agent.id.as_str();
    let key = naming::scope_key(sharing, id, session.as_str(), &agent.workspace);
    Scope { sharing, key, agent: id.to_owned() }
}

/// The box of `session`, should it have one.
pub fn settings(config: &Config, agent: &Agent, session: &SessionKey, seed: Seed) -> Settings {
    let seed = Seed { guarded: guarded(config, agent), ..seed };
    let sandbox = &agent.sandbox_settings;
    let scope = scope(agent, session);
    let sandbox_dir = sandbox.workspace_root.join(match scope.sharing {
        // No slug: those end with a digest.
        Sharing::Shared => SHARED_DIR.to_owned(),
        Sharing::Session | Sharing::Agent => naming::slug(&scope.key),
    });
    Settings {
        scope,
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
        exposed: config.agents.exposed().into(),
    }
}

/// Gives the box copies of skills. One that works in the agent's workspace is shown them beside
/// it, to read.
pub fn with_skills(
    mut settings: Settings,
    copies: Arc<[(String, PathBuf)]>,
    state_dir: &Path,
) -> Settings {
    if settings.access == Access::Rw {
        let place = || state_dir.join("sandbox/skills-workspaces");
        let dir = || place().join(naming::slug(&settings.scope.key));
        settings.seed.skills_dir = (!copies.is_empty()).then(dir);
    }
    settings.seed.skills = Some(copies);
    settings
}

/// Directories of the agent's workspace that its sandboxes cannot write to, even where they can
/// write to the workspace: sessions on the host go by the skills in them.
fn guarded(config: &Config, agent: &Agent) -> Arc<[PathBuf]> {
    let extra = config.skills.extra_dirs.iter();
    let inside = extra.filter_map(|dir| dir.strip_prefix(&agent.workspace).ok());
    let mut guarded = vec![PathBuf::from(SKILLS_DIR)];
    guarded.extend(inside.filter(|path| !path.as_os_str().is_empty()).map(ToOwned::to_owned));
    guarded.sort();
    guarded.dedup();
    guarded.into()
}

/// An agent's skills, and where copies of them lie.
#[derive(Clone, Copy, Debug)]
pub struct Shelf<'a> {
    /// Its skills, whether it can use them or not.
    pub found: &'a [Found],
    /// The state directory.
    pub state_dir: &'a Path,
}

/// Why things are as they are for `subject`, who last spoke on `channel`; `None` when there is
/// no such agent.
///
/// An engine is asked how a sandbox is reached; one that does not answer is no hindrance.
pub async fn explain(
    config: &Config,
    engines: &Engines,
    subject: &Subject,
    channel: Option<String>,
    shelf: Shelf<'_>,
) -> Option<Report> {
    let agent = config.agents.get(&subject.agent)?;
    let session = subject.key(config);
    let boxed = Boxed::of(config, agent, &session);
    let settings = settings(config, agent, &session, Seed::default());
    let sight = brief::sight(agent, boxed.as_ref());
    let offer = Offer::of(shelf.found, &config.skills, sight, &|_| false);
    let settings = with_skills(settings, offer.copies(), shelf.state_dir);
    let mut layout = layout(&settings);
    if boxed.is_some()
        && let Some(backend) = backend_of(engines, agent)
    {
        let reach = backend.reach(&settings).await;
        layout.reach =
            reach.map(|it| policy::explain::Reach { by: it.as_str(), told: it.describe() });
        layout.wall = backend.wall(&settings).await.into_iter().map(wall).collect();
    }
    Some(report(config, agent, subject, channel, layout))
}

fn wall(row: Row) -> Wall {
    let Row { key, asked, found, verdict } = row;
    Wall { key, asked, found, verdict: verdict.as_str() }
}

fn layout(settings: &Settings) -> Layout {
    let (managed, workdir) = (planned_mounts(settings), settings.container.workdir.clone());
    let workspace = managed.first().map(|mount| mount.source.clone().into()).unwrap_or_default();
    let ours = managed.into_iter().map(|mount| Mount {
        source: match mount.target.as_str() {
            AGENT_TARGET => "agent",
            target if target == workdir => "workspace",
            _ => "skills",
        },
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
    Layout { workspace, mounts: ours.chain(theirs).collect(), reach: None, wall: Vec::new() }
}

/// When `program` is to remove a listed box: never, if another engine runs it, for it would
/// find nothing and forget the entry.
pub fn prune(config: &Config, program: Engine, entry: &SandboxEntry) -> Prune {
    let agent = agent_of(config, &entry.session_key);
    if engine(agent) != program {
        return Prune { idle_hours: 0, max_age_days: 0 };
    }
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
    /// State directory: the list of sandboxes is in it, and who we are to engines.
    pub state_dir: PathBuf,
    /// Who that is: what [`store::OwnerFile`] says.
    pub owner: SandboxOwner,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where the backends' tasks run.
    pub tasks: TaskTracker,
    /// Ends those tasks; sandboxes live on.
    pub stop: CancellationToken,
}

/// Handles to all engines there may be. Speaks to none before a session needs one.
pub fn engines(ground: &Ground) -> Arc<Engines> {
    let owner = owner(ground);
    let backend = |engine| {
        let options = Options {
            engine,
            env: ground.env.clone(),
            homes: vec![ground.home.clone()],
            registry: SandboxRegistry::new(&ground.state_dir),
            clock: Arc::clone(&ground.clock),
            servant: None,
            owner: owner.clone(),
            labels: BTreeMap::new(),
            tasks: ground.tasks.clone(),
            stop: ground.stop.clone(),
        };
        (engine, Backend::new(options))
    };
    [Engine::Docker, Engine::Podman].map(backend).into()
}

/// Who we are to engines. Only the state directory proves that what earlier versions made is
/// ours: two gateways may share a workspace.
fn owner(ground: &Ground) -> Owner {
    let earlier = Some(earlier_id(&ground.state_dir));
    Owner { id: ground.owner.id.clone(), earlier, ground: Some(ground.state_dir.clone()) }
}

/// Prunes sandboxes now and then, by the rules of the config as it is then.
pub fn prune_for_ever(
    engines: &Engines,
    config: &watch::Receiver<Arc<Config>>,
) -> impl Future<Output = ()> + Send + use<> {
    let rounds: Vec<_> = engines
        .iter()
        .map(|(program, backend)| {
            let (program, backend, config) = (*program, backend.clone(), config.clone());
            async move {
                let rule = move |entry: &SandboxEntry| prune(&config.borrow(), program, entry);
                backend.prune_for_ever(rule).await;
            }
        })
        .collect();
    join_all(rounds).map(drop)
}

/// Takes over what an earlier life left, and does ahead of the first turn what can be done.
///
/// Speaks only to engines that some agent's sandboxes need. What stands in the way is logged
/// with its fix: the first turn would fail of it, too.
pub fn take_over(engines: &Arc<Engines>, config: &Arc<Config>) -> impl Future<Output = ()> + use<> {
    let (engines, config) = (Arc::clone(engines), Arc::clone(config));
    async move {
        let mut swept = Vec::new();
        for agent in config.agents.list.iter().filter(|it| it.sandbox != SandboxMode::Off) {
            let Some(backend) = backend_of(&engines, agent) else { continue };
            let key = SessionKey::of(&agent.id, &config.session.main_key);
            // Spares come with the first session that needs a sandbox.
            let ahead = Settings { spares: 0, ..settings(&config, agent, &key, Seed::default()) };
            let prepared = async {
                if !swept.contains(&engine(agent)) {
                    swept.push(engine(agent));
                    backend.sweep().await?;
                }
                backend.warm(&ahead).await
            };
            if let Err(error) = prepared.await {
                tracing::warn!(agent = %agent.id, %error, "the agent's sandbox is not ready");
            }
        }
    }
}

/// Removes the spares; the sandboxes of sessions live on for the next gateway.
pub async fn close(engines: &Engines) {
    for (_, backend) in engines {
        backend.close().await;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        let env = config::Env::of([].into(), Path::new("/home/me"), Path::new("/"));
        let locations = config::Locations::find(&env, None, false).unwrap();
        (*config::load_text(text, &locations, &env).config.unwrap()).clone()
    }

    #[test]
    fn an_engine_prunes_by_the_rules_of_each_boxes_agent_and_only_its_own() {
        let config = config(
            "{ agents: { list: [{ id: 'a', sandbox: { prune: { idleHours: 1 } } },
                 { id: 'b', sandbox: { backend: 'podman', prune: { maxAgeDays: 2 } } }] } }",
        );
        let entry = |key: &str| SandboxEntry {
            container_name: "c".to_owned(),
            session_key: key.to_owned(),
            created_at_ms: 0,
            last_used_at_ms: 0,
            image: String::new(),
            config_hash: None,
            rest: serde_json::Map::new(),
        };
        let rule = |program, key| {
            let Prune { idle_hours, max_age_days } = prune(&config, program, &entry(key));
            (idle_hours, max_age_days)
        };

        assert_eq!(rule(Engine::Docker, "agent:a:telegram:group:1"), (1, 7));
        assert_eq!(rule(Engine::Docker, "shared"), (1, 7));
        assert_eq!(rule(Engine::Docker, "agent:b"), (0, 0));
        assert_eq!(rule(Engine::Podman, "agent:b"), (24, 2));
    }

    #[test]
    fn what_one_agents_boxes_write_to_is_exposed_to_all() {
        let config = config(
            r#"{ agents: { list: [
                 { id: "a", workspace: "/a", sandbox: { mode: "all", workspaceAccess: "rw" } },
                 { id: "b", workspace: "/b", sandbox: { mode: "all", workspaceRoot: "/boxes" } },
                 { id: "c", workspace: "/c", sandbox: { workspaceAccess: "rw" } }] } }"#,
        );
        let session = SessionKey::stored("agent:b:main");

        let settings = settings(&config, &config.agents.list[1], &session, Seed::default());

        assert_eq!(*settings.exposed, [PathBuf::from("/a"), PathBuf::from("/boxes")]);
    }

    #[test]
    fn what_all_share_is_a_directory_beside_those_of_others() {
        let config = config(
            r#"{ agents: { defaults: { sandbox: { mode: "all", scope: "session",
                   workspaceRoot: "/boxes" } },
                 list: [{ id: "a" }, { id: "b", sandbox: { scope: "agent" } },
                   { id: "c", sandbox: { scope: "shared" } }] } }"#,
        );
        let dir = |n: usize, key: &str| {
            let (agent, key) = (&config.agents.list[n], SessionKey::stored(key));
            settings(&config, agent, &key, Seed::default()).sandbox_dir
        };

        let shared = dir(2, "agent:c:main");
        let others = [dir(0, "agent:a:main"), dir(0, "shared"), dir(1, "agent:b:main")];

        assert_eq!(shared, Path::new("/boxes/shared"));
        for other in others {
            assert!(!other.starts_with(&shared) && !shared.starts_with(&other), "{other:?}");
        }
    }

    #[test]
    fn the_full_example_of_the_guide_reaches_the_container() {
        let config = config(
            r#"{ agents: { defaults: { workspace: "/work", sandbox: {
                 scope: "session", workspaceAccess: "ro", workspaceRoot: "/boxes",
                 docker: { user: "1000:1000", pidsLimit: 256, memory: "1g", memorySwap: "2g",
                   cpus: 1.5, ulimits: { nofile: { soft: 1024, hard: 2048 }, nproc: 256 },
                   runtime: "runsc", spares: 2, binds: ["/work/data:/data:ro"] } } } } }"#,
        );
        let agent = &config.agents.list[0];
        let session = SessionKey::stored("agent:main:telegram:group:1");

        let settings = settings(&config, agent, &session, Seed::default());

        let container = &settings.container;
        assert_eq!((settings.access, settings.spares), (Access::Ro, 2));
        assert!(settings.scope.key.starts_with("agent:main:telegram:group:1:workspace:"));
        assert!(settings.sandbox_dir.starts_with("/boxes"));
        assert_eq!((container.pids_limit, container.cpus), (Some(256), Some(1.5)));
        assert_eq!(container.memory.as_deref(), Some("1073741824"));
        assert_eq!(container.memory_swap.as_deref(), Some("2147483648"));
        assert_eq!(container.ulimits["nofile"], Ulimit { soft: Some(1024), hard: Some(2048) });
        assert_eq!(container.runtime.as_deref(), Some("runsc"));
        let mounts = layout(&settings).mounts;
        let shown: Vec<_> =
            mounts.iter().map(|it| (it.source, &*it.container_root, it.writable)).collect();
        assert_eq!(
            shown,
            [
                ("workspace", "/workspace", false),
                ("agent", "/agent", false),
                ("bind", "/data", false)
            ]
        );
    }
}
