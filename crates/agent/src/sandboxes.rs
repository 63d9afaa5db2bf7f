//! From the config's words for sandboxes to the backend's: which box a session has.
//!
//! Decides nothing: whether a session has one is `policy`'s to say, what is made of it is
//! `sandbox`'s.

mod listed;

pub use listed::{Engines, Listed, Selector, Usage, agent_of, list, measure, remove};

use config::{Agent, SandboxBackend, WorkspaceAccess};
use domain::SessionKey;
use policy::explain::{Layout, Mount};
use sandbox::{
    docker::{
        Engine, planned_binds, planned_mounts,
        settings::{
            AGENT_TARGET, Access, Allowed, Container, Prune, Scope, Seed, Settings, Sharing, Ulimit,
        },
    },
    naming,
};

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

/// The directories of that box, for an explanation.
pub fn layout(settings: &Settings) -> Layout {
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
