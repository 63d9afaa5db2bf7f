//! `status`: everything worth a look, with or without a gateway.
//!
//! What the gateway knows better is taken from it; the rest comes from the config and the
//! files. What this build has not got (updates, memory, node service) is said to be absent.

use std::time::Duration;

use config::{AuthMode, Bind};
use domain::AgentId;
use protocol::handshake::Mode;
use serde_json::{Value, json};

use crate::{
    args::Rpc,
    conversations::{self, Row},
    error::Failure,
    program::Program,
    target::{self, Target},
    text, ui,
};

mod audit;

const TIMEOUT_MS: u64 = 10_000;
const RECENT_MAX: usize = 10;
const ROWS_SHOWN: usize = 10;
const FINDINGS_SHOWN: usize = 6;

/// Show gateway, agents, sessions and security at a glance
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw status --json")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Args {
    /// Everything, without secrets, for sharing
    #[arg(long)]
    all: bool,
    /// Ask the gateway for its health too
    #[arg(long)]
    deep: bool,
    /// Accepted for scripts; usage comes with a later build
    #[arg(long, hide = true)]
    usage: bool,
    /// Accepted for scripts
    #[arg(long, alias = "debug", hide = true)]
    verbose: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    rpc: Rpc,
}

/// What the gateway said.
struct Reached {
    latency_ms: u64,
    server: Value,
    status: Value,
    health: Option<Value>,
}

pub(crate) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let target = target::find(program, &args.rpc)?;
    let wants_health = args.deep || args.all;
    let patience = args.rpc.patience(TIMEOUT_MS);
    let reached = reach(program, &target, patience, wants_health).await;
    let status = document(program, &target, &reached);
    if args.json {
        ui::answer_json(&status);
        return Ok(());
    }
    print(program, &status, &reached);
    Ok(())
}

async fn reach(
    program: &Program,
    target: &Target,
    patience: Duration,
    wants_health: bool,
) -> Result<Reached, Failure> {
    let started = program.clock.now();
    let client = target::open(target, Mode::Cli, patience).await?;
    let latency_ms = program.clock.now().since(started);
    let server = client.hello()["server"].clone();
    let status = target::call(&client, target, patience, "status", json!({})).await?;
    let health = if wants_health {
        Some(target::call(&client, target, patience, "health", json!({})).await?)
    } else {
        None
    };
    Ok(Reached { latency_ms, server, status, health })
}

fn document(program: &Program, target: &Target, reached: &Result<Reached, Failure>) -> Value {
    let offline = offline(program);
    let live = |key: &str| reached.as_ref().ok().and_then(|it| it.status.get(key)).cloned();
    let mut document = json!({
        "heartbeat": live("heartbeat").unwrap_or_else(|| heartbeat(program)),
        "channelSummary": live("channelSummary").unwrap_or_else(|| json!([])),
        "queuedSystemEvents": live("queuedSystemEvents").unwrap_or_else(|| json!([])),
        "sessions": live("sessions").unwrap_or(offline.sessions),
        "os": {
            "platform": std::env::consts::OS,
            "arch": std::env::consts::ARCH,
            "release": os_release(),
            "label": format!("{} {} ({})", std::env::consts::OS, os_release(), std::env::consts::ARCH),
        },
        "update": null,
        "updateChannel": "stable",
        "updateChannelSource": "default",
        "memory": null,
        "memoryPlugin": {"enabled": false, "slot": null},
        "gateway": gateway(program, target, reached),
        "gatewayService": service(),
        "nodeService": service(),
        "agents": offline.agents,
        "securityAudit": audit::run(program),
    });
    if let Ok(Reached { health: Some(health), .. }) = reached {
        document["health"] = health.clone();
    }
    document
}

struct Offline {
    sessions: Value,
    agents: Value,
}

/// What the files say.
fn offline(program: &Program) -> Offline {
    let config = program.loaded().config.as_ref();
    let ids: Vec<AgentId> = match config {
        Some(config) => config.agents.list.iter().map(|agent| agent.id.clone()).collect(),
        None => vec![AgentId::main()],
    };
    let store = conversations::open(program, None);
    let (mut by_agent, mut agents, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids {
        let sessions = store.as_ref().ok().map(|store| store.sessions(&id));
        let rows = sessions.as_ref().map(|it| conversations::rows(program, &id, it));
        let rows = rows.unwrap_or_default();
        let path = sessions.as_ref().map(store::Sessions::path);
        let recent: Vec<Value> = rows.iter().take(RECENT_MAX).map(Row::status_json).collect();
        by_agent.push(json!({
            "agentId": id, "path": path, "count": rows.len(), "recent": recent,
        }));
        let agent = config.and_then(|config| config.agents.get(&id));
        agents.push(json!({
            "id": id,
            "name": agent.and_then(|agent| agent.name.clone()),
            "workspaceDir": agent.map(|agent| agent.workspace.display().to_string()),
            "sessionsPath": path,
            "sessionsCount": rows.len(),
            "lastUpdatedAt": rows.first().map(|row| row.entry.updated_at),
        }));
        all.extend(rows);
    }
    all.sort_by_key(|row| row.age_ms);
    let default = config.map_or_else(AgentId::main, |config| config.agents.default.clone());
    let model = config
        .and_then(|config| config.agents.get(&default)?.models.first())
        .map(|model| model.model.clone());
    let paths: Vec<&Value> = by_agent.iter().map(|agent| &agent["path"]).collect();
    Offline {
        sessions: json!({
            "paths": paths,
            "count": all.len(),
            "defaults": {"model": model, "contextTokens": null},
            "recent": all.iter().take(RECENT_MAX).map(Row::status_json).collect::<Vec<_>>(),
            "byAgent": by_agent,
        }),
        agents: json!({
            "defaultId": default,
            "agents": agents,
            "totalSessions": all.len(),
            "bootstrapPendingCount": 0,
        }),
    }
}

fn heartbeat(program: &Program) -> Value {
    let Some(config) = &program.loaded().config else {
        return json!({"defaultAgentId": AgentId::MAIN, "agents": []});
    };
    let agents = config.agents.list.iter().map(|agent| {
        json!({
            "agentId": agent.id,
            "enabled": agent.heartbeat_every.is_some(),
            "every": agent.heartbeat_every_text,
            "everyMs": agent.heartbeat_every.map(|every| every.as_millis()),
        })
    });
    json!({
        "defaultAgentId": config.agents.default,
        "agents": agents.collect::<Vec<_>>(),
    })
}

fn gateway(program: &Program, target: &Target, reached: &Result<Reached, Failure>) -> Value {
    let mode = program.setting_text("/gateway/mode").unwrap_or("local");
    let remote_url = program.setting_text("/gateway/remote/url");
    json!({
        "mode": mode,
        "url": target.url,
        "urlSource": target.source,
        "misconfigured": mode == "remote" && remote_url.is_none(),
        "reachable": reached.is_ok(),
        "connectLatencyMs": reached.as_ref().ok().map(|it| it.latency_ms),
        "self": reached.as_ref().ok().map(|it| &it.server),
        "error": reached.as_ref().err().map(|failure| &failure.message),
    })
}

fn service() -> Value {
    json!({
        "label": if cfg!(target_os = "macos") { "LaunchAgent" } else { "systemd" },
        "installed": false,
        "loadedText": "disabled",
        "runtimeShort": null,
    })
}

fn os_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn print(program: &Program, status: &Value, reached: &Result<Reached, Failure>) {
    ui::answer("OpenClaw status");
    let rows = overview(program, status, reached);
    ui::answer(ui::table(&["Item", "Value"], rows));
    let summary = &status["securityAudit"]["summary"];
    ui::answer(format!(
        "Security audit: {} critical, {} warn, {} info",
        summary["critical"], summary["warn"], summary["info"]
    ));
    let findings = status["securityAudit"]["findings"].as_array().into_iter().flatten();
    for finding in findings.filter(|it| it["severity"] != "info").take(FINDINGS_SHOWN) {
        let text = |key: &str| finding[key].as_str().unwrap_or_default();
        ui::answer(format!("  {} {}", text("severity").to_uppercase(), text("title")));
        ui::answer(format!("    {}", text("detail")));
        ui::answer(format!("    Fix: {}", text("remediation")));
    }
    let sessions = session_rows(&status["sessions"]);
    if !sessions.is_empty() {
        ui::answer(ui::table(&["Key", "Kind", "Age", "Model", "Tokens"], sessions));
    }
    if let Ok(Reached { health: Some(health), .. }) = reached {
        for line in super::health::lines(health, program.clock.now().0) {
            ui::answer(line);
        }
    }
    if let Err(failure) = reached {
        for fact in &failure.facts {
            ui::say(fact);
        }
        if let Some(hint) = &failure.hint {
            ui::hint(hint);
        }
    }
}

fn overview(
    program: &Program,
    status: &Value,
    reached: &Result<Reached, Failure>,
) -> Vec<Vec<String>> {
    let agents = &status["agents"];
    let count = agents["agents"].as_array().map_or(0, Vec::len);
    let heartbeat = status["heartbeat"]["agents"].as_array().into_iter().flatten();
    let heartbeat: Vec<String> = heartbeat
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap_or_default();
            format!("{} ({})", text("every"), text("agentId"))
        })
        .collect();
    let model = &status["sessions"]["defaults"]["model"];
    [
        ("Dashboard", format!("http://127.0.0.1:{}/", target::local_port(program))),
        ("OS", status["os"]["label"].as_str().unwrap_or_default().to_owned()),
        ("Version", env!("CARGO_PKG_VERSION").to_owned()),
        ("Config", program.config_path_shown()),
        ("Gateway", gateway_text(program, &status["gateway"], reached)),
        ("Gateway service", "not managed by this build".to_owned()),
        ("Agents", format!("{count} · default {}", agents["defaultId"].as_str().unwrap_or("main"))),
        ("Heartbeat", heartbeat.join(", ")),
        (
            "Sessions",
            format!(
                "{} stored · default model {}",
                status["sessions"]["count"],
                model.as_str().unwrap_or("unset")
            ),
        ),
    ]
    .into_iter()
    .map(|(item, value)| vec![item.to_owned(), value])
    .collect()
}

fn gateway_text(program: &Program, gateway: &Value, reached: &Result<Reached, Failure>) -> String {
    let text = |key: &str| gateway[key].as_str().unwrap_or_default();
    let head = format!("{} · {} ({})", text("mode"), text("url"), text("urlSource"));
    match reached {
        Err(failure) => format!("{head} · unreachable ({})", failure.message),
        Ok(it) => {
            let auth = auth_name(program);
            let version = it.server["version"].as_str().unwrap_or("unknown");
            let host = it.server["host"].as_str().unwrap_or("this host");
            format!("{head} · reachable {}ms · auth {auth} · {host} app {version}", it.latency_ms)
        }
    }
}

fn auth_name(program: &Program) -> &'static str {
    match program.loaded().config.as_ref().map(|config| config.gateway.auth.mode) {
        Some(AuthMode::Password) => "password",
        Some(AuthMode::None) => "none",
        Some(AuthMode::TrustedProxy) => "trusted-proxy",
        Some(AuthMode::Token) | None => "token",
    }
}

/// Whether others than this machine can reach the gateway.
pub(crate) fn is_exposed(bind: &Bind) -> bool {
    match bind {
        Bind::Loopback => false,
        Bind::Custom(address) => !address.is_loopback(),
        Bind::Lan | Bind::Tailnet | Bind::Auto => true,
    }
}

fn session_rows(sessions: &Value) -> Vec<Vec<String>> {
    let recent = sessions["recent"].as_array().into_iter().flatten();
    recent
        .take(ROWS_SHOWN)
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let total = row["totalTokens"].as_u64().map(text::thousands);
            vec![
                text("key"),
                text("kind"),
                row["age"].as_u64().map_or_else(|| "-".to_owned(), text::age),
                text("model"),
                total.unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect()
}
