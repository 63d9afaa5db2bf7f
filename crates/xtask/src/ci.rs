//! Every check that a change must pass, in one command.
//!
//! Steps run in order, cheap ones first and the tests last, so that their summary is what one sees
//! at the end. The first failure stops the run.

use std::{process::Command, time::Instant};

use anyhow::{Context as _, bail};

use crate::{
    licences, tidy,
    workspace::{self, Tree},
};

type Step = (&'static str, fn() -> anyhow::Result<()>);

const STEPS: [Step; 11] = [
    ("format", format),
    ("tidy", tidy::run),
    ("licences", licences::run),
    ("clippy", clippy),
    ("rustdoc", rustdoc),
    ("npm", npm),
    ("python", python),
    ("doctests", doctests),
    ("tests", tests),
    ("page", page),
    ("docker", docker),
];

/// Takes too long for every run, so it must be named.
const FULL: Step = ("full", full);

/// Options of `cargo xtask ci`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these steps: format, tidy, licences, clippy, rustdoc, npm, python, doctests, tests, page,
    /// docker; `full` builds images with a browser and kills the gateway 300 times, and runs only
    /// when it is named
    #[arg(value_name = "STEP")]
    steps: Vec<String>,
}

/// Runs all steps, or those that are named.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let steps = || STEPS.into_iter().chain([FULL]);
    let is_known = |name: &String| steps().any(|(it, _)| it == name);
    if let Some(unknown) = args.steps.iter().find(|name| !is_known(name)) {
        let names: Vec<&str> = steps().map(|(name, _)| name).collect();
        bail!("no step `{unknown}`; there are: {}", names.join(", "));
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    for (name, step) in steps() {
        let is_default = args.steps.is_empty() && name != FULL.0;
        if !is_default && !args.steps.iter().any(|it| it == name) {
            continue;
        }
        println!("== {name}");
        let begin = Instant::now();
        step().with_context(|| format!("step `{name}`"))?;
        times.push(format!("{name} {:.1} s", begin.elapsed().as_secs_f64()));
    }
    println!("== passed in {:.0} s: {}", begin.elapsed().as_secs_f64(), times.join(", "));
    Ok(())
}

fn format() -> anyhow::Result<()> {
    cargo(&["fmt", "--all", "--check"])
}

fn clippy() -> anyhow::Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
}

fn rustdoc() -> anyhow::Result<()> {
    let mut command = command("cargo");
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
    // Private items are documented too, so links to them lead somewhere.
    let flags = "-D warnings -A rustdoc::private-intra-doc-links";
    finish(command.env("RUSTDOCFLAGS", flags))
}

fn doctests() -> anyhow::Result<()> {
    cargo(&["test", "--workspace", "--doc", "--locked"])
}

/// Runs the tests but those that need a Docker Engine, with nextest where it is installed.
///
/// The binaries that end-to-end tests start are built first: a test of one crate may run the
/// program of another.
fn tests() -> anyhow::Result<()> {
    cargo(&["build", "--workspace", "--bins", "--locked"])?;
    if has_nextest() {
        cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--locked",
            "-E",
            "not binary(/^it_(docker|full)/)",
        ])
    } else {
        cargo(&["test", "--workspace", "--lib", "--bins", "--test", "it", "--locked"])
    }
}

/// Runs the tests that need a Docker Engine, and fails without one: `scripts/test-setup.sh` sees
/// to the engine and the images.
///
/// The programs that containers run and that tests start are built first, so that none is older
/// than its sources.
fn docker() -> anyhow::Result<()> {
    containers("it_docker")
}

/// The same for the tests that build for minutes; then kills the gateway 300 times at its work.
fn full() -> anyhow::Result<()> {
    containers("it_full")?;
    let mut kills = command("cargo");
    kills.args(["test", "-p", "cli", "--test", "it", "--locked", "--", "--exact", "--nocapture"]);
    kills.arg("crash::what_was_acknowledged_survives_a_kill_at_any_point");
    finish(kills.env("OPENCLAW_TEST_KILLS", "300"))
}

fn containers(binary: &str) -> anyhow::Result<()> {
    finish(&mut command("scripts/build-boxd.sh"))?;
    cargo(&["build", "--workspace", "--bins", "--locked"])?;
    if has_nextest() {
        let filter = format!("binary(/^{binary}/)");
        cargo(&["nextest", "run", "--workspace", "--locked", "-E", &filter])
    } else {
        cargo(&["test", "--workspace", "--test", &format!("{binary}*"), "--locked"])
    }
}

/// Looks at the page in a browser, with the real gateway behind it.
fn page() -> anyhow::Result<()> {
    finish(&mut command("scripts/build-ui.sh"))?;
    cargo(&["build", "-p", "cli", "--bins", "--locked"])?;
    finish(command("npm").args(["run", "--silent", "e2e", "--prefix", "ui"]))
}

fn has_nextest() -> bool {
    let version = Command::new("cargo").args(["nextest", "--version"]).output();
    version.is_ok_and(|output| output.status.success())
}

/// Runs the tests in Python, with what `scripts/test-setup.sh` installed for them.
fn python() -> anyhow::Result<()> {
    let mut command = command("tests/python/.venv/bin/python");
    finish(command.args(["-B", "-m", "unittest", "discover", "-s", "tests/python"]))
}

/// Runs the `check` script of every npm project that has one.
fn npm() -> anyhow::Result<()> {
    let tree = Tree::read(&workspace::root())?;
    for (path, text) in tree.files() {
        let Some(folder) = path.strip_suffix("/package.json") else {
            continue;
        };
        let manifest: serde_json::Value =
            serde_json::from_str(text).with_context(|| format!("`{path}` is not JSON"))?;
        if manifest["scripts"]["check"].is_string() {
            println!("{folder}");
            let mut npm = command("npm");
            finish(npm.args(["run", "--silent", "check", "--prefix", folder]))?;
        }
    }
    Ok(())
}

fn cargo(args: &[&str]) -> anyhow::Result<()> {
    finish(command("cargo").args(args))
}

/// `program`, to be run at the root of the project.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

fn finish(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
