//! `gateway probe`: which of the known gateways can be reached.

use std::time::Duration;

use protocol::handshake::Mode;
use serde_json::{Value, json};

use crate::{
    args::Rpc,
    error::{Failure, Kind},
    program::Program,
    target::{self, Target},
    ui,
};

const TIMEOUT_MS: u64 = 3000;

/// See which gateways can be reached
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw gateway probe --json")]
pub(crate) struct Args {
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    rpc: Rpc,
}

struct Probed {
    id: &'static str,
    kind: &'static str,
    target: Target,
    result: Result<(u64, Value), Failure>,
}

pub(crate) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let started = program.clock.now();
    let patience = args.rpc.patience(TIMEOUT_MS);
    let mut probed = Vec::new();
    for (id, kind, target) in targets(program, args)? {
        let result = reach(program, &target, patience).await;
        probed.push(Probed { id, kind, target, result });
    }
    let first_good = probed.iter().find(|it| it.result.is_ok()).map(|it| it.id);
    if args.json {
        ui::answer_json(&json!({
            "ok": first_good.is_some(),
            "ts": started.0,
            "durationMs": program.clock.now().since(started),
            "timeoutMs": u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
            "primaryTargetId": first_good,
            "warnings": [],
            "network": {
                "localLoopbackUrl": target::local_url(program),
                "localTailnetUrl": null,
                "tailnetIPv4": null,
            },
            "discovery": {"timeoutMs": 0, "count": 0, "beacons": []},
            "targets": probed.iter().map(Probed::json).collect::<Vec<_>>(),
        }));
    } else {
        ui::answer(format!("Reachable: {}", if first_good.is_some() { "yes" } else { "no" }));
        for it in &probed {
            ui::answer(it.line());
        }
    }
    if first_good.is_some() {
        return Ok(());
    }
    let hint = probed.into_iter().find_map(|it| it.result.err()?.hint);
    let failure = Failure::new(Kind::Connection, "no gateway can be reached").answered(args.json);
    Err(failure.hint(hint.unwrap_or_else(|| format!("{} doctor", program.invocation()))))
}

fn targets(
    program: &Program,
    args: &Args,
) -> Result<Vec<(&'static str, &'static str, Target)>, Failure> {
    let asked = target::find(program, &args.rpc)?;
    let (id, kind) = match asked.source {
        "cli --url" => ("explicit", "explicit"),
        "local loopback" => ("localLoopback", "localLoopback"),
        _ => ("configRemote", "configRemote"),
    };
    let mut targets = vec![(id, kind, asked)];
    if id != "localLoopback" {
        let local = Target::local(program, &args.rpc);
        targets.push(("localLoopback", "localLoopback", local));
    }
    Ok(targets)
}

async fn reach(
    program: &Program,
    target: &Target,
    patience: Duration,
) -> Result<(u64, Value), Failure> {
    let started = program.clock.now();
    let client = target::open(target, Mode::Probe, patience).await?;
    let latency_ms = program.clock.now().since(started);
    let health = target::call(&client, target, patience, "health", json!({})).await?;
    Ok((latency_ms, health))
}

impl Probed {
    fn json(&self) -> Value {
        let (connect, health) = match &self.result {
            Ok((latency_ms, health)) => {
                (json!({"ok": true, "latencyMs": latency_ms, "error": null}), health.clone())
            }
            Err(failure) => {
                (json!({"ok": false, "latencyMs": null, "error": failure.message}), Value::Null)
            }
        };
        json!({
            "id": self.id,
            "kind": self.kind,
            "url": self.target.url,
            "active": true,
            "tunnel": null,
            "connect": connect,
            "health": health,
        })
    }

    fn line(&self) -> String {
        let (id, url) = (self.id, &self.target.url);
        match &self.result {
            Ok((latency_ms, _)) => format!("- {id} {url}: ok ({latency_ms}ms)"),
            Err(failure) => format!("- {id} {url}: failed - {}", failure.message),
        }
    }
}
