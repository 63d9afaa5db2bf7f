//! `gateway status`: what is configured, what listens, and whether it answers. Never fails.

use protocol::handshake::Mode;
use serde_json::{Value, json};

use super::{
    listeners::{self, Listener},
    service,
};
use crate::{
    args::Rpc,
    error::Failure,
    program::Program,
    target::{self, Target},
    ui,
};

const TIMEOUT_MS: u64 = 10_000;

/// Show how the gateway is configured and whether it answers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw gateway status --json")]
pub(crate) struct Args {
    /// Do not call the gateway
    #[arg(long)]
    no_probe: bool,
    /// Look for other gateway services too; there are none to manage in this build
    #[arg(long)]
    deep: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    rpc: Rpc,
}

/// What was found.
struct Status {
    url: String,
    port: u16,
    port_source: &'static str,
    bind: String,
    listeners: Vec<Listener>,
    pid: Option<u32>,
    log_file: Option<String>,
    /// `None` when nobody was asked.
    rpc: Option<Result<(), String>>,
}

pub(crate) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let target = match target::find(program, &args.rpc) {
        Ok(target) => target,
        Err(failure) => {
            ui::warn(&failure.message);
            Target::local(program, &args.rpc)
        }
    };
    let (rpc, log_file) = if args.no_probe {
        (None, None)
    } else {
        match ask(&target, args).await {
            Ok(log_file) => (Some(Ok(())), log_file),
            Err(failure) => (Some(Err(failure.message)), None),
        }
    };
    let port = target::local_port(program);
    let from_env = program.env().first(&["OPENCLAW_GATEWAY_PORT", "CLAWDBOT_GATEWAY_PORT"]);
    let status = Status {
        url: target.url,
        port,
        port_source: if from_env.is_some() { "env" } else { "config" },
        bind: program.setting_text("/gateway/bind").unwrap_or("loopback").to_owned(),
        listeners: listeners::on_port(port),
        pid: store::lock_holder(&program.locations.state_dir),
        log_file,
        rpc,
    };
    if args.json {
        ui::answer_json(&status.json(program));
    } else {
        status.print(program);
    }
    Ok(())
}

/// Calls the gateway; learns where it logs.
async fn ask(target: &Target, args: &Args) -> Result<Option<String>, Failure> {
    let patience = args.rpc.patience(TIMEOUT_MS);
    let client = target::open(target, Mode::Cli, patience).await?;
    target::call(&client, target, patience, "status", json!({})).await?;
    let params = json!({"limit": 1, "maxBytes": 1});
    let tail = target::call(&client, target, patience, "logs.tail", params).await;
    Ok(tail.ok().and_then(|tail| tail["file"].as_str().map(str::to_owned)))
}

impl Status {
    fn json(&self, program: &Program) -> Value {
        let snapshot = program.snapshot();
        let issues: Vec<Value> = snapshot
            .problems
            .iter()
            .map(|problem| json!({"path": problem.shown_path(), "message": problem.message}))
            .collect();
        let mut service = service::absent();
        service["command"] = Value::Null;
        service["runtime"] = match self.pid {
            Some(pid) => json!({"status": "running", "detail": "not a service", "pid": pid}),
            None => json!({"status": "stopped", "detail": "no gateway holds the state directory"}),
        };
        service["configAudit"] = json!({"ok": true, "issues": []});
        let host = if self.bind == "loopback" { "127.0.0.1" } else { "0.0.0.0" };
        let listeners: Vec<Value> = self
            .listeners
            .iter()
            .map(|it| json!({"pid": it.pid, "commandLine": it.command}))
            .collect();
        let state = if listeners.is_empty() { "free" } else { "busy" };
        let mut cli = json!({
            "path": snapshot.path,
            "exists": snapshot.exists,
            "valid": snapshot.valid,
        });
        if !issues.is_empty() {
            cli["issues"] = Value::from(issues);
        }
        let mut status = json!({
            "service": service,
            "config": {"cli": cli},
            "gateway": {
                "bindMode": self.bind,
                "bindHost": host,
                "port": self.port,
                "portSource": "env/config",
                "probeUrl": self.url,
            },
            "port": {
                "port": self.port, "status": state, "listeners": listeners, "hints": [],
            },
            "extraServices": [],
        });
        if let Some(file) = &self.log_file {
            status["logFile"] = Value::from(file.as_str());
        }
        status["rpc"] = match &self.rpc {
            None => return status,
            Some(Ok(())) => json!({"ok": true, "url": self.url}),
            Some(Err(error)) => json!({"ok": false, "error": error, "url": self.url}),
        };
        status
    }

    fn print(&self, program: &Program) {
        let snapshot = program.snapshot();
        ui::answer("Service: systemd (disabled); this build does not manage services");
        if let Some(file) = &self.log_file {
            ui::answer(format!("File logs: {}", program.locations.shorten(file.as_ref())));
        }
        let note = match (snapshot.exists, snapshot.valid) {
            (false, _) => " (missing)",
            (true, false) => " (invalid)",
            (true, true) => "",
        };
        ui::answer(format!("Config (cli): {}{note}", program.config_path_shown()));
        let host = if self.bind == "loopback" { "127.0.0.1" } else { "0.0.0.0" };
        let (bind, port, source) = (&self.bind, self.port, self.port_source);
        ui::answer(format!("Gateway: bind={bind} ({host}), port={port} ({source})"));
        ui::answer(format!("Probe target: {}", self.url));
        ui::answer(format!("Dashboard: http://127.0.0.1:{port}/"));
        ui::answer(match self.pid {
            Some(pid) => format!("Runtime: running (pid {pid})"),
            None => "Runtime: stopped".to_owned(),
        });
        match &self.rpc {
            None => {}
            Some(Ok(())) => ui::answer("RPC probe: ok"),
            Some(Err(error)) => ui::answer(vec!["RPC probe: failed".into(), format!("  {error}")]),
        }
        for listener in &self.listeners {
            ui::answer(format!("Listening: pid {} {}", listener.pid, listener.command));
        }
        if self.rpc.as_ref().is_some_and(Result::is_err) {
            ui::hint("openclaw gateway run");
        }
    }
}
