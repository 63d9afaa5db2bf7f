//! The program `openclaw`: from a command line to an exit code.
//!
//! Owns process-wide things (arguments, exit code, runtimes) and nothing else. What is slow to
//! set up is set up by the command that needs it: TLS in [`tls`], a runtime with workers in
//! `gateway run`, so that `--version` and `health` stay small processes.

mod args;
mod asking;
mod commands;
mod consent;
mod conversations;
mod device;
mod error;
mod logging;
mod node_shim;
mod program;
mod state;
mod systemd;
mod target;
mod text;
mod tls;
mod tui;
mod ui;

use std::{ffi::OsString, process::ExitCode};

use args::{Cli, Parsed};
use error::{Failure, Kind};
use program::Program;

fn main() -> ExitCode {
    ui::tell_panics();
    let mut argv: Vec<OsString> = std::env::args_os().collect();
    if node_shim::is_wanted(&argv) {
        argv = match node_shim::translate(&argv) {
            Ok(meant) => meant,
            Err(end) => return end,
        };
    }
    if asks_for_version(&argv) {
        ui::answer(env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let cli = match args::parse(argv) {
        Ok(Parsed::Run(cli)) => *cli,
        Ok(Parsed::Print(page)) => {
            ui::answer(page);
            return ExitCode::SUCCESS;
        }
        Err(failure) => {
            ui::fail(&failure);
            return ExitCode::from(failure.exit_code());
        }
    };
    let for_script = cli.command.as_ref().is_some_and(commands::Command::wants_json);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            ui::fail(&failure);
            if for_script && !failure.is_answered {
                ui::fail_json(&failure);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let mut program = Program::open(&cli)?;
    if let Some(command) = cli.command {
        return commands::run(command, &mut program)
            .map_err(|failure| failure.or_ask_the_doctor(&program.invocation()));
    }
    ui::answer(args::root_help());
    Ok(())
}

/// The commonest question gets its answer before anything is set up.
fn asks_for_version(argv: &[OsString]) -> bool {
    matches!(argv, [_, flag] if flag == "--version" || flag == "-V" || flag == "-v")
}

/// Runs what a client command does, on this thread alone.
fn wait_for(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::while_doing(Kind::Failed, "cannot start", &error))?;
    runtime.block_on(command)
}
