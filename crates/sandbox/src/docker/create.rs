//! The request that makes a container. Pure: the same settings make the same request.
//!
//! Never in it: privileges, added capabilities, the host's namespaces, published ports, a
//! restart policy, a log (frames of the servant are not for a file).

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, RestartPolicy,
    RestartPolicyNameEnum,
};

use super::{
    connect::Engine,
    error::Error,
    limits,
    mounts::{self, Managed, Relabel},
    seed::user_of,
    settings::Container,
};
use crate::security::SERVANT_TARGET;

/// Name of the servant's program in its volume.
pub(crate) const SERVANT_FILE: &str = "openclaw-boxd";

/// Size of `/dev/shm` when the engine is not told.
const SHM_BYTES: i64 = 64 << 20;

/// What a container is made of besides its settings.
#[derive(Clone, Debug)]
pub(crate) struct Plan<'a> {
    /// The settings, with the user already derived.
    pub(crate) container: &'a Container,
    pub(crate) managed: &'a [Managed],
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) relabel: Relabel,
    /// Text of the seccomp profile's file.
    pub(crate) seccomp: Option<String>,
    pub(crate) first: First<'a>,
    pub(crate) engine: Engine,
}

/// What runs first in the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First<'a> {
    /// The servant, from this volume.
    Servant { volume: &'a str },
    /// A sleeper under the engine's init.
    Sleeper,
}

/// The request.
pub(crate) fn body(plan: &Plan<'_>) -> Result<ContainerCreateBody, Error> {
    let docker = plan.container;
    let (has_servant, volume) = match plan.first {
        First::Servant { volume } => (true, Some(volume)),
        First::Sleeper => (false, None),
    };
    let entrypoint = if has_servant {
        vec![format!("{SERVANT_TARGET}/{SERVANT_FILE}")]
    } else {
        vec!["sleep".to_owned(), "infinity".to_owned()]
    };
    let env = docker.env.iter().map(|(name, value)| format!("{name}={value}"));
    let env = env.chain(["OPENCLAW_CLI=1".to_owned()]).collect();
    Ok(ContainerCreateBody {
        image: Some(docker.image.clone()),
        entrypoint: Some(entrypoint),
        cmd: Some(Vec::new()),
        env: Some(env),
        labels: Some(plan.labels.clone().into_iter().collect()),
        user: docker.user.clone(),
        working_dir: Some(docker.workdir.clone()),
        open_stdin: Some(has_servant),
        // The next gateway attaches to the same input after this one is gone.
        stdin_once: Some(false),
        attach_stdin: Some(has_servant),
        attach_stdout: Some(has_servant),
        attach_stderr: Some(has_servant),
        tty: Some(false),
        // An image's own check would run in the sandbox for ever, and bypass its servant.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(host_config(plan, volume)?),
        ..ContainerCreateBody::default()
    })
}

fn host_config(plan: &Plan<'_>, volume: Option<&str>) -> Result<HostConfig, Error> {
    let docker = plan.container;
    let (mounts, binds) = mounts::render(plan.managed, &docker.binds, volume, plan.relabel);
    let ulimits = limits::ulimits(&docker.ulimits);
    let memory = limits::bytes("memory", docker.memory.as_deref())?;
    Ok(HostConfig {
        readonly_rootfs: Some(docker.read_only_root),
        tmpfs: Some(tmpfs(docker, memory, plan.engine)),
        network_mode: Some(docker.network.trim().to_owned()),
        cap_drop: Some(docker.cap_drop.clone()),
        privileged: Some(false),
        security_opt: Some(security_opt(plan)),
        dns: not_blank(&docker.dns),
        extra_hosts: not_blank(&docker.extra_hosts),
        pids_limit: docker.pids_limit,
        memory,
        memory_swap: limits::swap(plan.engine, docker.memory_swap.as_deref())?,
        nano_cpus: limits::nano_cpus(docker.cpus)?,
        device_requests: limits::gpus(docker.gpus.as_deref())?,
        ulimits: (!ulimits.is_empty()).then_some(ulimits),
        runtime: docker.runtime.clone().filter(|it| !it.trim().is_empty()),
        // The engine's own place in memory is 64 MiB, whatever the limit.
        shm_size: memory.filter(|&bytes| bytes > 0).map(|bytes| SHM_BYTES.min(bytes / 8)),
        mounts: Some(mounts),
        binds: Some(binds),
        // The servant reaps by itself.
        init: Some(plan.first == First::Sleeper),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        ..HostConfig::default()
    })
}

fn security_opt(plan: &Plan<'_>) -> Vec<String> {
    let mut options = vec!["no-new-privileges".to_owned()];
    options.extend(plan.seccomp.as_ref().map(|profile| format!("seccomp={profile}")));
    let apparmor = plan.container.apparmor_profile.as_deref().map(str::trim);
    options
        .extend(apparmor.filter(|it| !it.is_empty()).map(|profile| format!("apparmor={profile}")));
    options
}

/// The places in memory. What lies in them counts as the sandbox's memory and outlives the
/// command that filled them, so all together get less than its limit: the next command must
/// still fit. Each takes over the mode of the image's directory, which may be its owner's alone,
/// so it is given to the sandbox's user unless the entry says whose it is.
pub(crate) fn tmpfs(
    docker: &Container,
    memory: Option<i64>,
    engine: Engine,
) -> HashMap<String, String> {
    let entries = &docker.tmpfs;
    let owner = docker.user.as_deref().and_then(user_of);
    let given = owner.map(|owner| match engine {
        Engine::Docker => format!("uid={},gid={}", owner.uid, owner.gid),
        Engine::Podman => "U".to_owned(),
    });
    let unsized_ones = entries.iter().filter(|entry| !entry.contains("size=")).count();
    let each = memory.filter(|&bytes| bytes > 0).zip(i64::try_from(unsized_ones).ok());
    let size = each.and_then(|(bytes, count)| (bytes / 2).checked_div(count));
    let split = |entry: &String| {
        let (target, options) = entry.split_once(':').unwrap_or((entry, ""));
        let mut options: Vec<_> =
            options.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        let has = |name: &str| entry.contains(name);
        options.extend(given.clone().filter(|_| !says_whose(entry)));
        options.extend(size.filter(|_| !has("size=")).map(|size| format!("size={size}")));
        (target.to_owned(), options.join(","))
    };
    entries.iter().map(split).collect()
}

/// Whether an entry says itself who may write to it.
pub(crate) fn says_whose(entry: &str) -> bool {
    let (_, options) = entry.split_once(':').unwrap_or_default();
    let own = ["mode=", "uid=", "gid="];
    options
        .split(',')
        .any(|it| it == "ro" || it == "U" || own.iter().any(|own| it.starts_with(own)))
}

fn not_blank(list: &[String]) -> Option<Vec<String>> {
    let kept: Vec<_> =
        list.iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(entries: &[&str], memory: Option<i64>) -> Vec<(String, String)> {
        let tmpfs = entries.iter().map(|it| (*it).to_owned()).collect();
        let user = Some("7:8".to_owned());
        let docker = Container { tmpfs, user, ..Container::default() };
        let mut sizes: Vec<_> = super::tmpfs(&docker, memory, Engine::Docker).into_iter().collect();
        sizes.sort();
        sizes
    }

    fn row(target: &str, options: &str) -> (String, String) {
        (target.to_owned(), options.to_owned())
    }

    #[test]
    fn places_in_memory_are_as_written_without_a_limit() {
        let shown = sizes(&["/tmp", "/run:mode=755"], None);

        assert_eq!(shown, [row("/run", "mode=755"), row("/tmp", "uid=7,gid=8")]);
    }

    #[test]
    fn with_a_limit_those_without_a_size_share_half_of_it() {
        let shown = sizes(&["/tmp", "/run:mode=755", "/x:size=9m"], Some(400));

        let expected = [
            row("/run", "mode=755,size=100"),
            row("/tmp", "uid=7,gid=8,size=100"),
            row("/x", "size=9m,uid=7,gid=8"),
        ];
        assert_eq!(shown, expected);
    }
}
