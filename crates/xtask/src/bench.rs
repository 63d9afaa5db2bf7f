//! Measures the figures of `docs/benchmarks.md`, each in its own module.
//!
//! Every figure is taken from outside, on the release binary: a process is started, frames go in
//! and out, the clock and the kernel's books are read. Where a figure needs a model, it is served
//! from this very process, so that both ends of an interval are on one clock.

mod binary;
mod clients;
mod commands;
mod crowd;
mod history;
mod idle;
mod image;
mod lab;
mod latency;
mod memory;
mod model;
mod report;
mod rpc;
mod sandbox;
mod start;
mod turns;
mod wire;

use std::{env, process::Command};

use anyhow::bail;

use self::{lab::Lab, report::Row};
use crate::workspace;

/// The figures, in the order of the table.
const FIGURES: [&str; 13] = [
    "start", "idle", "commands", "latency", "rpc", "clients", "crowd", "turns", "memory",
    "history", "sandbox", "image", "binary",
];

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure only these figures: start, idle, commands, latency, rpc, clients, crowd, turns, memory,
    /// history, sandbox, image, binary
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// A tenth of the rounds: to see that it works, not what it yields
    #[arg(long)]
    quick: bool,
    /// Replace the table in docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Measure this `openclaw` instead of building one
    #[arg(long, value_name = "PATH")]
    binary: Option<std::path::PathBuf>,
}

/// Builds, measures, prints the table.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(unknown) = args.only.iter().find(|it| !FIGURES.contains(&it.as_str())) {
        bail!("no figure `{unknown}`; there are: {}", FIGURES.join(", "));
    }
    if args.write && (args.quick || !args.only.is_empty()) {
        bail!("only a full run is written down: leave out `--quick` and `--only`");
    }
    if cfg!(debug_assertions) {
        return again_optimised();
    }
    let lab = Lab::prepare(args.binary.clone(), args.quick)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows = Vec::new();
    for name in FIGURES {
        if !args.only.is_empty() && !args.only.iter().any(|it| it == name) {
            continue;
        }
        eprintln!("measuring: {name}");
        let found = runtime.block_on(measure(name, &lab));
        rows.extend(found.unwrap_or_else(|error| vec![Row::failed(name, &error)]));
    }
    let table = report::table(&rows);
    println!("{table}");
    if let Some(failed) = rows.iter().find(|row| row.is_failure()) {
        bail!("not measured: `{}`", failed.figure);
    }
    if args.write {
        report::write(&table)?;
    }
    Ok(())
}

/// Runs this very command by a program whose clients are quick: they share the processors with
/// what they measure, and built for debugging they cost more than it.
fn again_optimised() -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--locked", "--profile", "meter", "--package", "xtask"])
        .arg("--manifest-path")
        .arg(workspace::root().join("Cargo.toml"))
        .arg("--")
        .args(env::args_os().skip(1))
        .status()?;
    if !status.success() {
        bail!("the measuring ended with {status}");
    }
    Ok(())
}

async fn measure(name: &str, lab: &Lab) -> anyhow::Result<Vec<Row>> {
    match name {
        "start" => start::measure(lab).await,
        "idle" => idle::measure(lab).await,
        "commands" => commands::measure(lab),
        "latency" => latency::measure(lab).await,
        "rpc" => rpc::measure(lab).await,
        "clients" => clients::measure(lab).await,
        "crowd" => crowd::measure(lab).await,
        "turns" => turns::measure(lab).await,
        "memory" => memory::measure(lab).await,
        "history" => history::measure(lab).await,
        "sandbox" => sandbox::measure(lab).await,
        "image" => image::measure(lab),
        _ => binary::measure(lab),
    }
}
