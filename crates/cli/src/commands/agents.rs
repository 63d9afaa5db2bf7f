//! `agents`: the agents of the config file, listed, made, given a look, and taken out.
//!
//! The file is changed by the code that serves `agents.create` and its kin, so a running gateway
//! takes it up as it does theirs. Only a removal asks the gateway first, which knows what runs.

use clap::Subcommand;
use config::{Edited, Editor, Loaded};
use gateway::agents::AgentError;

use crate::{
    args,
    error::{Failure, Kind},
    program::Program,
};

mod add;
mod delete;
mod list;
mod set_identity;

/// List, add and remove agents
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  openclaw agents add ops --workspace ~/ops --model openai/gpt-5"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(list::Args),
    Add(Box<add::Args>),
    SetIdentity(Box<set_identity::Args>),
    Delete(delete::Args),
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.verb {
            None => false,
            Some(Verb::List(args)) => args.json,
            Some(Verb::Add(args)) => args.json,
            Some(Verb::SetIdentity(args)) => args.json,
            Some(Verb::Delete(args)) => args.json,
        }
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => Err(args::no_verb("agents", "openclaw agents list")),
        Some(Verb::List(args)) => list::run(program, args),
        Some(Verb::Add(args)) => add::run(program, args),
        Some(Verb::SetIdentity(args)) => set_identity::run(program, args),
        Some(Verb::Delete(args)) => crate::wait_for(delete::run(program, args)),
    }
}

/// Changes the file by `change` and writes it; yields what it loads to now.
fn edit(
    program: &Program,
    change: impl FnOnce(&Editor<'_>, &Loaded) -> Result<Edited, AgentError>,
) -> Result<Loaded, Failure> {
    if !program.snapshot().valid {
        return Err(program.invalid());
    }
    let editor = Editor {
        locations: &program.locations,
        env: program.env(),
        version: env!("CARGO_PKG_VERSION"),
        now: program.clock.now(),
    };
    let edited = change(&editor, program.loaded()).map_err(|error| refused(&error))?;
    store::write_config(&program.locations.config_path, &edited.raw)
        .map_err(|error| Failure::of(Kind::State, &error))?;
    Ok(edited.loaded)
}

fn refused(error: &AgentError) -> Failure {
    let kind = if matches!(error, AgentError::Edit(_)) { Kind::Config } else { Kind::Refused };
    Failure::of(kind, error).hint("openclaw agents list")
}
