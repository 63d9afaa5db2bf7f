//! The program under the name `node`: what was written for the reference goes on to work.
//!
//! The image has no Node, but compose files, manifests and people's habits call
//! `node dist/index.js …`. Called by that name, this program reads a Node command line and finds
//! out which of ours is meant; it never runs JavaScript. What is none of ours goes to a real Node
//! further along in `PATH`, if a person has installed one.

use std::{
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use config::Env;

use crate::{
    error::{Failure, Kind},
    ui,
};

/// What `node --version` says: a version that the reference accepts.
const NODE_VERSION: &str = "v24.11.1";

/// The files that stand for this program.
const ENTRIES: [&str; 3] = ["dist/index.js", "openclaw.mjs", "entry.js"];

/// Options of Node that take the next argument.
const WITH_VALUE: [&str; 8] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
];

/// Paths that a probe may ask for, with what `openclaw healthz` calls them.
const PROBES: [(&str, Option<&str>); 6] = [
    ("healthz", None),
    ("health", None),
    ("readyz", Some("--ready")),
    ("ready", Some("--ready")),
    ("startupz", Some("--started")),
    ("startup", Some("--started")),
];

/// What a Node command line means here.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// Our program, with these arguments.
    Ours(Vec<OsString>),
    /// The version of Node.
    Version,
    /// Something that takes a Node.
    Foreign,
}

/// Whether this process was started as `node`.
pub(crate) fn is_wanted(argv: &[OsString]) -> bool {
    argv.first().is_some_and(|name| Path::new(name).file_name() == Some(OsStr::new("node")))
}

/// The command line of ours that is meant, or how the process ends without one.
pub(crate) fn translate(typed: &[OsString]) -> Result<Vec<OsString>, ExitCode> {
    let args = typed.get(1..).unwrap_or_default();
    match read(args) {
        Meaning::Ours(ours) => {
            Ok(std::iter::once(OsString::from("openclaw")).chain(ours).collect())
        }
        Meaning::Version => {
            ui::answer(NODE_VERSION);
            Err(ExitCode::SUCCESS)
        }
        Meaning::Foreign => Err(hand_over(args)),
    }
}

fn read(args: &[OsString]) -> Meaning {
    let mut at = 0;
    while let Some(arg) = args.get(at) {
        let text = arg.to_string_lossy();
        match &*text {
            "--version" | "-v" => return Meaning::Version,
            "-e" | "--eval" => {
                let code = args.get(at + 1).map(|code| code.to_string_lossy());
                return code.and_then(|code| probe(&code)).map_or(Meaning::Foreign, Meaning::Ours);
            }
            "--" => at += 1,
            option if WITH_VALUE.contains(&option) => {
                at += 2;
                continue;
            }
            option if option.starts_with('-') && option != "-" => {
                at += 1;
                continue;
            }
            _ => {}
        }
        let script = args.get(at).map(|script| script.to_string_lossy());
        return match script {
            Some(script) if is_ours(&script) => Meaning::Ours(args[at + 1..].to_vec()),
            Some(_) | None => Meaning::Foreign,
        };
    }
    Meaning::Foreign
}

/// Whether `script` ends in one of our entries, as a whole path component.
fn is_ours(script: &str) -> bool {
    ENTRIES.iter().any(|entry| {
        script.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    })
}

/// The native probe for a line of JavaScript that asks a local health endpoint and exits by the
/// answer.
fn probe(code: &str) -> Option<Vec<OsString>> {
    let asks = code.contains("fetch(") || code.contains(".get(");
    let rest = code.split_once("http://").filter(|_| asks && code.contains("process.exit"))?.1;
    let url = rest.split(['\'', '"', '`']).next()?;
    let (host, path) = url.split_once('/')?;
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().ok()?)),
        Some(_) | None => (host, None),
    };
    if !["127.0.0.1", "localhost", "[::1]"].contains(&host) {
        return None;
    }
    let (_, flag) = PROBES.iter().find(|(name, _)| *name == path)?;
    let mut args = vec![OsString::from("healthz")];
    args.extend(flag.map(OsString::from));
    args.extend(port.map(|port| OsString::from(format!("--port={port}"))));
    Some(args)
}

/// Becomes the real Node, or says that there is none.
fn hand_over(args: &[OsString]) -> ExitCode {
    let failure = if let Some(node) = real_node(&Env::capture()) {
        #[expect(clippy::disallowed_methods, reason = "this process becomes the real Node")]
        let error = Command::new(&node).args(args).exec();
        Failure::while_doing(Kind::Failed, format!("cannot run `{}`", node.display()), &error)
    } else {
        let message = "no Node runtime is included: `node` starts the openclaw program alone";
        Failure::new(Kind::Failed, message).hint(
            "use `node dist/index.js <command>`, or build the image with \
             OPENCLAW_IMAGE_APT_PACKAGES=nodejs",
        )
    };
    ui::fail(&failure);
    ExitCode::from(failure.exit_code())
}

/// The first `node` in `PATH` that is another program than this one.
fn real_node(env: &Env) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?.canonicalize().ok()?;
    let path = env.get("PATH")?;
    let candidates = std::env::split_paths(path).map(|dir| dir.join("node"));
    candidates
        .filter(|node| rustix::fs::access(node, rustix::fs::Access::EXEC_OK).is_ok())
        .find(|node| node.canonicalize().is_ok_and(|node| node != own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(args: &[&str]) -> Meaning {
        read(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn ours(args: &[&str]) -> Meaning {
        Meaning::Ours(args.iter().map(OsString::from).collect())
    }

    #[test]
    fn every_entry_of_the_reference_is_ours() {
        for entry in [
            "dist/index.js",
            "/app/dist/index.js",
            "./dist/index.js",
            "openclaw.mjs",
            "/app/openclaw.mjs",
            "dist/entry.js",
        ] {
            assert_eq!(meaning(&[entry, "health", "--json"]), ours(&["health", "--json"]));
        }
    }

    #[test]
    fn options_of_node_before_the_entry_are_skipped() {
        let args = [
            "--max-old-space-size=4096",
            "--enable-source-maps",
            "--require",
            "./hook.js",
            "--",
            "dist/index.js",
            "--version",
        ];

        assert_eq!(meaning(&args), ours(&["--version"]));
    }

    #[test]
    fn the_version_is_that_of_node_only_before_an_entry() {
        assert_eq!(meaning(&["--version"]), Meaning::Version);
        assert_eq!(meaning(&["-v"]), Meaning::Version);
        assert_eq!(meaning(&["dist/index.js", "-v"]), ours(&["-v"]));
    }

    #[test]
    fn a_line_that_asks_a_local_probe_becomes_the_native_probe() {
        let live = "fetch('http://127.0.0.1:18789/healthz').then((r)=>process.exit(r.ok?0:1))\
                    .catch(()=>process.exit(1))";
        let ready = "require(\"http\").get(\"http://localhost/readyz\",r=>process.exit(0))";

        assert_eq!(meaning(&["-e", live]), ours(&["healthz", "--port=18789"]));
        assert_eq!(meaning(&["--eval", ready]), ours(&["healthz", "--ready"]));
    }

    #[test]
    fn other_code_and_other_scripts_take_a_real_node() {
        let elsewhere = "fetch('http://example.com/healthz').then(()=>process.exit(0))";
        let other_path = "fetch('http://127.0.0.1/secrets').then(()=>process.exit(0))";
        for args in [
            &["-e", "console.log(1)"][..],
            &["-e", elsewhere],
            &["-e", other_path],
            &["-e"],
            &["server.js"],
            &["mydist/index.jsx"],
            &["not-openclaw.mjs"],
            &["-"],
            &[],
        ] {
            assert_eq!(meaning(args), Meaning::Foreign, "{args:?}");
        }
    }
}
