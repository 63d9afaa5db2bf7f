//! `sandbox explain`: where a session's tools run, which they are, and what would change it.
//!
//! Needs neither a gateway nor an engine: everything is asked of the rules that decide. An
//! engine that answers tells how the sandbox is reached.

use agent::{
    sandboxes::{self, Shelf},
    skills::{Library, Site},
};
use policy::explain::{ElevatedReport, ListSource, Report, Subject, Wall};

use crate::{
    conversations,
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Say where a session's tools run, and why
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw sandbox explain --session agent:main:main")]
pub(super) struct Args {
    /// Session key; the agent's main session when left out
    #[arg(long, value_name = "KEY")]
    session: Option<String>,
    /// Agent; the session's, or the default one, when left out
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let report = explain(program, args).await?;
    if args.json {
        let value = serde_json::to_value(&report)
            .map_err(|error| Failure::while_doing(Kind::Failed, "cannot print", &error))?;
        ui::answer_json(&value);
        return Ok(());
    }
    for line in lines(program, &report) {
        ui::answer(line);
    }
    Ok(())
}

async fn explain(program: &Program, args: &Args) -> Result<Report, Failure> {
    let config = program.config()?;
    let subject = Subject::find(config, args.agent.as_deref(), args.session.as_deref());
    // The index only tells the channel, which the key may tell as well.
    let channel = conversations::open(program, None).ok().and_then(|store| {
        store.sessions(&subject.agent).get(&subject.key(config))?.last_channel.clone()
    });
    let engines = super::open_engines(program)?;
    let site = Site { env: program.env().vars(), state_dir: &program.locations.state_dir };
    let agent = config.agents.get(&subject.agent);
    let found = agent.map(|agent| Library::default().of(config, agent, &site));
    let found = found.unwrap_or_default();
    let shelf = Shelf { found: &found, state_dir: site.state_dir };
    sandboxes::explain(config, &engines, &subject, channel, shelf).await.ok_or_else(|| {
        let known: Vec<_> = config.agents.list.iter().map(|agent| agent.id.as_str()).collect();
        Failure::new(Kind::Usage, format!("there is no agent `{}`", subject.agent))
            .hint(format!("openclaw sandbox explain --agent {}", known.join(" | ")))
    })
}

fn lines(program: &Program, report: &Report) -> Vec<String> {
    let sandbox = &report.sandbox;
    let place = if sandbox.session_is_sandboxed { "sandboxed" } else { "direct" };
    let mut lines = vec![
        "Effective sandbox:".to_owned(),
        format!("  agent: {}", report.agent_id),
        format!("  session: {}", report.session_key),
        format!("  main session: {}", report.main_session_key),
        format!("  runtime: {place}"),
        format!("  mode: {}", sandbox.mode),
        format!("  scope: {}", sandbox.scope),
        format!("  backend: {}", sandbox.backend),
        format!("  workspace access: {}", sandbox.workspace_access),
        format!("  workspace root: {}", program.locations.shorten(&sandbox.workspace_root)),
        format!(
            "  workspace: {} ({})",
            program.locations.shorten(&sandbox.effective_host_workspace_root),
            sandbox.workspace_source
        ),
    ];
    lines.extend(sandbox.reach.map(|reach| format!("  reached: {}", reach.told)));
    lines.extend(sandbox.browser_note.map(|note| format!("  browser: {note}")));
    for mount in &sandbox.workspace_mounts {
        let access = if mount.writable { "rw" } else { "ro" };
        let host = program.locations.shorten(mount.host_root.as_ref());
        lines.push(format!("  mount: {host} at {} ({access})", mount.container_root));
    }
    lines.extend(wall(&sandbox.wall));
    let tools = &sandbox.tools;
    lines.push(String::new());
    lines.push("Sandbox tool policy:".to_owned());
    lines.push(list("allow", &tools.allow, &tools.sources.allow));
    lines.push(list("deny", &tools.deny, &tools.sources.deny));
    if !tools.removed.is_empty() {
        lines.push(format!(
            "  not there, as the workspace is read-only: {}",
            tools.removed.join(", ")
        ));
    }
    lines.push(String::new());
    lines.extend(elevated(&report.elevated));
    lines.push(String::new());
    lines.push("Fix it:".to_owned());
    lines.extend(report.fix_it.iter().map(|key| format!("  - {key}")));
    lines.push(String::new());
    lines.push(format!("Docs: {}", report.docs_url));
    lines
}

/// What was asked for beside what was found.
fn wall(rows: &[Wall]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "Sandbox wall, as asked and as found inside:".to_owned()];
    lines.extend(rows.iter().map(|row| {
        let found = row.found.as_deref().unwrap_or("not looked yet, its first use does");
        format!("  {}: {} | {found} ({})", row.key, row.asked, row.verdict)
    }));
    lines
}

fn list(name: &str, entries: &[String], source: &ListSource) -> String {
    let shown = match (entries, name) {
        ([], "allow") => "(everything)".to_owned(),
        ([], _) => "(nothing)".to_owned(),
        (entries, _) => entries.join(", "),
    };
    format!("  {name} ({}, {}): {shown}", source.source, source.key)
}

fn elevated(report: &ElevatedReport) -> Vec<String> {
    let yes_no = |is: bool| if is { "yes" } else { "no" };
    let mut lines = vec![
        "Elevated:".to_owned(),
        format!("  enabled: {}", yes_no(report.enabled)),
        format!("  channel: {}", report.channel.as_deref().unwrap_or("(unknown)")),
        format!("  allowed by config: {}", yes_no(report.allowed_by_config)),
    ];
    if report.always_allowed_by_config {
        lines.push("  allowed for every sender of the channel".to_owned());
    }
    lines.extend(
        report.failures.iter().map(|gate| format!("  closed: {} ({})", gate.gate, gate.key)),
    );
    lines
}
