//! `agents add`: one agent more in the config file, with a workspace.

use domain::AgentId;
use gateway::agents::{self, Model, Wish};
use serde_json::{Value, json};

use super::{edit, refused};
use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Add an agent
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw agents add ops --workspace ~/ops --bind telegram:ops")]
pub(super) struct Args {
    /// What it is called
    name: Option<String>,
    /// Where it works
    #[arg(long, value_name = "DIR")]
    workspace: Option<String>,
    /// Its own model, as provider/model
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Where its credentials are
    #[arg(long, value_name = "DIR")]
    agent_dir: Option<String>,
    /// Messages that lead to it, as CHANNEL or CHANNEL:ACCOUNT
    #[arg(long, value_name = "CHANNEL[:ACCOUNT]")]
    bind: Vec<String>,
    /// Ask nothing; needs a name and --workspace
    #[arg(long)]
    non_interactive: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// What became of the bindings that were asked for.
#[derive(Default)]
struct Bound {
    new: Vec<Value>,
    added: Vec<String>,
    skipped: Vec<String>,
    conflicts: Vec<String>,
}

pub(super) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let needs = |what: &str| {
        Failure::new(Kind::Usage, format!("{what} is needed"))
            .hint("openclaw agents add ops --workspace ~/ops")
    };
    let name = args.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| needs("a name"))?;
    if args.non_interactive && args.workspace.is_none() {
        return Err(needs("--workspace"));
    }
    let agent = agents::named(name).map_err(|error| refused(&error))?;
    let mut bound = Bound::default();
    let present = agents::bindings(program.loaded());
    for wish in &args.bind {
        bound.take(wish, &agent, &present)?;
    }
    let wish = Wish {
        name: Some(name.to_owned()),
        workspace: args.workspace.clone(),
        agent_dir: args.agent_dir.clone(),
        model: args.model.clone().map(Model::Own),
        ..Wish::default()
    };
    let mut new = None;
    let edited = edit(program, |editor, present| {
        let edited = agents::create(editor, present, &agent, (wish, &bound.new))?;
        new = Some(agents::lay_out(&edited, &program.locations, &agent, false)?);
        Ok(edited)
    });
    let loaded = match (edited, new) {
        (Ok(loaded), _) => loaded,
        (Err(failure), new) => {
            // Neither the agent nor its workspace.
            if let Some(new) = new {
                new.undo();
            }
            return Err(failure);
        }
    };
    let made = loaded.config.as_ref().and_then(|config| config.agents.get(&agent));
    let Some(made) = made else {
        return Err(Failure::new(Kind::Config, "the new agent is not in the config"));
    };
    let of = |error: &dyn std::error::Error| Failure::of(Kind::State, error);
    store::make_private_dir(&made.agent_dir).map_err(|error| of(&error))?;
    let mut shown = json!({
        "agentId": agent,
        "name": name,
        "workspace": made.workspace,
        "agentDir": made.agent_dir,
        "bindings": {
            "added": bound.added,
            "skipped": bound.skipped,
            "conflicts": bound.conflicts,
        },
    });
    if let Some(model) = &args.model {
        shown["model"] = model.clone().into();
    }
    if args.json {
        ui::answer_json(&shown);
        return Ok(());
    }
    ui::answer(format!(
        "Agent {agent} added. Workspace: {}, agent dir: {}",
        program.locations.shorten(&made.workspace),
        program.locations.shorten(&made.agent_dir)
    ));
    for conflict in &bound.conflicts {
        ui::warn(format!("not bound: {conflict}"));
    }
    Ok(())
}

impl Bound {
    fn take(&mut self, wish: &str, agent: &AgentId, present: &[Value]) -> Result<(), Failure> {
        let (channel, account) = match wish.trim().split_once(':') {
            Some((channel, account)) => (channel.trim(), Some(account.trim())),
            None => (wish.trim(), None),
        };
        if channel.is_empty() || account.is_some_and(str::is_empty) {
            let message = format!("--bind `{wish}` is not CHANNEL or CHANNEL:ACCOUNT");
            return Err(Failure::new(Kind::Usage, message));
        }
        let mut matched = json!({ "channel": channel.to_lowercase() });
        if let Some(account) = account {
            matched["accountId"] = account.into();
        }
        let known = present.iter().chain(&self.new).find(|it| it["match"] == matched);
        match known.map(agents::bound_to) {
            Some(Some(other)) if other != *agent => {
                self.conflicts.push(format!("{wish} (leads to {other})"));
            }
            Some(_) => self.skipped.push(wish.to_owned()),
            None => {
                self.new.push(json!({ "agentId": agent, "match": matched }));
                self.added.push(wish.to_owned());
            }
        }
        Ok(())
    }
}
