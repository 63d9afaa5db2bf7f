//! Resolved settings of the sandbox and of elevated commands. Data only.

use std::{collections::BTreeMap, path::PathBuf};

/// How the sandboxes of an agent are made, defaults and the agent's own values merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// What runs them.
    pub backend: SandboxBackend,
    /// `scope`: who shares one.
    pub sharing: Sharing,
    /// What they see of the agent's workspace.
    pub workspace_access: WorkspaceAccess,
    /// Where their own workspaces are kept.
    pub workspace_root: PathBuf,
    /// Which conversations the session tools of sandboxed sessions see.
    pub session_tools: SessionTools,
    /// The container.
    pub docker: Docker,
    /// The browser's container; kept, not used yet.
    pub browser: SandboxBrowser,
    /// When they are removed.
    pub prune: Prune,
}

/// What runs sandboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum SandboxBackend {
    /// A Docker engine.
    #[default]
    Docker,
    /// Podman, by its Docker-compatible socket.
    Podman,
}

impl SandboxBackend {
    /// The name in config files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// Who shares a sandbox (`sandbox.scope`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sharing {
    /// Nobody: each session has its own.
    Session,
    /// The sessions of an agent.
    #[default]
    Agent,
    /// Everybody.
    Shared,
}

impl Sharing {
    /// The name in config files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Agent => "agent",
            Self::Shared => "shared",
        }
    }
}

/// What a sandbox sees of the agent's workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkspaceAccess {
    /// Nothing: it has a workspace of its own.
    #[default]
    None,
    /// All of it at `/agent`, read-only.
    ReadOnly,
    /// It is the sandbox's workspace.
    ReadWrite,
}

impl WorkspaceAccess {
    /// The name in config files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReadOnly => "ro",
            Self::ReadWrite => "rw",
        }
    }
}

/// Which conversations the session tools of sandboxed sessions see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionTools {
    /// Those that the session spawned.
    #[default]
    Spawned,
    /// All.
    All,
}

/// `sandbox.docker`: the container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the file")]
pub struct Docker {
    /// Image to run.
    pub image: String,
    /// What container names start with.
    pub container_prefix: String,
    /// Where the workspace is inside.
    pub workdir: String,
    /// Whether the root file system is read-only.
    pub read_only_root: bool,
    /// `path` or `path:options`, in memory.
    pub tmpfs: Vec<String>,
    /// Network mode or network name.
    pub network: String,
    /// `user` or `uid:gid`; `None` is the workspace's owner.
    pub user: Option<String>,
    /// Capabilities taken away.
    pub cap_drop: Vec<String>,
    /// Environment inside.
    pub env: BTreeMap<String, String>,
    /// Run once after the first start.
    pub setup_command: Option<String>,
    /// Most processes.
    pub pids_limit: Option<u64>,
    /// Most memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// Most memory and swap together, in bytes; -1 is without limit.
    pub memory_swap_bytes: Option<i64>,
    /// CPU time, in billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// GPUs, as `docker run --gpus` takes them.
    pub gpus: Option<String>,
    /// Limits by name.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Path of a seccomp profile; `None` is the engine's default.
    pub seccomp_profile: Option<String>,
    /// Name of an `AppArmor` profile; `None` is the engine's default.
    pub apparmor_profile: Option<String>,
    /// DNS servers.
    pub dns: Vec<String>,
    /// `host:ip` entries.
    pub extra_hosts: Vec<String>,
    /// `host:container[:mode]`, defaults first.
    pub binds: Vec<String>,
    /// OCI runtime such as `runsc`; `None` is the engine's default. Ours.
    pub runtime: Option<String>,
    /// Started containers kept ready for the next session; 0 is none. Ours.
    pub spares: u32,
    /// Whether binds may cover the workspace.
    pub allow_reserved_targets: bool,
    /// Whether bind sources may lie outside the workspaces.
    pub allow_external_sources: bool,
    /// Whether `network: "container:…"` is allowed.
    pub allow_namespace_join: bool,
}

/// A soft and a hard limit; -1 is without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// What holds.
    pub soft: i64,
    /// What the soft one can be raised to.
    pub hard: i64,
}

/// `sandbox.browser`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the file")]
pub struct SandboxBrowser {
    /// Whether sandboxed sessions get one.
    pub enabled: bool,
    /// Image to run.
    pub image: String,
    /// What container names start with.
    pub container_prefix: String,
    /// Port of the debugging protocol inside.
    pub cdp_port: u16,
    /// Port of VNC inside.
    pub vnc_port: u16,
    /// Port of the page that shows it inside.
    pub no_vnc_port: u16,
    /// Whether it has no display.
    pub headless: bool,
    /// Whether the page is served.
    pub no_vnc: bool,
    /// Whether sandboxed sessions may use the host's browser.
    pub allow_host_control: bool,
    /// Whether it starts when it is needed.
    pub auto_start: bool,
    /// How long that may take.
    pub auto_start_timeout: std::time::Duration,
    /// Network name.
    pub network: String,
    /// Addresses that may debug it, as CIDR.
    pub cdp_source_range: Option<String>,
    /// Binds; `None` are those of `docker`.
    pub binds: Option<Vec<String>>,
}

/// `sandbox.prune`: when sandboxes are removed. 0 turns a rule off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Unused for more than so many hours.
    pub idle_hours: u64,
    /// Older than so many days.
    pub age_days: u64,
}

/// The tool lists of sandboxed sessions, each with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxTools {
    /// Empty is everything.
    pub allow: SourcedList,
    /// Added to `allow`.
    pub also_allow: Vec<String>,
    /// Wins over both.
    pub deny: SourcedList,
    /// Whether the workspace is read-only inside, so that tools that write are not there.
    pub read_only: bool,
}

/// A list, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcedList {
    /// Who wrote it.
    pub source: Source,
    /// What is in it.
    pub entries: Vec<String>,
}

/// Who wrote a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The agent's own settings.
    Agent,
    /// The settings for all agents.
    Global,
    /// Nobody.
    Default,
}

impl Source {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Global => "global",
            Self::Default => "default",
        }
    }
}

/// `tools.elevated`: who may leave the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elevated {
    /// Whether anybody may.
    pub enabled: bool,
    /// Senders that may, by channel.
    pub allow_from: BTreeMap<String, Vec<String>>,
    /// Senders that may where `allow_from` has no list for the channel.
    pub fallback: BTreeMap<String, Vec<String>>,
}

impl Default for Elevated {
    fn default() -> Self {
        Self { enabled: true, allow_from: BTreeMap::new(), fallback: BTreeMap::new() }
    }
}

/// How commands of senders that may leave the sandbox run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ElevatedLevel {
    /// Inside, unless a call asks.
    Off,
    /// Outside, with approvals.
    #[default]
    On,
    /// The same.
    Ask,
    /// Outside, without approvals.
    Full,
}

impl ElevatedLevel {
    /// The level of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "off" => Some(Self::Off),
            "on" => Some(Self::On),
            "ask" => Some(Self::Ask),
            "full" => Some(Self::Full),
            _ => None,
        }
    }
}

/// `tools.exec.security` and `tools.exec.ask`: what a command on the host needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostExec {
    /// Which commands may run at all.
    pub security: ExecSecurity,
    /// When a person is asked.
    pub ask: ExecAsk,
}

impl ExecSecurity {
    /// The value of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim() {
            "deny" => Some(Self::Deny),
            "allowlist" => Some(Self::Allowlist),
            "full" => Some(Self::Full),
            _ => None,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allowlist => "allowlist",
            Self::Full => "full",
        }
    }
}

impl ExecAsk {
    /// The value of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name.trim() {
            "off" => Some(Self::Off),
            "on-miss" => Some(Self::OnMiss),
            "always" => Some(Self::Always),
            _ => None,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::OnMiss => "on-miss",
            Self::Always => "always",
        }
    }
}

/// Which commands may run on the host at all; each allows more than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecSecurity {
    /// None.
    Deny,
    /// Those on the list.
    Allowlist,
    /// All.
    #[default]
    Full,
}

/// When a person is asked about a command on the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExecAsk {
    /// Never.
    #[default]
    Off,
    /// When it is not on the list.
    OnMiss,
    /// Always.
    Always,
}
