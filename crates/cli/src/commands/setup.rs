//! `setup`: config and workspace with their first content, without a question; with a flag of the
//! wizard, `onboard`.

use ::onboard::{Plan, Setup};

use super::onboard::{self, place};
use crate::{error::Failure, program::Program, ui};

/// Make the config, the workspace and its starter files
#[derive(Debug, clap::Args)]
#[group(id = "setup")]
#[command(
    about = "Make the config, the workspace and its starter files",
    after_help = "Example:\n  openclaw setup --workspace ~/assistant"
)]
pub(crate) struct Args {
    /// Ask everything that `onboard` asks
    #[arg(long)]
    wizard: bool,
    /// Make files only, as without flags
    #[arg(long, conflicts_with = "wizard")]
    baseline: bool,
    #[command(flatten)]
    pub(crate) onboard: onboard::Args,
}

pub(crate) fn run(program: &mut Program, args: &Args) -> Result<(), Failure> {
    if (args.wizard || args.onboard.asks_for_wizard()) && !args.baseline {
        return onboard::run(program, &args.onboard);
    }
    if !program.snapshot().valid {
        return Err(program.invalid());
    }
    let facts = place::facts(program)?;
    let workspace = args.onboard.workspace().map_or_else(|| facts.workspace(), str::to_owned);
    let setup = Setup { workspace: Some(workspace), ..Setup::default() };
    let plan = Plan::of(&setup, &facts, None);
    let done = ::onboard::apply(&plan, &place::place(program))
        .map_err(|error| place::not_applied(&error))?;
    program.reload();
    for line in onboard::lines(program, &done) {
        ui::answer(line);
    }
    Ok(())
}
