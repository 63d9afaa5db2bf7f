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
    error::Error,
    limits,
    mounts::{self, Managed, Relabel},
    settings::Container,
};
use crate::security::SERVANT_TARGET;

/// Name of the servant's program in its volume.
pub(crate) const SERVANT_FILE: &str = "openclaw-boxd";

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
    Ok(HostConfig {
        readonly_rootfs: Some(docker.read_only_root),
        tmpfs: Some(tmpfs(&docker.tmpfs)),
        network_mode: Some(docker.network.trim().to_owned()),
        cap_drop: Some(docker.cap_drop.clone()),
        privileged: Some(false),
        security_opt: Some(security_opt(plan)),
        dns: not_blank(&docker.dns),
        extra_hosts: not_blank(&docker.extra_hosts),
        pids_limit: docker.pids_limit,
        memory: limits::bytes("memory", docker.memory.as_deref())?,
        memory_swap: limits::bytes("memorySwap", docker.memory_swap.as_deref())?,
        nano_cpus: limits::nano_cpus(docker.cpus)?,
        device_requests: limits::gpus(docker.gpus.as_deref())?,
        ulimits: (!ulimits.is_empty()).then_some(ulimits),
        runtime: docker.runtime.clone().filter(|it| !it.trim().is_empty()),
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

fn tmpfs(entries: &[String]) -> HashMap<String, String> {
    let split = |entry: &String| match entry.split_once(':') {
        Some((target, options)) => (target.to_owned(), options.to_owned()),
        None => (entry.clone(), String::new()),
    };
    entries.iter().map(split).collect()
}

fn not_blank(list: &[String]) -> Option<Vec<String>> {
    let kept: Vec<_> =
        list.iter().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
    (!kept.is_empty()).then_some(kept)
}
