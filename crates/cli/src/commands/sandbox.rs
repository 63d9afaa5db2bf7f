//! `sandbox`: the machines that tools run in.

use clap::Subcommand;

use crate::{args, error::Failure, program::Program, wait_for};

mod check;
mod engines;
mod explain;
mod list;
mod recreate;

pub(crate) use engines::{
    listed_names, open as open_engines, open_as as open_engines_as, owner, remove_by_name, sweep,
};

/// Show and renew the containers that tools run in
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw sandbox explain --session agent:main:main")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Check(check::Args),
    List(list::Args),
    Explain(explain::Args),
    Recreate(recreate::Args),
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.verb {
            Some(Verb::List(args)) => args.json,
            Some(Verb::Explain(args)) => args.json,
            Some(Verb::Check(_) | Verb::Recreate(_)) | None => false,
        }
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => Err(args::no_verb("sandbox", "openclaw sandbox list")),
        Some(Verb::Check(_)) => wait_for(check::run(program)),
        Some(Verb::List(args)) => wait_for(list::run(program, args)),
        Some(Verb::Explain(args)) => wait_for(explain::run(program, args)),
        Some(Verb::Recreate(args)) => wait_for(recreate::run(program, args)),
    }
}
