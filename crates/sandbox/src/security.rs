//! What is never given to a sandbox, whatever the settings say.
//!
//! Every check refuses with the value and the rule, and with the config key that lifts it if
//! there is one; nothing is dropped silently. The only look at the disk is the one that
//! follows links, and it is an argument ([`Ground::resolve`]), so all else is pure.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use crate::docker::settings::{AGENT_TARGET, Container, DEFAULT_WORKDIR, Settings};

/// Where the servant's program is in every container.
pub const SERVANT_TARGET: &str = "/.openclaw";

/// Directories of the host whose contents give the host away.
const BLOCKED_SOURCES: [&str; 13] = [
    "/etc",
    "/private/etc",
    "/proc",
    "/sys",
    "/dev",
    "/root",
    "/boot",
    "/var/run/docker.sock",
    "/private/var/run/docker.sock",
    "/run",
    "/var/run",
    "/private/var/run",
    "/var/lib/docker",
];
/// Entries of a home directory that hold secrets.
const BLOCKED_HOME_ENTRIES: [&str; 8] =
    [".aws", ".cargo", ".config", ".docker", ".gnupg", ".netrc", ".npm", ".ssh"];

const KEY_TARGETS: &str = "dangerouslyAllowReservedContainerTargets";
const KEY_SOURCES: &str = "dangerouslyAllowExternalBindSources";
const KEY_JOIN: &str = "dangerouslyAllowContainerNamespaceJoin";

/// A setting that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Config key below `sandbox.docker`.
    pub key: &'static str,
    /// The offending value.
    pub value: String,
    /// The rule.
    pub rule: String,
    /// Config key below `sandbox.docker` that lifts the rule when true.
    pub lifted_by: Option<&'static str>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, rule, lifted_by } = self;
        write!(f, "`sandbox.docker.{key}` has `{}`: {rule}", value.escape_debug())?;
        match lifted_by {
            Some(key) => write!(f, " (`sandbox.docker.{key}: true` lifts this)"),
            None => Ok(()),
        }
    }
}

/// What of the machine the checks need to know.
pub struct Ground<'a> {
    /// Home directories whose secrets are kept.
    pub homes: &'a [PathBuf],
    /// Sockets of the engine besides the usual ones.
    pub sockets: &'a [PathBuf],
    /// Follows the links of a path through its deepest ancestor that exists.
    pub resolve: &'a dyn Fn(&Path) -> PathBuf,
}

impl fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ground").field("homes", &self.homes).finish_non_exhaustive()
    }
}

/// A bind as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) mode: Option<String>,
}

impl Bind {
    /// Reads `host:container[:mode]`; the host part may begin with a drive letter.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let has_drive = bytes.len() > 2
            && bytes[0].is_ascii_alphabetic()
            && bytes[1] == b':'
            && (bytes[2] == b'/' || bytes[2] == b'\\');
        let from = if has_drive { 2 } else { 0 };
        let at = from + text.get(from..)?.find(':')?;
        let (source, rest) = (&text[..at], &text[at + 1..]);
        let (target, mode) = match rest.split_once(':') {
            Some((target, mode)) => (target, Some(mode.to_owned())),
            None => (rest, None),
        };
        let bind = Self { source: source.to_owned(), target: target.to_owned(), mode };
        (!bind.source.is_empty() && !bind.target.is_empty()).then_some(bind)
    }
}

/// Refuses settings that would open the wall.
pub fn check(settings: &Settings, ground: &Ground<'_>) -> Result<(), Violation> {
    let docker = &settings.container;
    check_workdir(&docker.workdir)?;
    check_env(docker)?;
    check_network(settings)?;
    check_profile("seccompProfile", docker.seccomp_profile.as_deref())?;
    check_profile("apparmorProfile", docker.apparmor_profile.as_deref())?;
    for entry in &docker.tmpfs {
        let target = entry.split(':').next().unwrap_or_default();
        let cleared = normal(Path::new(target));
        if !target.starts_with('/') || cleared == Path::new("/") || meets_servant(&cleared) {
            let rule = "a tmpfs needs an absolute place of its own in the container";
            return Err(refusal("tmpfs", entry, rule, None));
        }
    }
    docker.binds.iter().try_for_each(|bind| check_bind(bind, settings, ground))
}

/// Follows links on this machine's disk.
pub fn resolve_on_disk(path: &Path) -> PathBuf {
    let path = normal(path);
    for ancestor in path.ancestors() {
        if let Ok(real) = ancestor.canonicalize() {
            return match path.strip_prefix(ancestor) {
                Ok(rest) if rest.as_os_str().is_empty() => real,
                Ok(rest) => real.join(rest),
                Err(_) => path,
            };
        }
    }
    path
}

fn check_workdir(workdir: &str) -> Result<(), Violation> {
    let path = Path::new(workdir);
    let is_plain = workdir.starts_with('/') && normal(path) == path && workdir != "/";
    let is_kernel = ["/proc", "/sys", "/dev"].iter().any(|it| path.starts_with(it));
    if is_plain && !is_kernel && !meets_servant(path) && !workdir.contains([':', '\0']) {
        return Ok(());
    }
    Err(refusal("workdir", workdir, "it must be an absolute path in the container", None))
}

fn check_env(docker: &Container) -> Result<(), Violation> {
    for (name, value) in &docker.env {
        let is_name = !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            let rule = "a variable's name has letters, digits and underscores only";
            return Err(refusal("env", name, rule, None));
        }
        if value.contains(['\0', '\n', '\r']) {
            // The value may be a secret; its name is enough to find it.
            return Err(refusal("env", name, "a variable's value is one line", None));
        }
    }
    Ok(())
}

fn check_network(settings: &Settings) -> Result<(), Violation> {
    let written = &settings.container.network;
    let network = written.trim().to_lowercase();
    if network == "host" {
        let rule = "the host's network is never given to a sandbox";
        return Err(refusal("network", written, rule, None));
    }
    let joins = ["container:", "ns:", "pod:"].iter().any(|it| network.starts_with(it));
    if joins && !settings.allowed.dangerously_allow_container_namespace_join {
        let rule = "a sandbox does not join another container's network";
        return Err(refusal("network", written, rule, Some(KEY_JOIN)));
    }
    if network.is_empty() {
        let rule = "name a network, or `none`";
        return Err(refusal("network", written, rule, None));
    }
    Ok(())
}

fn check_profile(key: &'static str, profile: Option<&str>) -> Result<(), Violation> {
    match profile {
        Some(written) if written.trim().eq_ignore_ascii_case("unconfined") => {
            Err(refusal(key, written, "a sandbox is always confined", None))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_bind(text: &str, settings: &Settings, ground: &Ground<'_>) -> Result<(), Violation> {
    let refuse = |rule: String, lifted_by| Err(refusal("binds", text, rule, lifted_by));
    let Some(bind) = Bind::parse(text) else {
        return refuse("a bind is `host:container[:mode]`".to_owned(), None);
    };
    let source = normal(Path::new(&bind.source));
    let has_drive = bind.source.as_bytes().get(1) == Some(&b':');
    if !bind.source.starts_with('/') && !has_drive {
        let rule = "the host side must be an absolute path; named volumes are refused";
        return refuse(rule.to_owned(), None);
    }
    // Links are followed by the engine, so what they lead to counts, too.
    let resolved = (ground.resolve)(&source);
    for path in [&source, &resolved] {
        if let Some(blocked) = blocked(path, ground) {
            let rule = format!("`{}` must stay out of sandboxes", blocked.display());
            return refuse(rule, None);
        }
    }
    let roots = [&settings.sandbox_dir, &settings.agent_dir];
    let is_inside = |path: &Path| {
        roots.iter().any(|root| path.starts_with(root))
            || roots.iter().any(|root| path.starts_with((ground.resolve)(root)))
    };
    let external_allowed = settings.allowed.dangerously_allow_external_bind_sources;
    let is_internal = is_inside(&source) && is_inside(&resolved);
    if !external_allowed && !is_internal {
        let rule = "the host side must lie in the sandbox's or the agent's workspace";
        return refuse(rule.to_owned(), Some(KEY_SOURCES));
    }
    check_target(&bind.target, settings).or_else(|(rule, key)| refuse(rule.to_owned(), key))
}

fn check_target(
    target: &str,
    settings: &Settings,
) -> Result<(), (&'static str, Option<&'static str>)> {
    let path = normal(Path::new(target));
    if !target.starts_with('/') || path == Path::new("/") {
        return Err(("the container side must be an absolute path below `/`", None));
    }
    if meets_servant(&path) {
        return Err(("`/.openclaw` holds the sandbox's servant", None));
    }
    let reserved = [DEFAULT_WORKDIR, AGENT_TARGET, settings.container.workdir.as_str()];
    let is_reserved = reserved.iter().any(|it| path.starts_with(it));
    if is_reserved && !settings.allowed.dangerously_allow_reserved_container_targets {
        let rule = "`/workspace` and `/agent` are for the workspaces";
        return Err((rule, Some(KEY_TARGETS)));
    }
    Ok(())
}

/// What `path` is, lies in, or covers, of all that is blocked.
fn blocked(path: &Path, ground: &Ground<'_>) -> Option<PathBuf> {
    if path == Path::new("/") {
        return Some(PathBuf::from("/"));
    }
    let homes = ground
        .homes
        .iter()
        .flat_map(|home| BLOCKED_HOME_ENTRIES.iter().map(|entry| normal(home).join(entry)));
    let mut all = BLOCKED_SOURCES
        .iter()
        .map(PathBuf::from)
        .chain(ground.sockets.iter().cloned())
        .chain(homes);
    all.find(|blocked| path.starts_with(blocked) || blocked.starts_with(path))
}

fn meets_servant(path: &Path) -> bool {
    path.starts_with(SERVANT_TARGET)
}

/// The path without `.`, `..` and doubled slashes, by its text alone.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => {
                normal.push(component);
            }
        }
    }
    normal
}

fn refusal(
    key: &'static str,
    value: &str,
    rule: impl Into<String>,
    lifted_by: Option<&'static str>,
) -> Violation {
    Violation { key, value: value.to_owned(), rule: rule.into(), lifted_by }
}

#[cfg(test)]
mod tests;
