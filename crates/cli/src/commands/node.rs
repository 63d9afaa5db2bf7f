//! `node`: lends this machine's commands to a gateway elsewhere.

use clap::Subcommand;

use crate::{args, error::Failure, program::Program, systemd::Action};

mod host;
mod run;
mod service;
mod shell;

/// Lend this machine's commands to a gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw node run --host gateway.lan --port 18789")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Connect to a gateway and run the commands it asks for
    Run(Box<run::Args>),
    Install(Box<service::Install>),
    /// Stop the service and take it away
    Uninstall(service::Args),
    /// Start the service
    Start(service::Args),
    /// Stop the service until the next login
    Stop(service::Args),
    /// Start the service anew
    Restart(service::Args),
    /// Show whether the service is there and runs
    Status(service::Args),
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.verb {
            Some(Verb::Run(_)) | None => false,
            Some(Verb::Install(args)) => args.json,
            Some(
                Verb::Uninstall(args)
                | Verb::Start(args)
                | Verb::Stop(args)
                | Verb::Restart(args)
                | Verb::Status(args),
            ) => args.json,
        }
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => Err(args::no_verb("node", "openclaw node run")),
        Some(Verb::Run(args)) => run::run(program, args),
        Some(Verb::Install(args)) => service::install(program, args),
        Some(Verb::Uninstall(args)) => service::uninstall(program, args),
        Some(Verb::Start(args)) => service::act(program, Action::Start, args),
        Some(Verb::Stop(args)) => service::act(program, Action::Stop, args),
        Some(Verb::Restart(args)) => service::act(program, Action::Restart, args),
        Some(Verb::Status(args)) => service::status(program, args),
    }
}
