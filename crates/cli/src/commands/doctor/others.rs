//! Which other gateways and services of one are on this machine? Only for the deep look: most of
//! them are meant.

#![expect(clippy::disallowed_methods, reason = "the kernel's tables are no files of anybody")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    finding::{Finding, Outcome},
    scene::Scene,
};

/// What such programs were ever called.
const NAMES: [&str; 3] = ["openclaw", "clawdbot", "moltbot"];

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    if !scene.deep {
        return Outcome::Skipped("only with --deep");
    }
    let processes = processes(Path::new("/proc"));
    let ours = [scene.gateway.holder, Some(std::process::id())];
    let others = processes.into_iter().filter(|(pid, _)| !ours.contains(&Some(*pid)));
    let mut findings: Vec<Finding> = others
        .map(|(pid, command)| {
            Finding::note(
                "others.gateway",
                format!("another gateway runs as pid {pid}: {command}"),
                "it has its own port and state; when it is a forgotten one, clients may meet it",
            )
            .fix(format!("kill {pid}, if it is not wanted"))
        })
        .collect();
    findings.extend(service_files(&service_dirs(&scene.program.locations.home)).into_iter().map(
        |file| {
            Finding::note(
                "others.service",
                format!("there is a service at {}", scene.shown(&file)),
                "this build manages no service of the gateway; it may start an older one on the same port",
            )
            .fix(remedy(&file))
        },
    ));
    Outcome::Looked(findings)
}

/// Gateways that run, as far as we may see: their number and how they were started.
fn processes(proc: &Path) -> Vec<(u32, String)> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let mut found: Vec<(u32, String)> = entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let bytes = fs::read(entry.path().join("cmdline")).ok()?;
            let text = String::from_utf8_lossy(&bytes);
            let args: Vec<&str> = text.trim_end_matches('\0').split('\0').collect();
            is_gateway(&args).then(|| (pid, start_of(&args)))
        })
        .collect();
    found.sort_unstable();
    found
}

/// Whether this is how a gateway is started, by itself or by Node.
fn is_gateway(args: &[&str]) -> bool {
    let Some(verb) = args.iter().position(|arg| *arg == "gateway") else {
        return args.first().is_some_and(|it| NAMES.iter().any(|name| is_titled(it, name)));
    };
    let starts = matches!(args.get(verb + 1), None | Some(&"run"))
        || args.get(verb + 1).is_some_and(|it| it.starts_with('-'));
    let program = &args[..verb.min(2)];
    starts && program.iter().any(|arg| NAMES.iter().any(|name| is_named(arg, name)))
}

/// The title that the reference gives its process.
fn is_titled(first: &str, name: &str) -> bool {
    first.strip_prefix(name) == Some("-gateway")
}

/// Whether a path leads to a program of that name, or to a script in a folder of that name.
fn is_named(arg: &str, name: &str) -> bool {
    let path = Path::new(arg);
    let is_script = path.extension().is_some_and(|it| it == "js" || it == "mjs");
    path.file_stem().is_some_and(|it| it == name)
        || (is_script && path.components().any(|it| it.as_os_str() == name))
}

/// The words that say what it is; what follows may be secret.
fn start_of(args: &[&str]) -> String {
    let end = args.iter().position(|arg| *arg == "gateway").map_or(1, |at| at + 1);
    args[..end].join(" ")
}

fn service_dirs(home: &Path) -> Vec<PathBuf> {
    let own = [".config/systemd/user", "Library/LaunchAgents"].map(|dir| home.join(dir));
    let shared = ["/etc/systemd/system", "/Library/LaunchDaemons"].map(PathBuf::from);
    own.into_iter().chain(shared).collect()
}

fn service_files(dirs: &[PathBuf]) -> Vec<PathBuf> {
    let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            let is_service = path.extension().is_some_and(|it| it == "service" || it == "plist");
            let stem = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
            is_service && NAMES.iter().any(|name| stem.contains(name))
        })
        .collect();
    found.sort();
    found
}

/// How the service is taken away.
fn remedy(file: &Path) -> String {
    let name = file.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    if file.extension().is_some_and(|it| it == "plist") {
        return format!("launchctl bootout gui/$(id -u) '{}', if it is not wanted", file.display());
    }
    let scope = if file.starts_with("/etc") { "sudo systemctl" } else { "systemctl --user" };
    format!("{scope} disable --now {name}, if it is not wanted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gateways_are_known_by_how_they_were_started() {
        let starts: [&[&str]; 5] = [
            &["/usr/local/bin/openclaw", "gateway", "run", "--port", "1"],
            &["openclaw", "gateway", "--bind", "lan"],
            &["node", "/usr/lib/node_modules/openclaw/dist/index.js", "gateway"],
            &["/usr/bin/node", "/usr/bin/clawdbot.mjs", "gateway"],
            &["openclaw-gateway"],
        ];
        let others: [&[&str]; 5] = [
            &["openclaw", "gateway", "status"],
            &["openclaw", "tui"],
            &["node", "/srv/shop/index.js", "gateway"],
            &["vim", "notes about openclaw", "gateway.md"],
            &[""],
        ];

        assert!(starts.iter().all(|args| is_gateway(args)));
        assert!(others.iter().all(|args| !is_gateway(args)));
        let secret = ["openclaw", "gateway", "--token", "hush"];
        assert_eq!(start_of(&secret), "openclaw gateway");
    }

    #[test]
    fn a_service_is_told_with_the_command_that_ends_it() {
        let home = tempfile::tempdir().unwrap();
        let units = home.path().join(".config/systemd/user");
        fs::create_dir_all(&units).unwrap();
        for name in ["openclaw-gateway.service", "other.service", "clawdbot.txt"] {
            fs::write(units.join(name), "").unwrap();
        }

        let found = service_files(&service_dirs(home.path())[..1]);

        assert_eq!(found, [units.join("openclaw-gateway.service")]);
        let expected =
            "systemctl --user disable --now openclaw-gateway.service, if it is not wanted";
        assert_eq!(remedy(&found[0]), expected);
    }
}
