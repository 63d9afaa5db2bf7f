//! `health`: asks the gateway how it is.

use serde_json::{Value, json};

use crate::{args::Rpc, error::Failure, program::Program, target, text, ui};

const TIMEOUT_MS: u64 = 10_000;
const RECENT_MAX: usize = 5;

/// Ask the running gateway how it is
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw health --json")]
pub(crate) struct Args {
    /// Print the gateway's answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Probe channels anew instead of using what is known
    #[arg(long, alias = "debug")]
    verbose: bool,
    #[command(flatten)]
    rpc: Rpc,
}

pub(crate) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let patience = args.rpc.patience(TIMEOUT_MS);
    let params = if args.verbose { json!({"probe": true}) } else { json!({}) };
    let health = target::ask(program, &args.rpc, patience, "health", params).await?;
    if args.json {
        ui::answer_json(&health);
        return Ok(());
    }
    for line in lines(&health, program.clock.now().0) {
        ui::answer(line);
    }
    Ok(())
}

/// How the configured gateway is, in a few lines.
pub(crate) async fn brief(program: &Program) -> Result<Vec<String>, Failure> {
    let rpc = Rpc::default();
    let patience = rpc.patience(TIMEOUT_MS);
    let health = target::ask(program, &rpc, patience, "health", json!({})).await?;
    Ok(lines(&health, program.clock.now().0))
}

/// The answer for people.
pub(crate) fn lines(health: &Value, now_ms: i64) -> Vec<String> {
    let mut lines = Vec::new();
    for id in array(&health["channelOrder"]).iter().filter_map(Value::as_str) {
        let label = health["channelLabels"][id].as_str().unwrap_or(id);
        lines.push(format!("{label}: {}", channel(&health["channels"][id])));
    }
    let agents: Vec<String> = array(&health["agents"])
        .iter()
        .filter_map(|agent| {
            let id = agent["agentId"].as_str()?;
            Some(if agent["isDefault"] == true { format!("{id} (default)") } else { id.to_owned() })
        })
        .collect();
    lines.push(format!("Agents: {}", agents.join(", ")));
    lines.extend(array(&health["configProblems"]).iter().filter_map(config_problem));
    lines.push(heartbeat(health));
    for agent in array(&health["agents"]) {
        sessions(agent, now_ms, &mut lines);
    }
    lines
}

/// A key that the gateway left out of its config.
fn config_problem(problem: &Value) -> Option<String> {
    let (path, message) = (problem["path"].as_str()?, problem["message"].as_str()?);
    Some(format!("Config: {path}: {message} (left out)"))
}

fn heartbeat(health: &Value) -> String {
    let every = match health["heartbeatSeconds"].as_u64() {
        Some(seconds) if seconds > 0 => text::span(seconds * 1000),
        Some(_) | None => "off".to_owned(),
    };
    format!("Heartbeat interval: {every}")
}

fn sessions(agent: &Value, now_ms: i64, lines: &mut Vec<String>) {
    let sessions = &agent["sessions"];
    let (Some(id), Some(path)) = (agent["agentId"].as_str(), sessions["path"].as_str()) else {
        return;
    };
    let count = sessions["count"].as_u64().unwrap_or(0);
    lines.push(format!("Session store ({id}): {path} ({count} entries)"));
    for recent in array(&sessions["recent"]).iter().take(RECENT_MAX) {
        let key = recent["key"].as_str().unwrap_or_default();
        let age = recent["age"].as_u64().or_else(|| {
            let updated = recent["updatedAt"].as_i64()?;
            u64::try_from(now_ms.saturating_sub(updated)).ok()
        });
        lines.push(format!("- {key} ({})", age.map_or_else(|| "never".to_owned(), text::age)));
    }
}

fn channel(summary: &Value) -> String {
    let probe = &summary["probe"];
    if probe["ok"] == true {
        let bot = probe["bot"]["username"].as_str().map(|name| format!(" (@{name})"));
        let took = probe["elapsedMs"].as_u64().map(|ms| format!(" ({ms}ms)"));
        return format!("ok{}{}", bot.unwrap_or_default(), took.unwrap_or_default());
    }
    if probe["ok"] == false {
        let status =
            probe["status"].as_i64().map_or_else(|| "unknown".to_owned(), |code| code.to_string());
        return format!("failed ({status}) - {}", probe["error"].as_str().unwrap_or("no reason"));
    }
    let words = match (summary["linked"].as_bool(), summary["configured"].as_bool()) {
        (Some(true), _) => match summary["authAgeMs"].as_u64() {
            Some(ms) => return format!("linked (auth age {}m)", ms / 60_000),
            None => "linked",
        },
        (_, Some(false)) => "not configured",
        (Some(false), _) => "not linked",
        (None, Some(true)) => "configured",
        (None, None) => "unknown",
    };
    words.to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_channels_agents_heartbeat_and_recent_sessions() {
        let health = json!({
            "channels": {
                "whatsapp": {"configured": true, "linked": true, "authAgeMs": 180_000},
                "telegram": {"probe": {"ok": true, "elapsedMs": 12, "bot": {"username": "b"}}},
                "discord": {"probe": {"ok": false, "status": 401, "error": "bad token"}},
                "slack": {"configured": false},
            },
            "channelOrder": ["whatsapp", "telegram", "discord", "slack"],
            "channelLabels": {"whatsapp": "WhatsApp", "telegram": "Telegram"},
            "heartbeatSeconds": 1800,
            "agents": [{
                "agentId": "main", "isDefault": true,
                "sessions": {"path": "/s.json", "count": 1, "recent": [
                    {"key": "agent:main:main", "updatedAt": 0, "age": 120_000},
                ]},
            }],
        });

        assert_eq!(
            lines(&health, 0),
            [
                "WhatsApp: linked (auth age 3m)",
                "Telegram: ok (@b) (12ms)",
                "discord: failed (401) - bad token",
                "slack: not configured",
                "Agents: main (default)",
                "Heartbeat interval: 30m",
                "Session store (main): /s.json (1 entries)",
                "- agent:main:main (2m ago)",
            ]
        );
    }
}
