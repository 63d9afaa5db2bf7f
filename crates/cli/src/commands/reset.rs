//! `reset`: begins anew, with less or more of what there was.

use std::{fs, path::PathBuf};

use clap::ValueEnum;

use super::removal::{self, Agreement, Plan};
use crate::{
    consent,
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Forget the config, or more, and begin anew
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw reset --scope config+creds+sessions --dry-run")]
pub(crate) struct Args {
    /// What goes
    #[arg(long, value_enum)]
    scope: Option<Scope>,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// The config; its last text stays as .bak
    Config,
    /// Config, credentials and conversations; workspaces stay
    #[value(name = "config+creds+sessions")]
    ConfigCredsSessions,
    /// Everything in the state directory, workspaces in it included
    Full,
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let scope = match args.scope {
        Some(scope) => scope,
        None => chosen(args)?,
    };
    let plan = plan(program, scope);
    let how =
        Agreement { yes: args.yes, non_interactive: args.non_interactive, dry_run: args.dry_run };
    let keeps_text = scope == Scope::Config && !args.dry_run;
    let text = program.snapshot().raw.clone();
    if !plan.carry_out(program, how)? {
        return Ok(());
    }
    if let (true, Some(text)) = (keeps_text, text) {
        keep_text(program, &text)?;
    }
    ui::hint(format!("{} onboard", program.invocation()));
    Ok(())
}

/// Writes the config that went beside where it was.
fn keep_text(program: &Program, text: &str) -> Result<(), Failure> {
    let mut name = program.locations.config_path.as_os_str().to_owned();
    name.push(".bak");
    let path = PathBuf::from(name);
    store::write_config(&path, text).map_err(|error| Failure::of(Kind::State, &error))?;
    ui::answer(format!("The former config is in {}", program.locations.shorten(&path)));
    Ok(())
}

fn plan(program: &Program, scope: Scope) -> Plan {
    let locations = &program.locations;
    let state = &locations.state_dir;
    let mut plan = Plan { takes_state: scope != Scope::Config, ..Plan::default() };
    match scope {
        Scope::Config => plan.add(program, &locations.config_path, "config"),
        Scope::ConfigCredsSessions => {
            plan.add(program, &locations.config_path, "config");
            for number in 0..5 {
                let end = if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") };
                let mut name = locations.config_path.as_os_str().to_owned();
                name.push(end);
                plan.add(program, &PathBuf::from(name), "config backup");
            }
            plan.add(program, &locations.oauth_dir, "credentials");
            plan.add(program, &state.join(".env"), "keys");
            for agent in agent_dirs(program) {
                plan.add(program, &agent.join("agent/auth-profiles.json"), "keys");
                plan.add(program, &agent.join("agent/auth.json"), "keys");
                plan.add(program, &agent.join("sessions"), "conversations");
            }
        }
        Scope::Full => {
            plan.add(program, state, "all state");
            for workspace in removal::workspaces(program) {
                if !workspace.starts_with(state) {
                    plan.add(program, &workspace, "workspace");
                }
            }
            if !locations.config_path.starts_with(state) {
                plan.add(program, &locations.config_path, "config");
            }
        }
    }
    plan
}

fn agent_dirs(program: &Program) -> Vec<PathBuf> {
    let dir = program.locations.state_dir.join("agents");
    let mut found: Vec<PathBuf> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|it| it.path()).collect();
    found.sort();
    found
}

/// Asks which.
fn chosen(args: &Args) -> Result<Scope, Failure> {
    if args.non_interactive || args.yes || !consent::is_anybody_there() {
        return Err(Failure::new(Kind::Usage, "say what is to go: --scope <scope>")
            .hint("openclaw reset --scope config --dry-run"));
    }
    for (at, scope) in Scope::value_variants().iter().enumerate() {
        if let Some(value) = scope.to_possible_value() {
            let help = value.get_help().map(ToString::to_string).unwrap_or_default();
            ui::say(format!("  {} {:22} {help}", at + 1, value.get_name()));
        }
    }
    let answer = consent::answer("Which? [1-3]")?;
    let chosen = answer.parse().ok().and_then(|at: usize| at.checked_sub(1));
    let scope = chosen.and_then(|at| Scope::value_variants().get(at)).copied();
    scope
        .or_else(|| Scope::from_str(&answer, true).ok())
        .ok_or_else(|| Failure::new(Kind::Usage, format!("there is no scope `{answer}`")))
}
