//! `gateway`: the server itself, and questions to the one that runs.

use clap::Subcommand;

use crate::{error::Failure, program::Program, wait_for};

mod banner;
mod call;
mod dev;
mod force;
mod listeners;
mod options;
mod probe;
mod run;
mod service;
mod status;
mod stop;
mod unconfigured;
mod upgrade;

pub(crate) use listeners::{Listener, on_port as listeners_on};
pub(crate) use options::RunArgs;
pub(crate) use upgrade::bring_up_to_date;

/// Run the gateway, or talk to the one that runs
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Example:\n  openclaw gateway run --port 18789"
)]
pub(crate) struct Args {
    #[command(flatten)]
    run: RunArgs,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the gateway in the foreground
    #[command(after_help = "Example:\n  openclaw gateway run --bind lan --token s3cret")]
    Run(RunArgs),
    Status(status::Args),
    Health(super::health::Args),
    Call(call::Args),
    Probe(probe::Args),
    /// Stop the gateway that uses this state directory
    #[command(after_help = "Example:\n  openclaw gateway stop")]
    Stop(service::Args),
    /// Start the installed service
    Start(service::Args),
    /// Restart the installed service
    Restart(service::Args),
    /// Install the gateway as a service
    Install(service::InstallArgs),
    /// Remove the installed service
    Uninstall(service::Args),
}

impl Args {
    /// Whether this starts a server.
    pub(crate) fn starts_gateway(&self) -> bool {
        matches!(self.verb, None | Some(Verb::Run(_)))
    }

    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.verb {
            None | Some(Verb::Run(_)) => false,
            Some(Verb::Status(args)) => args.json,
            Some(Verb::Health(args)) => args.json,
            Some(Verb::Call(args)) => args.json,
            Some(Verb::Probe(args)) => args.json,
            Some(
                Verb::Stop(args) | Verb::Start(args) | Verb::Restart(args) | Verb::Uninstall(args),
            ) => args.json,
            Some(Verb::Install(args)) => args.json,
        }
    }
}

/// Runs `gateway` and what follows it.
pub(crate) fn run(program: &mut Program, args: Args) -> Result<(), Failure> {
    match args.verb {
        None => run::run(program, &args.run),
        Some(Verb::Run(args)) => run::run(program, &args),
        Some(Verb::Status(args)) => wait_for(status::run(program, &args)),
        Some(Verb::Health(args)) => wait_for(super::health::run(program, &args)),
        Some(Verb::Call(args)) => wait_for(call::run(program, &args)),
        Some(Verb::Probe(args)) => wait_for(probe::run(program, &args)),
        Some(Verb::Stop(args)) => wait_for(stop::run(program, &args)),
        Some(Verb::Start(args)) => service::not_loaded("start", &args),
        Some(Verb::Restart(args)) => service::not_loaded("restart", &args),
        Some(Verb::Install(args)) => Err(service::unmanaged("install", args.json)),
        Some(Verb::Uninstall(args)) => Err(service::unmanaged("uninstall", args.json)),
    }
}

/// Stops the gateway that uses the state directory.
pub(crate) fn stop_running(program: &Program) -> Result<(), Failure> {
    wait_for(stop::run(program, &service::Args { json: false }))
}

/// A shared token that nobody knows yet.
pub(crate) fn fresh_token() -> Result<String, Failure> {
    dev::token()
}
