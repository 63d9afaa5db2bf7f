//! `uninstall`: takes away what was made, but for the program itself.

use super::removal::{self, Agreement, Plan};
use crate::{
    consent,
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Remove state, workspaces and service; the program itself stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw uninstall --all --dry-run")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// Remove the installed service
    #[arg(long)]
    service: bool,
    /// Remove the state directory's content, but for workspaces
    #[arg(long)]
    state: bool,
    /// Remove the workspaces in the state directory
    #[arg(long)]
    workspace: bool,
    /// Accepted for scripts; there is no app of this build
    #[arg(long, hide = true)]
    app: bool,
    /// All of these
    #[arg(long)]
    all: bool,
    /// Say what would go, and stop
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Fail instead of asking
    #[arg(long)]
    non_interactive: bool,
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let is_named = args.service || args.state || args.workspace || args.app || args.all;
    let can_ask = consent::is_anybody_there() && !args.non_interactive && !args.yes;
    if !is_named && !can_ask {
        let message = "say what is to go: --state, --workspace, --service or --all";
        return Err(Failure::new(Kind::Usage, message).hint("openclaw uninstall --all --dry-run"));
    }
    let mark = if args.dry_run { "[dry-run] " } else { "" };
    if args.service || args.all {
        ui::answer(format!(
            "{mark}no service of the gateway is installed by this build; a node has its own: \
             openclaw node uninstall"
        ));
    }
    let takes_state = args.state || args.all || !is_named;
    let takes_workspaces = args.workspace || args.all;
    if !takes_state && !takes_workspaces {
        return Ok(());
    }
    let plan = plan(program, takes_state, takes_workspaces);
    let how =
        Agreement { yes: args.yes, non_interactive: args.non_interactive, dry_run: args.dry_run };
    if plan.carry_out(program, how)? && takes_state {
        tell_of_the_rest(program);
    }
    Ok(())
}

fn plan(program: &Program, takes_state: bool, takes_workspaces: bool) -> Plan {
    let locations = &program.locations;
    let state = &locations.state_dir;
    let mut plan = Plan { takes_state, ..Plan::default() };
    if takes_state {
        plan.add(program, state, "all state");
        if !locations.config_path.starts_with(state) {
            plan.add(program, &locations.config_path, "config");
        }
    }
    for workspace in removal::workspaces(program) {
        let is_inside = workspace.starts_with(state);
        match (takes_workspaces, takes_state && is_inside) {
            (true, false) => plan.add(program, &workspace, "workspace"),
            (false, true) => plan.keep.push(workspace),
            // In the first case it goes with the rest.
            (true, true) | (false, false) => {}
        }
    }
    plan
}

fn tell_of_the_rest(program: &Program) {
    if config::in_container(program.env()) {
        ui::hint(
            "on the host: docker compose down, then remove the image and the mounted directory",
        );
    } else if let Ok(path) = std::env::current_exe() {
        ui::hint(format!("the program itself: rm '{}'", path.display()));
    }
}
