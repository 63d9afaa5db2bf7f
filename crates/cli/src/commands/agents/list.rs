//! `agents list`: the agents, by the config file alone.

use config::{Agent, Config};
use gateway::agents;
use serde_json::{Map, Value, json};

use crate::{error::Failure, program::Program, ui};

/// List the agents
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw agents list --bindings")]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Show which messages lead to each agent
    #[arg(long)]
    bindings: bool,
}

pub(super) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let config = program.config()?;
    let bindings = agents::bindings(program.loaded());
    let rows: Vec<Value> =
        config.agents.list.iter().map(|agent| row(config, agent, &bindings, args)).collect();
    if args.json {
        ui::answer_json(&rows.into());
        return Ok(());
    }
    let lines: Vec<String> = rows.iter().flat_map(|row| lines(program, row)).collect();
    ui::answer(lines);
    Ok(())
}

fn row(config: &Config, agent: &Agent, bindings: &[Value], args: &Args) -> Value {
    let own: Vec<String> = bindings
        .iter()
        .filter(|it| agents::bound_to(it).as_ref() == Some(&agent.id))
        .map(told)
        .collect();
    let is_default = agent.id == config.agents.default;
    let mut routes = own.clone();
    if is_default {
        routes.push("default (no explicit rules)".to_owned());
    }
    let identity = &agent.identity;
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            row.insert(name.to_owned(), value);
        }
    };
    put("id", json!(agent.id));
    put("name", json!(agent.name));
    put("identityName", json!(identity.name));
    put("identityEmoji", json!(identity.emoji));
    let has_look = identity.name.is_some() || identity.emoji.is_some();
    put("identitySource", if has_look { "config".into() } else { Value::Null });
    put("workspace", json!(agent.workspace));
    put("agentDir", json!(agent.agent_dir));
    put("model", json!(agent.models.first().map(ToString::to_string)));
    put("bindings", own.len().into());
    if args.bindings {
        put("bindingDetails", json!(own));
    }
    put("routes", json!(routes));
    put("isDefault", is_default.into());
    row.into()
}

/// A binding as people write it.
fn told(binding: &Value) -> String {
    let matched = &binding["match"];
    let text = |name: &str| matched[name].as_str();
    let mut told = text("channel").unwrap_or("?").to_owned();
    if let Some(account) = text("accountId") {
        told.push(':');
        told.push_str(account);
    }
    if let Some(peer) = matched["peer"].as_object() {
        let part = |name: &str| peer.get(name).and_then(Value::as_str).unwrap_or("?");
        for word in [part("kind"), part("id")] {
            told.push(' ');
            told.push_str(word);
        }
    }
    told
}

fn lines(program: &Program, row: &Value) -> Vec<String> {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let default = if row["isDefault"] == true { " (default)" } else { "" };
    let name = row["name"].as_str().map(|name| format!(" ({name})")).unwrap_or_default();
    let mut lines = vec![format!("- {}{default}{name}", text("id"))];
    let look = [text("identityEmoji"), text("identityName")];
    let look = look.iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>().join(" ");
    if !look.is_empty() {
        lines.push(format!("  Identity: {look}"));
    }
    for (title, name) in [("Workspace", "workspace"), ("Agent dir", "agentDir")] {
        let path = program.locations.shorten(std::path::Path::new(text(name)));
        lines.push(format!("  {title}: {path}"));
    }
    if !text("model").is_empty() {
        lines.push(format!("  Model: {}", text("model")));
    }
    lines.push(format!("  Bindings: {}", row["bindings"]));
    let details = row["bindingDetails"].as_array().into_iter().flatten();
    lines.extend(details.filter_map(Value::as_str).map(|it| format!("    - {it}")));
    lines
}
