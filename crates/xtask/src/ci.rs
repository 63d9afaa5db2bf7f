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

/// Runs all steps.
pub(crate) fn run() -> anyhow::Result<()> {
    let begin = Instant::now();
    step("format", || cargo(&["fmt", "--all", "--check"], &[]))?;
    step("tidy", tidy::run)?;
    step("licences", licences::run)?;
    step("clippy", || {
        let flags = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        cargo(&flags, &[])
    })?;
    step("rustdoc", || {
        let flags = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
        cargo(&flags, &[("RUSTDOCFLAGS", "-D warnings")])
    })?;
    step("npm", npm)?;
    step("doctests", || cargo(&["test", "--workspace", "--doc", "--locked"], &[]))?;
    step("tests", tests)?;
    println!("ci: every step passed in {:.0} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("== {name}");
    let begin = Instant::now();
    work().with_context(|| format!("step `{name}`"))?;
    println!("== {name}: passed in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}

fn cargo(args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.args(args).envs(env.iter().copied()).current_dir(workspace::root());
    finish(&mut command)
}

fn finish(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Runs the tests, with nextest where it is installed.
///
/// The binaries that end-to-end tests start are built first: a test of one crate may run the
/// program of another.
fn tests() -> anyhow::Result<()> {
    cargo(&["build", "--workspace", "--bins", "--locked"], &[])?;
    let has_nextest = Command::new("cargo")
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if has_nextest {
        cargo(&["nextest", "run", "--workspace", "--locked"], &[])
    } else {
        cargo(&["test", "--workspace", "--all-targets", "--locked"], &[])
    }
}

/// Runs the `check` script of every npm project that has one.
fn npm() -> anyhow::Result<()> {
    let root = workspace::root();
    let tree = Tree::read(&root)?;
    for (path, text) in tree.files() {
        let Some(folder) = path.strip_suffix("/package.json") else {
            continue;
        };
        let manifest: serde_json::Value =
            serde_json::from_str(text).with_context(|| format!("`{path}` is not JSON"))?;
        if manifest["scripts"]["check"].is_string() {
            let folder = root.join(folder);
            finish(Command::new("npm").args(["run", "--silent", "check"]).current_dir(folder))?;
        }
    }
    Ok(())
}
