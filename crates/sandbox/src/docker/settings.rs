//! What a sandbox is to be, resolved: plain data, free of config files and of Docker's types.
//!
//! Whoever knows the configuration fills this in; everything about Docker is derived from it.
//! [`Container`] is what the config hash covers.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use serde::Serialize;

/// Image that is used when nobody names one; its absence has an error of its own.
pub const DEFAULT_IMAGE: &str = "openclaw-sandbox:bookworm-slim";
/// How container names begin when nobody says otherwise.
pub const DEFAULT_PREFIX: &str = "openclaw-sbx-";
/// Where the workspace is in a container when nobody says otherwise.
pub const DEFAULT_WORKDIR: &str = "/workspace";
/// Where the agent's own workspace is, when the sandbox has one of its own besides.
pub const AGENT_TARGET: &str = "/agent";

/// One sandbox, and how it is looked after.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Whose it is.
    pub scope: Scope,
    /// What of the agent's workspace it may touch.
    pub access: Access,
    /// Its private directory on our side.
    pub sandbox_dir: PathBuf,
    /// The agent's workspace on our side.
    pub agent_dir: PathBuf,
    /// How the container is made.
    pub container: Container,
    /// Checks that the user turned off.
    pub allowed: Allowed,
    /// Started containers to keep ready for new sessions of this kind.
    pub spares: u32,
    /// What is put into [`Settings::sandbox_dir`] before each use, unless access is `rw`.
    pub seed: Seed,
    /// Directories on our side that other settings let sandboxes write to.
    pub exposed: Arc<[PathBuf]>,
}

/// Whose a sandbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// How many share it.
    pub sharing: Sharing,
    /// Identity of the runtime, which the registry calls `sessionKey`.
    pub key: String,
    /// Agent that asks for it.
    pub agent: String,
}

/// How many share a sandbox. The config calls it `scope`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// One session.
    Session,
    /// All sessions of an agent.
    Agent,
    /// Everybody.
    Shared,
}

/// What a sandbox may do with the agent's workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// It has a directory of its own and never sees the agent's.
    None,
    /// It sees the agent's at `/agent` and may write to neither.
    Ro,
    /// It works in the agent's.
    Rw,
}

/// How a container is made: the keys of `sandbox.docker`, by their config names.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are the config's keys, documented there")]
pub struct Container {
    pub image: String,
    pub container_prefix: String,
    pub workdir: String,
    pub read_only_root: bool,
    pub tmpfs: Vec<String>,
    pub network: String,
    pub user: Option<String>,
    pub cap_drop: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub setup_command: Option<String>,
    pub pids_limit: Option<i64>,
    /// As written: bytes, or a number with a unit (`512m`, `1g`).
    pub memory: Option<String>,
    /// As [`Container::memory`]; `-1` is without limit.
    pub memory_swap: Option<String>,
    pub cpus: Option<f64>,
    pub gpus: Option<String>,
    pub ulimits: BTreeMap<String, Ulimit>,
    pub seccomp_profile: Option<String>,
    pub apparmor_profile: Option<String>,
    pub dns: Vec<String>,
    pub extra_hosts: Vec<String>,
    /// `host:container[:mode]`; the defaults' first, then the agent's.
    pub binds: Vec<String>,
    /// Runtime of the engine, such as `runsc`.
    pub runtime: Option<String>,
}

impl Default for Container {
    /// The documented defaults.
    fn default() -> Self {
        Self {
            image: DEFAULT_IMAGE.to_owned(),
            container_prefix: DEFAULT_PREFIX.to_owned(),
            workdir: DEFAULT_WORKDIR.to_owned(),
            read_only_root: true,
            tmpfs: ["/tmp", "/var/tmp", "/run"].map(str::to_owned).to_vec(),
            network: "none".to_owned(),
            user: None,
            cap_drop: vec!["ALL".to_owned()],
            env: BTreeMap::from([("LANG".to_owned(), "C.UTF-8".to_owned())]),
            setup_command: None,
            pids_limit: None,
            memory: None,
            memory_swap: None,
            cpus: None,
            gpus: None,
            ulimits: BTreeMap::new(),
            seccomp_profile: None,
            apparmor_profile: None,
            dns: Vec::new(),
            extra_hosts: Vec::new(),
            binds: Vec::new(),
            runtime: None,
        }
    }
}

/// A limit of the system; one that is `None` takes the other's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ulimit {
    /// What a process starts with.
    pub soft: Option<i64>,
    /// How far it may raise that.
    pub hard: Option<i64>,
}

impl Ulimit {
    /// Reads `soft` or `soft:hard`; blank text and text that is no number give `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (soft, hard) = text.trim().split_once(':').unwrap_or((text.trim(), text.trim()));
        Some(Self { soft: Some(soft.parse().ok()?), hard: Some(hard.parse().ok()?) })
    }
}

/// Checks that the user turned off, by the config's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the config's keys, documented there")]
pub struct Allowed {
    pub dangerously_allow_reserved_container_targets: bool,
    pub dangerously_allow_external_bind_sources: bool,
    pub dangerously_allow_container_namespace_join: bool,
}

/// When an idle or old sandbox goes; zero turns a rule off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// After so many hours without a turn.
    pub idle_hours: u64,
    /// After so many days of life.
    pub max_age_days: u64,
}

impl Default for Prune {
    fn default() -> Self {
        Self { idle_hours: 24, max_age_days: 7 }
    }
}

/// Where the directory with copies of skills is, below the working directory of a sandbox that
/// works in the agent's workspace.
pub const SKILLS_TARGET: &str = ".openclaw/sandbox-skills";

/// What is put into a sandbox's own directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seed {
    /// Files by name and text, written where there is none of that name yet.
    pub files: Arc<[(String, String)]>,
    /// Skills by name and directory; `None` leaves `skills/` alone.
    pub skills: Option<Arc<[(String, PathBuf)]>>,
    /// With access `rw`, where copies of the skills lie on our side, since the agent's workspace
    /// is no place for them; `None` when there are none to be shown.
    pub skills_dir: Option<PathBuf>,
    /// With access `rw`, directories of the agent's workspace that a sandbox can only read. They
    /// are made where they are missing, for what lies in them has authority outside.
    pub guarded: Arc<[PathBuf]>,
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::*;

    /// The defaults, for an agent called `main`.
    pub(crate) fn settings() -> Settings {
        Settings {
            scope: Scope {
                sharing: Sharing::Agent,
                key: "agent:main".to_owned(),
                agent: "main".to_owned(),
            },
            access: Access::None,
            sandbox_dir: PathBuf::from("/state/sandboxes/main"),
            agent_dir: PathBuf::from("/state/workspace"),
            container: Container::default(),
            allowed: Allowed::default(),
            spares: 0,
            seed: Seed::default(),
            exposed: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ulimit_is_one_number_or_two() {
        let both = |soft, hard| Some(Ulimit { soft: Some(soft), hard: Some(hard) });

        assert_eq!(Ulimit::parse(" 256 "), both(256, 256));
        assert_eq!(Ulimit::parse("1024:2048"), both(1024, 2048));
        assert_eq!(Ulimit::parse(""), None);
        assert_eq!(Ulimit::parse("1:x"), None);
    }
}
