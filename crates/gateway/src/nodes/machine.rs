//! Nodes as machines for commands: what `exec` with `host=node` needs of them.

use std::{
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tools::ports::{Heard, NodeJob, NodeOutput};

use super::{Invocation, Listener, Outcome, Row};
use crate::state::Gateway;

/// What the answer may take beyond the command's own time, and at least altogether.
const GRACE: Duration = Duration::from_secs(5);
const PATIENCE_MIN: Duration = Duration::from_secs(10);

/// The way to the nodes for tools, which are made before the gateway is.
#[derive(Clone, Default)]
pub(crate) struct Port(Arc<OnceLock<Weak<Gateway>>>);

impl Port {
    /// Opens the way.
    pub(crate) fn connect(&self, gateway: &Arc<Gateway>) {
        // Once is enough, and nobody does it twice.
        let _first = self.0.set(Arc::downgrade(gateway));
    }
}

#[async_trait]
impl tools::ports::Nodes for Port {
    async fn run(&self, job: NodeJob, heard: Heard) -> Result<NodeOutput, String> {
        let gateway = self.0.get().and_then(Weak::upgrade).ok_or("the gateway is not ready")?;
        let config = gateway.config();
        let node = choose(&gateway, job.node.as_deref())?;
        let timeout_ms = u64::try_from(job.timeout.as_millis()).unwrap_or(u64::MAX);
        let agent = job.session.agent();
        let params = json!({
            "command": ["/bin/sh", "-lc", job.command],
            "rawCommand": job.command,
            "cwd": job.workdir,
            "env": job.env,
            "timeoutMs": timeout_ms,
            "agentId": agent,
            "sessionKey": job.session,
            "approved": job.decision.is_some_and(|it| it.starts_with("allow")),
            "approvalDecision": job.decision,
            "runId": uuid::Uuid::new_v4().to_string(),
        });
        let invocation = Invocation {
            node: node.clone(),
            command: "system.run".to_owned(),
            params: Some(params),
            timeout: (job.timeout + GRACE).max(PATIENCE_MIN),
            key: uuid::Uuid::new_v4().to_string(),
            listener: Listener::new(move |piece| heard(piece.text)),
        };
        let outcome = gateway.nodes.invoke(invocation, &config.gateway.nodes).await;
        match outcome.map_err(|refused| told(&refused.error))? {
            Outcome::Done { payload, .. } => Ok(output(node, &payload)),
            Outcome::Failed { code, message } => Err(format!("node {node}: {message} ({code})")),
        }
    }
}

/// The node that is meant: by id, by the beginning of it, or by name; without a wish the only
/// one that can run commands.
fn choose(gateway: &Gateway, wish: Option<&str>) -> Result<String, String> {
    let (_, devices) = gateway.devices.list();
    let rows = gateway.nodes.rows(&devices, &gateway.config().gateway.nodes);
    let runs = |row: &&Row| row.connected && row.commands.iter().any(|it| it == "system.run");
    let Some(wish) = wish else {
        let mut able = rows.iter().filter(runs);
        return match (able.next(), able.next()) {
            (Some(row), None) => Ok(row.node_id.clone()),
            (None, _) => Err("no connected node can run commands (system.run)".to_owned()),
            (Some(_), Some(_)) => Err("several nodes can run commands: say which".to_owned()),
        };
    };
    find(&rows, wish).map(|row| row.node_id.clone()).ok_or_else(|| format!("no node `{wish}`"))
}

/// The row that a person means by id, by its beginning, or by name.
pub(crate) fn find<'r>(rows: &'r [Row], wish: &str) -> Option<&'r Row> {
    let wish = wish.trim();
    let named =
        |row: &&Row| row.display_name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(wish));
    let begins = |row: &&Row| wish.len() >= 6 && row.node_id.starts_with(wish);
    let unmistakable = |mut found: Vec<&'r Row>| if found.len() == 1 { found.pop() } else { None };
    rows.iter()
        .find(|row| row.node_id == wish)
        .or_else(|| unmistakable(rows.iter().filter(named).collect()))
        .or_else(|| unmistakable(rows.iter().filter(begins).collect()))
}

fn told(error: &protocol::Error) -> String {
    let reason = error.details.as_ref().and_then(|it| it["reason"].as_str());
    match reason {
        Some(reason) => format!("{}: {reason}", error.message),
        None => error.message.clone(),
    }
}

fn output(node: String, payload: &Value) -> NodeOutput {
    let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
    NodeOutput {
        node,
        stdout: text("stdout"),
        stderr: text("stderr"),
        exit_code: payload["exitCode"].as_i64(),
        timed_out: payload["timedOut"].as_bool().unwrap_or_default(),
        error: payload["error"].as_str().filter(|it| !it.is_empty()).map(str::to_owned),
    }
}
