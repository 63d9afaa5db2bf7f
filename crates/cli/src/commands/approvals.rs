//! `approvals`: what may run on a machine without asking, on this one, the gateway's or a node's.

use clap::Subcommand;
use domain::{ExecApprovals, approvals::AllowedProgram};
use serde_json::{Value, json};
use store::ApprovalsFile;

use crate::{
    args::{self, Rpc},
    error::{Failure, Kind},
    program::Program,
    target, ui, wait_for,
};

/// How long a gateway or node may take.
const PATIENCE_MS: u64 = 10_000;

/// Show and change which commands may run without asking
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw approvals allowlist add '~/bin/rg' --agent main")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show the approvals file
    Get {
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Replace the approvals file
    Set {
        #[command(flatten)]
        place: Place,
        /// File with the new content
        #[arg(long, value_name = "PATH", conflicts_with = "stdin")]
        file: Option<std::path::PathBuf>,
        /// Read the new content from the standard input
        #[arg(long)]
        stdin: bool,
    },
    /// Change the list of programs that may run
    Allowlist {
        #[command(subcommand)]
        change: Change,
    },
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Put a program on the list
    Add(Entry),
    /// Take a program off the list
    Remove(Entry),
}

#[derive(Debug, clap::Args)]
struct Entry {
    /// A path, perhaps with wildcards, or a name that is found by PATH
    pattern: String,
    /// For this agent only
    #[arg(long, value_name = "ID", default_value = "*")]
    agent: String,
    #[command(flatten)]
    place: Place,
}

/// Whose file.
#[derive(Debug, clap::Args)]
struct Place {
    /// The gateway's file, by way of the gateway
    #[arg(long, conflicts_with = "node")]
    gateway: bool,
    /// The file of this node, by way of the gateway
    #[arg(long, value_name = "ID")]
    node: Option<String>,
    #[command(flatten)]
    rpc: Rpc,
}

/// A file and what it is based on.
struct Read {
    path: String,
    hash: Option<String>,
    file: ExecApprovals,
    shown: Value,
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        matches!(&self.verb, Some(Verb::Get { json: true, .. }))
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => Err(args::no_verb("approvals", "openclaw approvals get")),
        Some(Verb::Get { place, json }) => wait_for(get(program, place, *json)),
        Some(Verb::Set { place, file, stdin }) => {
            let text = content(file.as_deref(), *stdin)?;
            wait_for(set(program, place, &text))
        }
        Some(Verb::Allowlist { change: Change::Add(entry) }) => wait_for(add(program, entry)),
        Some(Verb::Allowlist { change: Change::Remove(entry) }) => wait_for(remove(program, entry)),
    }
}

async fn get(program: &Program, place: &Place, json: bool) -> Result<(), Failure> {
    let read = place.read(program).await?;
    if json {
        ui::answer_json(&read.shown);
        return Ok(());
    }
    let mut lines = vec![format!("File: {}", read.path)];
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let defaults = &read.file.defaults;
    lines.push(format!(
        "Defaults: security {}, ask {}, when nobody answers {}",
        known(&defaults.security),
        known(&defaults.ask),
        known(&defaults.ask_fallback)
    ));
    for (name, agent) in &read.file.agents {
        let (security, ask) = (known(&agent.security), known(&agent.ask));
        lines.push(format!("Agent {name}: security {security}, ask {ask}"));
        lines.extend(agent.allowlist.iter().map(|entry| format!("  {}", entry.pattern)));
    }
    ui::answer(lines);
    Ok(())
}

async fn set(program: &Program, place: &Place, text: &str) -> Result<(), Failure> {
    let content: Value = serde_json::from_str(text).map_err(|error| {
        Failure::while_doing(Kind::Usage, "the new content is not JSON", &error)
    })?;
    if content["version"] != 1 {
        return Err(Failure::new(Kind::Usage, "the new content must say \"version\": 1"));
    }
    let read = place.read(program).await?;
    let path = place.write(program, content, read.hash).await?;
    ui::answer(format!("Written: {path}"));
    Ok(())
}

async fn add(program: &Program, entry: &Entry) -> Result<(), Failure> {
    let pattern = entry.pattern()?;
    let mut read = entry.place.read(program).await?;
    let list = &mut read.file.agents.entry(entry.agent.clone()).or_default().allowlist;
    if list.iter().any(|it| it.pattern == pattern) {
        ui::answer(format!("{pattern} is on the list of {} already.", entry.agent));
        return Ok(());
    }
    list.push(AllowedProgram { pattern: pattern.to_owned(), ..AllowedProgram::default() });
    entry.place.write(program, json!(read.file), read.hash).await?;
    ui::answer(format!("Added {pattern} to the list of {}.", entry.agent));
    Ok(())
}

async fn remove(program: &Program, entry: &Entry) -> Result<(), Failure> {
    let pattern = entry.pattern()?;
    let mut read = entry.place.read(program).await?;
    let list = read.file.agents.get_mut(&entry.agent).map(|agent| &mut agent.allowlist);
    let count = list.as_ref().map_or(0, |list| list.len());
    if let Some(list) = list {
        list.retain(|it| it.pattern != pattern);
    }
    let left = read.file.agents.get(&entry.agent).map_or(0, |agent| agent.allowlist.len());
    if left == count {
        let message = format!("{pattern} is not on the list of {}", entry.agent);
        return Err(Failure::new(Kind::Refused, message).hint("openclaw approvals get"));
    }
    entry.place.write(program, json!(read.file), read.hash).await?;
    ui::answer(format!("Removed {pattern} from the list of {}.", entry.agent));
    Ok(())
}

impl Entry {
    fn pattern(&self) -> Result<&str, Failure> {
        let pattern = self.pattern.trim();
        if pattern.is_empty() {
            return Err(Failure::new(Kind::Usage, "the pattern is empty"));
        }
        Ok(pattern)
    }
}

impl Place {
    /// Method and params by which the gateway is asked; `None` for this machine's own file.
    fn remote(&self, verb: &str) -> Option<(String, Value)> {
        match &self.node {
            Some(node) => Some((format!("exec.approvals.node.{verb}"), json!({ "nodeId": node }))),
            None if self.gateway => Some((format!("exec.approvals.{verb}"), json!({}))),
            None => None,
        }
    }

    async fn read(&self, program: &Program) -> Result<Read, Failure> {
        let shown = if let Some((method, params)) = self.remote("get") {
            self.ask(program, &method, params).await?
        } else {
            let local = self.local(program).ensure().await;
            let local = local.map_err(|error| Failure::of(Kind::State, &error))?;
            json!({
                "path": local.path,
                "exists": local.exists,
                "hash": local.hash,
                "file": local.file.redacted(),
            })
        };
        let file = serde_json::from_value(shown["file"].clone()).map_err(|error| {
            Failure::while_doing(Kind::Refused, "the approvals file cannot be understood", &error)
        })?;
        Ok(Read {
            path: shown["path"].as_str().unwrap_or_default().to_owned(),
            hash: shown["hash"].as_str().map(str::to_owned),
            file,
            shown,
        })
    }

    /// Writes the file and tells where it is.
    async fn write(
        &self,
        program: &Program,
        content: Value,
        base: Option<String>,
    ) -> Result<String, Failure> {
        if let Some((method, mut params)) = self.remote("set") {
            params["file"] = content;
            params["baseHash"] = json!(base);
            let answer = self.ask(program, &method, params).await?;
            return Ok(answer["path"].as_str().unwrap_or_default().to_owned());
        }
        let set = self.local(program).set(content, base).await;
        let set = set.map_err(|error| Failure::of(Kind::State, &error))?;
        Ok(set.path.display().to_string())
    }

    async fn ask(&self, program: &Program, method: &str, params: Value) -> Result<Value, Failure> {
        let patience = self.rpc.patience(PATIENCE_MS);
        target::ask(program, &self.rpc, patience, method, params).await
    }

    #[expect(clippy::unused_self, reason = "reads as the other two places do")]
    fn local(&self, program: &Program) -> ApprovalsFile {
        ApprovalsFile::new(&program.locations.state_dir)
    }
}

fn content(file: Option<&std::path::Path>, stdin: bool) -> Result<String, Failure> {
    let read = match (file, stdin) {
        (Some(path), _) => read_text(path),
        (None, true) => std::io::read_to_string(std::io::stdin()),
        (None, false) => {
            return Err(Failure::new(Kind::Usage, "pass --file or --stdin")
                .hint("openclaw approvals set --file approvals.json"));
        }
    };
    read.map_err(|error| Failure::while_doing(Kind::State, "cannot read the new content", &error))
}

#[expect(clippy::disallowed_methods, reason = "the file is the person's, not ours")]
fn read_text(path: &std::path::Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}
