//! What every process of the sandbox is: on which kernel, who, and what it may ask of it.

use super::{
    super::{connect::Engine, settings::Container},
    Asked, Facts, Found, Host, NOTHING, Setting,
};

/// Interfaces that the kernel puts into every new network by itself, and that lead nowhere.
const BORN: [&str; 11] = [
    "lo", "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0",
    "ip6gre0", "teql0",
];

/// Programs that give each sandbox a kernel of its own, by a part of their names.
const OWN_KERNEL: [&str; 3] = ["runsc", "gvisor", "kata"];

/// Capabilities by their numbers.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

pub(super) fn settings(asked: Asked<'_>) -> Vec<Setting<'_>> {
    let Asked { container, host, .. } = asked;
    let mut settings = Vec::new();
    if let Some(name) = not_blank(container.runtime.as_deref()) {
        settings.push(Setting::new("docker.runtime", name, |facts| runtime(name, host, facts)));
    }
    if let Some(user) = not_blank(container.user.as_deref()) {
        settings.push(Setting::new("docker.user", user, |facts| self::user(user, facts)));
    }
    let dropped: Vec<_> = container.cap_drop.iter().map(|it| plain(it)).collect();
    if !dropped.is_empty() {
        let asked = dropped.join(", ");
        settings.push(Setting::new("docker.capDrop", asked, move |facts| {
            capabilities(&dropped, facts)
        }));
    }
    settings.push(Setting::new("docker (always)", "no-new-privileges", |facts| {
        match facts.status("NoNewPrivs") {
            Some(value) => Found::of(value == "1", format!("NoNewPrivs {value}")),
            None => Found::Silence(NOTHING.to_owned()),
        }
    }));
    settings.push(seccomp(container));
    let profile = not_blank(container.apparmor_profile.as_deref());
    if let Some(profile) = profile {
        settings.push(Setting::new("docker.apparmorProfile", profile, |facts| {
            let Some(text) = facts.text("/proc/self/attr/current") else { return Found::Nothing };
            Found::of(text.split(' ').next() == Some(profile), text)
        }));
    }
    if container.network.trim() == "none" {
        settings.push(Setting::new("docker.network", "none", network));
    }
    settings
}

fn not_blank(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|it| !it.is_empty())
}

/// Podman's Docker API takes no runtime; its own default is what counts.
fn runtime(name: &str, host: &Host, facts: Facts<'_>) -> Found {
    let program = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    if host.engine == Engine::Podman {
        let default = host.default_runtime.as_deref().unwrap_or("an unknown one");
        if program(default) != program(name) {
            return Found::Wrong(format!(
                "`{default}`, as Podman's Docker API takes no runtime: name it in Podman's \
                 containers.conf (`runtime` below `[engine]`), or leave it out"
            ));
        }
    }
    let mut names = vec![program(name)];
    let path = host.runtimes.iter().find(|(it, _)| it == name).map(|(_, path)| program(path));
    names.extend(path);
    let wants_own = names.iter().any(|name| OWN_KERNEL.iter().any(|part| name.contains(part)));
    match facts.kernel() {
        None => Found::Nothing,
        Some(kernel) if wants_own && host.is_another(Some(kernel)) => {
            Found::Right(format!("a kernel of its own, {kernel}"))
        }
        Some(kernel) if wants_own => Found::Wrong(format!("the machine's own kernel, {kernel}")),
        Some(kernel) => Found::Right(format!("kernel {kernel}")),
    }
}

/// All four ids of the user, and of the group if one is named.
fn user(asked: &str, facts: Facts<'_>) -> Found {
    let ids = |field: &str| {
        let ids = facts.status(field)?.split_whitespace().map(|it| it.parse::<u32>().ok());
        let ids: Vec<_> = ids.collect::<Option<_>>()?;
        let first = *ids.first()?;
        ids.iter().all(|id| *id == first).then_some(first)
    };
    let (Some(uid), Some(gid)) = (ids("Uid"), ids("Gid")) else { return Found::Nothing };
    let (name, group) = asked.split_once(':').unwrap_or((asked, ""));
    let is_user = match name.parse::<u32>() {
        Ok(number) => number == uid,
        // A name is the image's to know; but only one is root's.
        Err(_) => (uid == 0) == (name == "root"),
    };
    let is_group = group.parse::<u32>().is_ok_and(|number| number == gid);
    let is_named = group.parse::<u32>().is_err();
    Found::of(is_user && (is_group || is_named), format!("{uid}:{gid}"))
}

/// A capability's name without its beginning.
fn plain(name: &str) -> String {
    let upper = name.trim().to_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}

fn capabilities(dropped: &[String], facts: Facts<'_>) -> Found {
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd"].map(|set| facts.status(set));
    let ambient = facts.status("CapAmb").unwrap_or("0");
    let mut held = 0_u64;
    for set in sets.into_iter().chain([Some(ambient)]) {
        let Some(bits) = set.and_then(|set| u64::from_str_radix(set, 16).ok()) else {
            return Found::Nothing;
        };
        held |= bits;
    }
    let has = |name: &String| match CAPABILITIES.iter().position(|it| it == name) {
        Some(number) => held >> number & 1 == 1,
        // Older than we are: nothing shows that it is gone.
        None => name != "ALL" && held != 0,
    };
    let is_all = dropped.iter().any(|name| name == "ALL");
    let is_gone = if is_all { held == 0 } else { !dropped.iter().any(has) };
    let named = CAPABILITIES.iter().enumerate().filter(|(number, _)| held >> number & 1 == 1);
    let left: Vec<_> = named.map(|(_, name)| *name).collect();
    let text = if held == 0 { "none left".to_owned() } else { format!("left {}", left.join(", ")) };
    Found::of(is_gone, text)
}

/// A filter always holds; one that the settings name must, on whatever kernel.
fn seccomp(container: &Container) -> Setting<'_> {
    let named = not_blank(container.seccomp_profile.as_deref()).filter(|it| *it != "builtin");
    let asked = named.unwrap_or("the engine's");
    Setting::new("docker.seccompProfile", asked, move |facts| match facts.status("Seccomp") {
        Some("2") => Found::Right("a filter".to_owned()),
        Some(mode) if named.is_some() => Found::Wrong(format!("mode {mode}, which is no filter")),
        Some(mode) => Found::Silence(format!("mode {mode}, which is no filter")),
        None => Found::Nothing,
    })
}

fn network(facts: Facts<'_>) -> Found {
    let Some(found) = facts.interfaces() else { return Found::Nothing };
    let is_none = found.iter().all(|name| BORN.contains(name));
    Found::of(is_none, if found.is_empty() { "none".to_owned() } else { found.join(", ") })
}
