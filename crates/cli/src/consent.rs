//! Asks a person before something is done that cannot be undone.

use std::io::{BufRead, IsTerminal};

use crate::{
    error::{Failure, Kind},
    ui,
};

/// Whether somebody can be asked.
pub(crate) fn is_anybody_there() -> bool {
    std::io::stdin().is_terminal() && ui::is_watched()
}

/// Asks; anything but a yes is a no.
pub(crate) fn is_given(question: &str) -> Result<bool, Failure> {
    let line = answer(&format!("{question} [y/N]"))?;
    Ok(matches!(line.to_lowercase().as_str(), "y" | "yes"))
}

/// Asks for a line.
pub(crate) fn answer(question: &str) -> Result<String, Failure> {
    ui::say(question);
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::while_doing(Kind::Failed, "cannot read the answer", &error))?;
    Ok(line.trim().to_owned())
}
