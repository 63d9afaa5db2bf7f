//! `sandbox recreate`: removes containers, so that the next use makes them anew.

use std::io::{BufRead, IsTerminal};

use agent::sandboxes::{Listed, Selector};
use store::SandboxKind;

use super::{engines, list};
use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Remove containers so that their next use makes them anew
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw sandbox recreate --agent main --force")]
pub(super) struct Args {
    /// All containers
    #[arg(long)]
    all: bool,
    /// The container with this scope key, as `sandbox list` shows it
    #[arg(long, value_name = "KEY")]
    session: Option<String>,
    /// The containers of this agent and its sessions
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Browser containers instead of those for tools
    #[arg(long)]
    browser: bool,
    /// Do not ask
    #[arg(long)]
    force: bool,
}

impl Args {
    fn selector(&self) -> Result<Selector, Failure> {
        let session = self.session.clone().map(Selector::Session);
        let agent = self.agent.clone().map(Selector::Agent);
        let mut chosen = [self.all.then_some(Selector::All), session, agent].into_iter().flatten();
        match (chosen.next(), chosen.next()) {
            (Some(selector), None) => Ok(selector),
            (None, _) => Err(Failure::new(Kind::Usage, "pass --all, --session or --agent")
                .hint("openclaw sandbox recreate --all")),
            (Some(_), Some(_)) => {
                let message = "--all, --session and --agent exclude each other";
                Err(Failure::new(Kind::Usage, message).hint("openclaw sandbox recreate --all"))
            }
        }
    }
}

pub(super) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let selector = args.selector()?;
    let kind = if args.browser { SandboxKind::Browser } else { SandboxKind::Container };
    let mut rows = engines::list(program, kind).await?;
    rows.retain(|row| selector.means(&row.entry.session_key));
    if rows.is_empty() {
        ui::answer(format!("No {} containers match.", list::noun(kind)));
        return Ok(());
    }
    for line in preview(&rows, kind) {
        ui::answer(line);
    }
    if !args.force && !is_agreed()? {
        ui::answer("Nothing was removed.");
        return Ok(());
    }
    ui::answer("Removing containers...");
    let mut failed = 0;
    for row in &rows {
        let name = &row.entry.container_name;
        match engines::remove(program, kind, row).await {
            Ok(()) => ui::answer(format!("  removed {name}")),
            Err(failure) => {
                failed += 1;
                let why = [&[failure.message][..], &failure.causes].concat().join(": ");
                ui::answer(format!("  failed {name}: {why}"));
            }
        }
    }
    ui::answer(format!("Done: {} removed, {failed} failed", rows.len() - failed));
    match failed {
        0 => Ok(()),
        _ => Err(Failure::new(Kind::Failed, "not every container could be removed")
            .hint("openclaw sandbox list")),
    }
}

fn preview(rows: &[Listed], kind: SandboxKind) -> Vec<String> {
    let count = rows.len();
    let plural = if count == 1 { "" } else { "s" };
    let head = format!("{count} {} container{plural} will be removed:", list::noun(kind));
    let items = rows.iter().map(|row| {
        let status = if row.running { "running" } else { "stopped" };
        format!("  {} ({status}, session {})", row.entry.container_name, row.entry.session_key)
    });
    std::iter::once(head)
        .chain(items)
        .chain(["They are made anew when they are next used.".to_owned()])
        .collect()
}

/// Asks the person; anything but a yes is a no.
fn is_agreed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Kind::Usage, "nobody is there to be asked; pass --force")
            .hint("openclaw sandbox recreate --all --force"));
    }
    ui::say("Go on? [y/N]");
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::while_doing(Kind::Failed, "cannot read the answer", &error))?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(all: bool, session: Option<&str>, agent: Option<&str>) -> Args {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Args { all, session: owned(session), agent: owned(agent), browser: false, force: false }
    }

    #[test]
    fn exactly_one_selector_is_taken() {
        assert_eq!(args(true, None, None).selector().ok(), Some(Selector::All));
        let session = args(false, Some("k"), None).selector().ok();
        assert_eq!(session, Some(Selector::Session("k".to_owned())));
        for wrong in [args(false, None, None), args(true, Some("k"), None)] {
            assert_eq!(wrong.selector().err().map(|failure| failure.exit_code()), Some(1));
        }
    }
}
