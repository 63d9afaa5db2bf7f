//! Measures the figures of `docs/benchmarks.md`.

/// Options of `cargo xtask bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Measure only the figure of this name
    #[arg(long)]
    only: Option<String>,
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("nothing to measure yet: {:?}", args.only)
}
