//! `sandbox`, the defaults and an agent's own values merged (`spec: sandbox` §4 and §5), and
//! the tool lists of sandboxed sessions.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::{
    env::absolute,
    file::CORE_CHANNELS,
    locations::Locations,
    node::Node,
    resolved::{
        Docker, Prune, Sandbox, SandboxBackend, SandboxBrowser, SandboxMode, SandboxTools,
        SessionTools, Sharing, Source, SourcedList, Ulimit, WorkspaceAccess,
    },
    size,
};

/// What sandboxed sessions may use unless the config says otherwise.
const ALLOW: [&str; 17] = [
    "exec",
    "process",
    "read",
    "write",
    "edit",
    "apply_patch",
    "image",
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "session_status",
    "ls",
    "view_image",
    "sessions_search",
    "sessions_yield",
    "subagents",
];

/// What sandboxed sessions may not use, besides the tools that are called like channels.
const DENY: [&str; 7] = ["browser", "canvas", "nodes", "cron", "gateway", "computer", "mobile_ui"];

const NANOS: f64 = 1e9;

/// The `sandbox` objects of the defaults and of an agent.
#[derive(Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) defaults: Node<'a>,
    pub(super) own: Node<'a>,
}

/// Which sessions run their tools in a sandbox.
pub(super) fn mode(pair: Pair<'_>) -> SandboxMode {
    match pair.str("mode") {
        Some("all") => SandboxMode::All,
        Some("non-main") => SandboxMode::NonMain,
        Some(_) | None => SandboxMode::Off,
    }
}

/// How the sandboxes are made.
pub(super) fn sandbox(pair: Pair<'_>, locations: &Locations) -> Sandbox {
    let sharing = sharing(pair);
    // One sandbox for everybody cannot be as each of them likes it.
    let inner = match sharing {
        Sharing::Shared => Pair { own: Node::of(&Value::Null), ..pair },
        Sharing::Session | Sharing::Agent => pair,
    };
    let root = pair.text("workspaceRoot");
    Sandbox {
        backend: match inner.str("backend") {
            Some("podman") => SandboxBackend::Podman,
            Some(_) | None => SandboxBackend::Docker,
        },
        sharing,
        workspace_access: access(pair),
        workspace_root: root.map_or_else(
            || locations.state_dir.join("sandboxes"),
            |text| absolute(&text, &locations.home, &locations.state_dir),
        ),
        session_tools: match pair.defaults.at("sessionToolsVisibility").str() {
            Some("all") => SessionTools::All,
            Some(_) | None => SessionTools::Spawned,
        },
        docker: docker(inner.at("docker")),
        browser: browser(inner.at("browser")),
        prune: Prune {
            idle_hours: inner.at("prune").int("idleHours").unwrap_or(24),
            age_days: inner.at("prune").int("maxAgeDays").unwrap_or(7),
        },
    }
}

fn access(pair: Pair<'_>) -> WorkspaceAccess {
    match pair.str("workspaceAccess") {
        Some("ro") => WorkspaceAccess::ReadOnly,
        Some("rw") => WorkspaceAccess::ReadWrite,
        Some(_) | None => WorkspaceAccess::None,
    }
}

fn sharing(pair: Pair<'_>) -> Sharing {
    match pair.str("scope") {
        Some("session") => Sharing::Session,
        Some("shared") => Sharing::Shared,
        Some(_) => Sharing::Agent,
        None => match pair.flag("perSession") {
            Some(true) => Sharing::Session,
            Some(false) => Sharing::Shared,
            None => Sharing::Agent,
        },
    }
}

fn docker(pair: Pair<'_>) -> Docker {
    let or = |key: &str, default: &str| pair.text(key).unwrap_or_else(|| default.to_owned());
    let list = |key: &str, default: &[&str]| pair.texts(key).unwrap_or_else(|| owned(default));
    let flag = |key: &str| pair.flag(key).unwrap_or(false);
    Docker {
        image: or("image", "openclaw-sandbox:bookworm-slim"),
        container_prefix: or("containerPrefix", "openclaw-sbx-"),
        workdir: or("workdir", "/workspace"),
        read_only_root: pair.flag("readOnlyRoot").unwrap_or(true),
        tmpfs: list("tmpfs", &["/tmp", "/var/tmp", "/run"]),
        network: or("network", "none"),
        user: pair.text("user"),
        cap_drop: list("capDrop", &["ALL"]),
        env: env(pair),
        setup_command: pair.lines("setupCommand"),
        pids_limit: pair.int("pidsLimit"),
        memory_bytes: pair.own_or_default("memory").and_then(size::bytes),
        memory_swap_bytes: pair.own_or_default("memorySwap").and_then(size::swap_bytes),
        nano_cpus: pair.own_or_default("cpus").and_then(Node::float).map(nanos),
        gpus: pair.text("gpus"),
        ulimits: ulimits(pair),
        seccomp_profile: pair.text("seccompProfile"),
        apparmor_profile: pair.text("apparmorProfile"),
        dns: list("dns", &[]),
        extra_hosts: list("extraHosts", &[]),
        binds: pair.both("binds").unwrap_or_default(),
        runtime: pair.text("runtime"),
        spares: pair.int("spares").map_or(1, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        allow_reserved_targets: flag("dangerouslyAllowReservedContainerTargets"),
        allow_external_sources: flag("dangerouslyAllowExternalBindSources"),
        allow_namespace_join: flag("dangerouslyAllowContainerNamespaceJoin"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and the table wants more than zero"
)]
fn nanos(cpus: f64) -> u64 {
    (cpus * NANOS).round() as u64
}

/// The agent's variables over those of the defaults; any that are written replace the built-in.
fn env(pair: Pair<'_>) -> BTreeMap<String, String> {
    let written = |node: Node<'_>| {
        node.at("env").map().is_some().then(|| {
            node.at("env")
                .members()
                .filter_map(|(name, value)| Some((name.clone(), value.str()?.to_owned())))
                .collect::<BTreeMap<_, _>>()
        })
    };
    let built_in = || BTreeMap::from([("LANG".to_owned(), "C.UTF-8".to_owned())]);
    let mut env = written(pair.defaults).unwrap_or_else(built_in);
    env.extend(written(pair.own).unwrap_or_default());
    env
}

fn ulimits(pair: Pair<'_>) -> BTreeMap<String, Ulimit> {
    let each = |node: Node<'_>| {
        let members = node.at("ulimits").members();
        members
            .filter(|(name, _)| !name.trim().is_empty())
            .filter_map(|(name, value)| Some((name.trim().to_owned(), size::ulimit(value)?)))
            .collect::<BTreeMap<_, _>>()
    };
    let mut limits = each(pair.defaults);
    limits.extend(each(pair.own));
    limits
}

fn browser(pair: Pair<'_>) -> SandboxBrowser {
    let or = |key: &str, default: &str| pair.text(key).unwrap_or_else(|| default.to_owned());
    let flag = |key: &str, default: bool| pair.flag(key).unwrap_or(default);
    let port = |key: &str, default: u16| {
        pair.int(key).and_then(|port| u16::try_from(port).ok()).unwrap_or(default)
    };
    SandboxBrowser {
        enabled: flag("enabled", false),
        image: or("image", "openclaw-sandbox-browser:bookworm-slim"),
        container_prefix: or("containerPrefix", "openclaw-sbx-browser-"),
        cdp_port: port("cdpPort", 9222),
        vnc_port: port("vncPort", 5900),
        no_vnc_port: port("noVncPort", 6080),
        headless: flag("headless", false),
        no_vnc: flag("enableNoVnc", true),
        allow_host_control: flag("allowHostControl", false),
        auto_start: flag("autoStart", true),
        auto_start_timeout: Duration::from_millis(pair.int("autoStartTimeoutMs").unwrap_or(12_000)),
        network: or("network", "openclaw-sandbox-browser"),
        cdp_source_range: pair.text("cdpSourceRange"),
        binds: pair.both("binds"),
    }
}

/// The tool lists of sandboxed sessions: each is the agent's, else the global one, else ours.
pub(super) fn tools(lists: Pair<'_>, sandbox: Pair<'_>) -> SandboxTools {
    let written = |key: &str| {
        let of =
            |node: Node<'_>, source| Some(SourcedList { source, entries: node.key(key).texts()? });
        of(lists.own, Source::Agent).or_else(|| of(lists.defaults, Source::Global))
    };
    let built_in = SandboxTools::default();
    SandboxTools {
        allow: written("allow").unwrap_or(built_in.allow),
        also_allow: written("alsoAllow").map(|list| list.entries).unwrap_or_default(),
        deny: written("deny").unwrap_or(built_in.deny),
        read_only: access(sandbox) == WorkspaceAccess::ReadOnly,
    }
}

impl Default for SandboxTools {
    fn default() -> Self {
        let list = |names: &[&str]| SourcedList { source: Source::Default, entries: owned(names) };
        // Channel plug-ins bring tools that are called like them.
        let channels = CORE_CHANNELS.get(..7).unwrap_or_default();
        Self {
            allow: list(&ALLOW),
            also_allow: Vec::new(),
            deny: list(&[&DENY, channels].concat()),
            read_only: false,
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

impl<'a> Pair<'a> {
    fn at(self, key: &str) -> Self {
        Self { defaults: self.defaults.key(key), own: self.own.key(key) }
    }

    /// What `read` finds in the agent's own values, else in the defaults.
    fn first<T>(self, read: impl Fn(Node<'a>) -> Option<T>) -> Option<T> {
        read(self.own).or_else(|| read(self.defaults))
    }

    fn own_or_default(self, key: &str) -> Option<Node<'a>> {
        self.first(|node| node.key(key).value().map(|_| node.key(key)))
    }

    fn str(self, key: &str) -> Option<&'a str> {
        self.first(|node| node.key(key).str())
    }

    fn text(self, key: &str) -> Option<String> {
        self.first(|node| node.key(key).text())
    }

    /// A text, or a list of the lines of one.
    fn lines(self, key: &str) -> Option<String> {
        self.first(|node| node.key(key).text().or_else(|| Some(node.key(key).texts()?.join("\n"))))
            .filter(|text| !text.is_empty())
    }

    fn texts(self, key: &str) -> Option<Vec<String>> {
        self.first(|node| node.key(key).texts())
    }

    fn flag(self, key: &str) -> Option<bool> {
        self.first(|node| node.key(key).flag())
    }

    fn int(self, key: &str) -> Option<u64> {
        self.first(|node| node.key(key).int())
    }

    /// Both lists, defaults first; `None` when neither is written.
    fn both(self, key: &str) -> Option<Vec<String>> {
        let lists = [self.defaults.key(key).texts(), self.own.key(key).texts()];
        lists.iter().any(Option::is_some).then(|| lists.into_iter().flatten().flatten().collect())
    }
}
