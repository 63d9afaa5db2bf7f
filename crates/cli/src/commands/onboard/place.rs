//! What the `onboard` crate needs to know of this process, and its failures in our words.

use domain::Secret;
use onboard::{ApplyError, Facts, Place, Refusal};

use crate::{
    error::{Failure, Kind},
    program::Program,
};

/// Where plans are carried out.
pub(crate) fn place(program: &Program) -> Place<'_> {
    Place {
        locations: &program.locations,
        env: program.env(),
        version: env!("CARGO_PKG_VERSION"),
        now: program.clock.now(),
        seeds: &agent::WORKSPACE_SEEDS,
    }
}

/// What is known before the first question.
pub(crate) fn facts(program: &Program) -> Result<Facts, Failure> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::while_doing(Kind::Failed, "no random numbers", &error))?;
    let fresh = Secret::new(hex::encode(bytes));
    let mut facts = Facts::of(program.snapshot(), &program.locations, program.env(), fresh);
    facts.in_container = config::in_container(program.env());
    Ok(facts)
}

/// Flags that make no sense.
pub(crate) fn refused(refusal: &Refusal) -> Failure {
    Failure::of(Kind::Usage, refusal).hint(refusal.hint.clone())
}

/// A plan that was not carried out.
pub(crate) fn not_applied(error: &ApplyError) -> Failure {
    let failure = Failure::of(Kind::State, error);
    match error {
        ApplyError::Running(_) => failure.hint("openclaw gateway stop"),
        ApplyError::Config(_) => {
            failure.fact("Nothing was written.").hint("openclaw config validate")
        }
        ApplyError::Disk(disk) => match disk.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        },
        _ => failure,
    }
}
