//! `sessions`: the conversations of an agent, read from the index.

use domain::AgentId;
use serde_json::{Value, json};

use crate::{
    conversations::{self, Row},
    error::{Failure, Kind},
    program::Program,
    text, ui,
};

const KEY_CHARS_MAX: usize = 26;

/// List stored conversations
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw sessions --active 60")]
pub(crate) struct Args {
    /// Index file to read instead of the configured one
    #[arg(long, value_name = "PATH")]
    store: Option<String>,
    /// Only those used within this many minutes
    #[arg(long, value_name = "MINUTES")]
    active: Option<String>,
    /// Accepted for scripts
    #[arg(long, hide = true)]
    verbose: bool,
    /// Print the list as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let active_minutes = args.active.as_deref().map(minutes).transpose()?;
    let store = conversations::open(program, args.store.clone())?;
    let agent = program
        .readable_config()
        .map_or_else(|_| AgentId::main(), |config| config.agents.default.clone());
    let sessions = store.sessions(&agent);
    let mut rows = conversations::rows(program, &agent, &sessions);
    if let Some(minutes) = active_minutes {
        rows.retain(|row| row.age_ms <= minutes.saturating_mul(60_000));
    }
    if args.json {
        ui::answer_json(&json!({
            "path": sessions.path(),
            "count": rows.len(),
            "activeMinutes": active_minutes,
            "sessions": rows.iter().map(Row::session_json).collect::<Vec<Value>>(),
        }));
        return Ok(());
    }
    ui::say(format!("Session store: {}", program.locations.shorten(sessions.path().as_ref())));
    ui::say(format!("Sessions listed: {}", rows.len()));
    if rows.is_empty() {
        ui::answer("No sessions found.");
        return Ok(());
    }
    for line in table(&rows) {
        ui::answer(line);
    }
    Ok(())
}

fn minutes(text: &str) -> Result<u64, Failure> {
    text.parse().ok().filter(|minutes| *minutes > 0).ok_or_else(|| {
        Failure::new(Kind::Usage, "--active must be a positive number of minutes")
            .hint("openclaw sessions --active 60")
    })
}

fn table(rows: &[Row]) -> Vec<String> {
    let line = |kind: &str, key: &str, age: &str, model: &str, tokens: &str, flags: &str| {
        format!("{kind:<6} {key:<26} {age:<9} {model:<14} {tokens:<20} {flags}")
            .trim_end()
            .to_owned()
    };
    let head = line("Kind", "Key", "Age", "Model", "Tokens (ctx %)", "Flags");
    let body = rows.iter().map(|row| {
        line(
            row.kind(),
            &text::middle_cut(row.key.as_str(), KEY_CHARS_MAX),
            &text::age(row.age_ms),
            row.entry.model.as_deref().unwrap_or("-"),
            &tokens(row),
            &row.flags().join(" "),
        )
    });
    std::iter::once(head).chain(body).collect()
}

/// Such as `12k/200k (6%)`.
pub(crate) fn tokens(row: &Row) -> String {
    let total = row.entry.total_tokens.map_or_else(|| "-".to_owned(), text::thousands);
    match (row.entry.context_tokens, row.percent_used()) {
        (Some(context), Some(percent)) => {
            format!("{total}/{} ({percent}%)", text::thousands(context))
        }
        (Some(_) | None, _) => total,
    }
}
