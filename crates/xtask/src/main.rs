//! Project tasks: `cargo xtask ci | tidy | bench`.
//!
//! Only parses the command line; each task is a module.

#![expect(clippy::disallowed_methods, reason = "a build tool runs processes and reads sources")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a build tool talks to a terminal")]

mod bench;
mod ci;
mod licences;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Runs a task of this project")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run every check that a change must pass, or only some steps of it
    Ci(ci::Args),
    /// Check the rules that the compiler does not know
    Tidy,
    /// Measure the figures of docs/benchmarks.md
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Ci(args) => ci::run(&args),
        Task::Tidy => tidy::run(),
        Task::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
