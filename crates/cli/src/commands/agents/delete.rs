//! `agents delete`: takes an agent out of the config file, and its files into the trash.
//!
//! A gateway that runs does it itself: it stops what the agent does. Without one the files are
//! moved from here.

use gateway::agents;
use serde_json::json;

use super::{edit, refused};
use crate::{
    args::Rpc,
    consent,
    error::{Failure, Kind},
    program::Program,
    target, ui,
};

/// How long a gateway may take.
const PATIENCE_MS: u64 = 30_000;

/// Remove an agent; its files go into the trash
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw agents delete ops")]
pub(super) struct Args {
    /// The agent
    id: String,
    /// Do not ask
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let agent = agents::named(&args.id).map_err(|error| refused(&error))?;
    let config = std::sync::Arc::clone(program.config()?);
    let Some(known) = config.agents.get(&agent) else {
        return Err(refused(&agents::AgentError::Unknown(agent)));
    };
    if !args.force {
        if !consent::is_anybody_there() {
            let message = "nobody can be asked here: pass --force";
            return Err(Failure::new(Kind::Usage, message));
        }
        let question = format!(
            "Remove agent {agent} and move {} and its conversations into the trash?",
            program.locations.shorten(&known.workspace)
        );
        if !consent::is_given(&question)? {
            ui::say("Nothing was removed.");
            return Ok(());
        }
    }
    let rpc = Rpc::default();
    let params = json!({ "agentId": agent });
    let asked = target::ask(program, &rpc, rpc.patience(PATIENCE_MS), "agents.delete", params);
    let done = match asked.await {
        Ok(done) => done,
        Err(failure) if failure.is_absence => {
            let mut removed = 0;
            edit(program, |editor, present| {
                let (edited, count) = agents::remove(editor, present, &agent)?;
                removed = count;
                Ok(edited)
            })?;
            let (state_dir, now) = (&program.locations.state_dir, program.clock.now().0);
            let aside = agents::set_aside(&config, &agent, state_dir, now);
            let mut done = json!(aside);
            done["removedBindings"] = removed.into();
            done
        }
        Err(failure) => return Err(failure),
    };
    if args.json {
        ui::answer_json(&json!({
            "agentId": agent,
            "workspace": known.workspace,
            "agentDir": known.agent_dir,
            "removedBindings": done["removedBindings"],
            "removed": done["removed"].as_array().cloned().unwrap_or_default(),
            "failed": done["failed"].as_array().cloned().unwrap_or_default(),
        }));
    } else {
        ui::answer(format!("Agent {agent} removed; bindings: {}.", done["removedBindings"]));
    }
    for failed in done["failed"].as_array().into_iter().flatten() {
        let part = |name: &str| failed[name].as_str().unwrap_or_default().to_owned();
        ui::warn(format!("{} stays: {}", part("path"), part("reason")));
    }
    let is_whole = done["failed"].as_array().is_none_or(Vec::is_empty);
    if is_whole { Ok(()) } else { Err(left_over(args.json)) }
}

fn left_over(is_answered: bool) -> Failure {
    let message = "not everything could be moved into the trash";
    Failure::new(Kind::State, message).answered(is_answered)
}
