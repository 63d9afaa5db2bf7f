//! `sandbox list`: the containers that were made for tools.

use agent::sandboxes::Listed;
use serde_json::json;
use store::SandboxKind;

use super::engines;
use crate::{error::Failure, program::Program, ui};

/// List the containers that tools run in
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw sandbox list --json")]
pub(super) struct Args {
    /// List browser containers instead
    #[arg(long)]
    browser: bool,
    /// Print the list as JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let kind = if args.browser { SandboxKind::Browser } else { SandboxKind::Container };
    let rows = engines::list(program, kind).await?;
    if args.json {
        let (containers, browsers) = match kind {
            SandboxKind::Container => (rows, Vec::new()),
            SandboxKind::Browser => (Vec::new(), rows),
        };
        ui::answer_json(&json!({ "containers": containers, "browsers": browsers }));
        return Ok(());
    }
    for line in lines(&rows, kind, program.clock.now().0) {
        ui::answer(line);
    }
    Ok(())
}

fn lines(rows: &[Listed], kind: SandboxKind, now_ms: i64) -> Vec<String> {
    let noun = noun(kind);
    if rows.is_empty() {
        return vec![format!("No {noun} containers found.")];
    }
    let mut lines = vec![format!("{} containers:", capitalised(noun)), String::new()];
    for row in rows {
        let entry = &row.entry;
        let ago = |since: i64| span(u64::try_from(now_ms.saturating_sub(since)).unwrap_or(0));
        let (icon, status) = if row.running { ("●", "running") } else { ("○", "stopped") };
        let mark = if row.image_match { "✓" } else { "✗ (not what the config asks for)" };
        lines.extend([
            format!("  {}", entry.container_name),
            format!("    Status:  {icon} {status}"),
            format!("    Image:   {} {mark}", entry.image),
            format!("    Age:     {}", ago(entry.created_at_ms)),
            format!("    Idle:    {}", ago(entry.last_used_at_ms)),
            format!("    Session: {}", entry.session_key),
        ]);
        for (name, key) in [("CDP", "cdpPort"), ("noVNC", "noVncPort")] {
            if let Some(port) = entry.rest.get(key).and_then(serde_json::Value::as_u64) {
                lines.push(format!("    {name}:{}{port}", " ".repeat(8 - name.len())));
            }
        }
        lines.push(String::new());
    }
    let running = rows.iter().filter(|row| row.running).count();
    lines.push(format!("Total: {} ({running} running)", rows.len()));
    let old = rows.iter().filter(|row| !row.image_match).count();
    if old > 0 {
        let count = if old == 1 { "1 has".to_owned() } else { format!("{old} have") };
        lines.push(format!(
            "{count} another image than the config asks for; run `openclaw sandbox recreate --all` \
             to renew"
        ));
    }
    lines
}

/// What the containers of a kind are called.
pub(super) fn noun(kind: SandboxKind) -> &'static str {
    match kind {
        SandboxKind::Container => "sandbox",
        SandboxKind::Browser => "sandbox browser",
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A length of time in its two largest units: `2d 3h`, `3h 5m`, `5m`, `9s`.
pub(super) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use agent::sandboxes::Usage;
    use store::SandboxEntry;

    use super::*;

    fn row(name: &str, running: bool, image_match: bool) -> Listed {
        Listed {
            entry: SandboxEntry {
                container_name: name.to_owned(),
                session_key: "agent:main".to_owned(),
                created_at_ms: 0,
                last_used_at_ms: 180_000_000,
                image: "box:1".to_owned(),
                config_hash: Some("ab".to_owned()),
                rest: serde_json::Map::new(),
            },
            backend_id: "docker",
            runtime_label: name.to_owned(),
            running,
            image_match,
            config_label_match: image_match,
            stats: None,
            limits: None,
            last_commands: Vec::new(),
        }
    }

    #[test]
    fn spans_have_their_two_largest_units() {
        let minute = 60_000;
        let cases = [
            (9_999, "9s"),
            (minute, "1m"),
            (60 * minute, "1h 0m"),
            (185 * minute, "3h 5m"),
            (26 * 60 * minute, "1d 2h"),
        ];

        for (ms, expected) in cases {
            assert_eq!(span(ms), expected);
        }
    }

    #[test]
    fn the_list_ends_with_a_count_and_with_what_is_out_of_date() {
        let rows = [row("openclaw-sbx-a", true, true), row("openclaw-sbx-b", false, false)];

        let text = lines(&rows, SandboxKind::Container, 180_009_000).join("\n");

        insta::assert_snapshot!(text, @r"
        Sandbox containers:

          openclaw-sbx-a
            Status:  ● running
            Image:   box:1 ✓
            Age:     2d 2h
            Idle:    9s
            Session: agent:main

          openclaw-sbx-b
            Status:  ○ stopped
            Image:   box:1 ✗ (not what the config asks for)
            Age:     2d 2h
            Idle:    9s
            Session: agent:main

        Total: 2 (1 running)
        1 has another image than the config asks for; run `openclaw sandbox recreate --all` to renew
        ");
    }

    #[test]
    fn browsers_show_their_ports() {
        let mut browser = row("openclaw-sbx-browser-a", true, true);
        browser.entry.rest.insert("cdpPort".to_owned(), 40_001.into());
        browser.entry.rest.insert("noVncPort".to_owned(), 40_002.into());

        let lines = lines(&[browser], SandboxKind::Browser, 0);

        assert_eq!(&lines[8..10], ["    CDP:     40001", "    noVNC:   40002"]);
        assert_eq!(lines[0], "Sandbox browser containers:");
    }

    #[test]
    fn an_item_is_its_entry_with_what_the_engine_says() {
        let usage =
            Usage { cpu_percent: 1.5, memory_bytes: 9, memory_limit_bytes: None, pids: None };
        let item = Listed { stats: Some(usage), ..row("c", true, false) };

        assert_eq!(
            json!(item),
            json!({
                "containerName": "c", "sessionKey": "agent:main", "createdAtMs": 0,
                "lastUsedAtMs": 180_000_000, "image": "box:1", "configHash": "ab",
                "backendId": "docker", "runtimeLabel": "c", "running": true, "imageMatch": false,
                "configLabelMatch": false,
                "stats": { "cpuPercent": 1.5, "memoryBytes": 9 },
            })
        );
    }
}
