//! `node`: lends this machine's commands to a gateway elsewhere.

use clap::{CommandFactory, Subcommand};

use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

mod host;
mod run;
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
    Run(Box<run::Args>),
}

/// The help of this noun alone.
#[derive(clap::Parser)]
#[command(name = "openclaw node", disable_help_subcommand = true)]
struct Help {
    #[command(flatten)]
    _args: Args,
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => {
            ui::answer(Help::command().render_help().ansi().to_string().trim_end());
            Err(Failure::new(Kind::Usage, "say what to do").hint("openclaw node run"))
        }
        Some(Verb::Run(args)) => run::run(program, args),
    }
}
