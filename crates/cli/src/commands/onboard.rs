//! `onboard`: from an empty machine to a config, a key and a workspace.
//!
//! Flags are [`flags`]'s, the run without questions [`quiet`]'s, the one with a person
//! [`talk`]'s. What is asked and written is the `onboard` crate's to say.

mod after;
pub(crate) mod flags;
pub(crate) mod place;
pub(crate) mod prompt;
mod quiet;
pub(crate) mod talk;

use std::io::IsTerminal as _;

use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

pub(crate) use self::{flags::Args, quiet::lines};

/// What the note in the config calls this command.
pub(crate) const COMMAND: &str = "onboard";

pub(crate) fn run(program: &mut Program, args: &Args) -> Result<(), Failure> {
    if !program.snapshot().valid && !args.reset {
        return Err(program.invalid().hint("openclaw doctor --fix, or openclaw onboard --reset"));
    }
    if args.non_interactive {
        return quiet::run(program, args);
    }
    if !has_terminal() {
        return Err(no_terminal());
    }
    talk::run(program, args)
}

/// Whether a person sits at both ends.
pub(crate) fn has_terminal() -> bool {
    std::io::stdin().is_terminal() && ui::is_watched()
}

/// What is said where nobody can be asked.
pub(crate) fn no_terminal() -> Failure {
    Failure::new(Kind::Usage, "`openclaw onboard` asks questions and needs a terminal")
        .fact("In a container: docker compose run --rm openclaw-cli onboard (not `run -T`).")
        .fact("Without questions: --auth-choice skip leaves the model for later.")
        .hint(
            "openclaw onboard --non-interactive --accept-risk --auth-choice apiKey \
             --anthropic-api-key <key> --skip-health",
        )
}
