//! `skills`: what an agent can learn from, and what stands in the way of the rest. Read from the
//! disk: a gateway need not run.

use agent::skills::{Found, Library, Requires, Site};
use clap::Subcommand;
use domain::AgentId;
use serde_json::{Value, json};

use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// List skills, and say what those lack that cannot be used
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw skills check")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List skills
    #[command(after_help = "Example:\n  openclaw skills list --eligible")]
    List(List),
    /// Show all about one skill
    #[command(after_help = "Example:\n  openclaw skills info weather")]
    Info {
        /// Which
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Say which skills can be used, and what the others lack
    #[command(after_help = "Example:\n  openclaw skills check --json")]
    Check(Common),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those that can be used
    #[arg(long)]
    eligible: bool,
    /// Show what is missing, too
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Whose skills; the default agent's when left out
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        self.common().json
    }

    fn common(&self) -> &Common {
        match &self.verb {
            None => &self.list.common,
            Some(Verb::List(list)) => &list.common,
            Some(Verb::Info { common, .. } | Verb::Check(common)) => common,
        }
    }
}

/// An agent's skills.
struct Shelf<'p> {
    config: &'p config::Config,
    agent: &'p config::Agent,
    managed: std::path::PathBuf,
    found: Vec<Found>,
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let common = args.common();
    let shelf = Shelf::of(program, common)?;
    match &args.verb {
        None => list(program, &shelf, &args.list),
        Some(Verb::List(wish)) => list(program, &shelf, wish),
        Some(Verb::Info { name, .. }) => return info(program, &shelf, name, common.json),
        Some(Verb::Check(_)) => check(&shelf, common.json),
    }
    Ok(())
}

impl<'p> Shelf<'p> {
    fn of(program: &'p Program, common: &Common) -> Result<Self, Failure> {
        let config = program.config()?;
        let agent = common.agent.as_deref().map(AgentId::normalise);
        let id = agent.unwrap_or_else(|| config.agents.default.clone());
        let Some(agent) = config.agents.get(&id) else {
            let known: Vec<_> = config.agents.list.iter().map(|it| it.id.as_str()).collect();
            let hint = format!("openclaw skills list --agent {}", known.join(" | "));
            let text = format!("there is no agent `{id}`");
            return Err(Failure::new(Kind::Usage, text).hint(hint));
        };
        let site = Site { env: program.env().vars(), state_dir: &program.locations.state_dir };
        let found = Library::default().of(config, agent, &site);
        Ok(Self { config, agent, managed: site.managed_dir(), found })
    }

    fn row(&self, found: &Found) -> Value {
        Value::Object(gateway::skill_row(found, &self.config.skills))
    }
}

/// One word for how a skill stands.
fn standing(found: &Found) -> &'static str {
    match found {
        it if it.standing.disabled => "disabled",
        it if it.standing.blocked || it.is_filtered => "blocked",
        it if it.standing.is_eligible() => "ready",
        _ => "missing",
    }
}

fn painted(word: &str) -> ui::Line {
    let style = match word {
        "ready" => ui::SUCCESS,
        "missing" => ui::WARN,
        _ => ui::MUTED,
    };
    ui::paint(style, word)
}

fn list(program: &Program, shelf: &Shelf<'_>, wish: &List) {
    let shown = shelf.found.iter().filter(|it| !wish.eligible || it.is_usable());
    if wish.common.json {
        let keys = [
            "name",
            "description",
            "emoji",
            "eligible",
            "disabled",
            "blockedByAllowlist",
            "source",
            "bundled",
            "primaryEnv",
            "homepage",
            "missing",
        ];
        let row = |found: &Found| {
            let mut row = shelf.row(found);
            if let Some(row) = row.as_object_mut() {
                row.retain(|key, _| keys.contains(&key.as_str()));
            }
            row
        };
        ui::answer_json(&json!({
            "workspaceDir": shelf.agent.workspace,
            "managedSkillsDir": shelf.managed,
            "skills": shown.map(row).collect::<Vec<_>>(),
        }));
        return;
    }
    let ready = shelf.found.iter().filter(|it| it.is_usable()).count();
    ui::say(format!("Skills: {ready} of {} can be used", shelf.found.len()));
    let rows: Vec<_> = shown
        .map(|it| {
            let emoji = it.skill.emoji.as_deref().unwrap_or_default();
            let mut row = vec![
                standing(it).to_owned(),
                format!("{emoji} {}", it.skill.name).trim().to_owned(),
                it.skill.description.clone(),
                it.source.as_str().trim_start_matches("openclaw-").to_owned(),
            ];
            if wish.verbose {
                row.push(lacks(&it.standing.missing).join("; "));
            }
            row
        })
        .collect();
    if rows.is_empty() {
        let places = [shelf.agent.workspace.join("skills"), shelf.managed.clone()];
        let [own, shared] = places.map(|dir| program.locations.shorten(&dir));
        ui::answer(format!("No skills found. They lie in {own} and {shared}."));
        return;
    }
    let mut head = vec!["Status", "Skill", "Description", "Source"];
    if wish.verbose {
        head.push("Missing");
    }
    ui::answer(ui::table(&head, rows));
}

fn info(program: &Program, shelf: &Shelf<'_>, name: &str, as_json: bool) -> Result<(), Failure> {
    let named = |it: &&Found| it.skill.name == name || it.skill.key == name;
    let Some(found) = shelf.found.iter().find(named) else {
        let text = format!("there is no skill `{name}`");
        return Err(Failure::new(Kind::Failed, text).hint("openclaw skills list"));
    };
    if as_json {
        ui::answer_json(&shelf.row(found));
        return Ok(());
    }
    let skill = &found.skill;
    ui::answer(ui::Line::from(format!("{}: ", skill.name)) + painted(standing(found)));
    ui::answer(ui::Page::prose(&skill.description));
    let path = program.locations.shorten(&found.path);
    ui::answer(format!("  source: {}", found.source.as_str()));
    ui::answer(format!("  path: {path}"));
    if skill.key != skill.name {
        ui::answer(format!("  key: {}", skill.key));
    }
    for (name, value) in [("homepage", &skill.homepage), ("API key", &skill.primary_env)] {
        if let Some(value) = value {
            ui::answer(format!("  {name}: {value}"));
        }
    }
    for (title, needs) in
        [("requires", lacks(&skill.requires)), ("missing", lacks(&found.standing.missing))]
    {
        for need in needs {
            ui::answer(format!("  {title}: {need}"));
        }
    }
    for fix in fixes(found) {
        ui::hint(fix);
    }
    Ok(())
}

fn check(shelf: &Shelf<'_>, as_json: bool) {
    let of = |word: &'static str| shelf.found.iter().filter(move |it| standing(it) == word);
    let names = |word| of(word).map(|it| it.skill.name.clone()).collect::<Vec<_>>();
    let (ready, disabled, blocked) = (names("ready"), names("disabled"), names("blocked"));
    if as_json {
        let missing = of("missing").map(|it| {
            let row = shelf.row(it);
            json!({"name": row["name"], "missing": row["missing"], "install": row["install"]})
        });
        let missing: Vec<_> = missing.collect();
        ui::answer_json(&json!({
            "summary": {
                "total": shelf.found.len(),
                "eligible": ready.len(),
                "disabled": disabled.len(),
                "blocked": blocked.len(),
                "missingRequirements": missing.len(),
            },
            "eligible": ready,
            "disabled": disabled,
            "blocked": blocked,
            "missingRequirements": missing,
        }));
        return;
    }
    ui::answer(format!("{} skills", shelf.found.len()));
    for (word, names) in [("ready", ready), ("disabled", disabled), ("blocked", blocked)] {
        let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        ui::answer(ui::Line::from("  ") + painted(word) + ": " + list);
    }
    for it in of("missing") {
        let needs = lacks(&it.standing.missing).join("; ");
        let told = format!(": {} ({needs})", it.skill.name);
        ui::answer(ui::Line::from("  ") + painted("missing") + told);
        for fix in fixes(it) {
            ui::hint(fix);
        }
    }
}

/// What is wanted, one kind a line.
fn lacks(needs: &Requires) -> Vec<String> {
    let Requires { bins, any_bins, env, config, os } = needs;
    let kinds = [
        ("programs", bins),
        ("one of the programs", any_bins),
        ("variables", env),
        ("config", config),
        ("system", os),
    ];
    let named = kinds.into_iter().filter(|(_, names)| !names.is_empty());
    named.map(|(kind, names)| format!("{kind} {}", names.join(", "))).collect()
}

/// What would help, as commands where there are any.
fn fixes(found: &Found) -> Vec<String> {
    let (key, missing) = (&found.skill.key, &found.standing.missing);
    let mut fixes = Vec::new();
    if found.standing.disabled {
        fixes.push(format!("openclaw config set skills.entries.{key}.enabled true"));
    }
    for name in &missing.env {
        let is_key = found.skill.primary_env.as_ref() == Some(name);
        let place = if is_key { "apiKey".to_owned() } else { format!("env.{name}") };
        fixes.push(format!("openclaw config set skills.entries.{key}.{place} <value>"));
    }
    fixes.extend(missing.config.iter().map(|path| format!("openclaw config set {path} <value>")));
    if !missing.bins.is_empty() || !missing.any_bins.is_empty() {
        let bins: Vec<_> = missing.bins.iter().chain(&missing.any_bins).cloned().collect();
        fixes.push(format!("put on the gateway's PATH: {}", bins.join(", ")));
    }
    fixes
}
