//! `nodes`: the other machines that a gateway can use, through that gateway.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    args::{self, Rpc},
    error::{Failure, Kind},
    program::Program,
    target, ui, wait_for,
};

mod run;

/// How long a gateway may take to answer for itself.
const PATIENCE_MS: u64 = 10_000;
/// What the gateway's answer may take beyond a node's.
const GRACE_MS: u64 = 5_000;

/// Show and use the nodes of a gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw nodes run --node attic uname -a")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List nodes, connected ones first
    #[command(alias = "status")]
    List {
        /// Only those that are connected
        #[arg(long)]
        connected: bool,
        /// Only those that were connected within this time, such as 2h
        #[arg(long, value_name = "DURATION", value_parser = within)]
        last_connected: Option<std::time::Duration>,
        #[command(flatten)]
        common: Common,
    },
    /// Show one node
    Describe {
        #[command(flatten)]
        node: Node,
        #[command(flatten)]
        common: Common,
    },
    /// List nodes whose commands wait for approval
    Pending {
        #[command(flatten)]
        common: Common,
    },
    /// Let the commands of a node be called
    Approve {
        /// The request, as `nodes pending` shows it
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Turn a request down
    Reject {
        /// The request, as `nodes pending` shows it
        id: String,
        #[command(flatten)]
        common: Common,
    },
    /// Give a node a name
    Rename {
        #[command(flatten)]
        node: Node,
        /// The name
        #[arg(long)]
        name: String,
        #[command(flatten)]
        common: Common,
    },
    Invoke(Box<Invoke>),
    Run(Box<run::Args>),
}

/// Call a command of a node
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_field_names, reason = "the names are those of the flags")]
struct Invoke {
    #[command(flatten)]
    node: Node,
    /// The command, such as system.which
    #[arg(long)]
    command: String,
    /// Its params as JSON
    #[arg(long, default_value = "{}")]
    params: String,
    /// How long the node may take, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 15_000)]
    invoke_timeout: u64,
    /// Names the call, so that a repeat does nothing twice
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
struct Node {
    /// The node, by id or name
    #[arg(long, value_name = "NODE")]
    node: String,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    rpc: Rpc,
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        self.verb.as_ref().is_some_and(|verb| verb.common().json)
    }
}

impl Verb {
    fn common(&self) -> &Common {
        match self {
            Self::List { common, .. }
            | Self::Describe { common, .. }
            | Self::Pending { common }
            | Self::Approve { common, .. }
            | Self::Reject { common, .. }
            | Self::Rename { common, .. } => common,
            Self::Invoke(args) => &args.common,
            Self::Run(args) => &args.common,
        }
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => Err(args::no_verb("nodes", "openclaw nodes list")),
        Some(verb) => wait_for(act(program, verb)),
    }
}

async fn act(program: &Program, verb: &Verb) -> Result<(), Failure> {
    let common = verb.common();
    let ask = async |method: &str, params: Value| common.ask(program, method, params, 0).await;
    match verb {
        Verb::List { connected, last_connected, .. } => {
            let mut answer = ask("node.list", json!({})).await?;
            if *connected && let Some(nodes) = answer["nodes"].as_array_mut() {
                nodes.retain(|node| node["connected"] == true);
            }
            if let Some(within) = last_connected {
                keep_recent(&mut answer, *within);
            }
            common.show(&answer, |answer| lines(&answer["nodes"], "No nodes.", node_line));
        }
        Verb::Describe { node, .. } => {
            let answer = ask("node.describe", json!({ "nodeId": node.node })).await?;
            common.show(&answer, describe);
        }
        Verb::Pending { .. } => {
            let answer = ask("node.pair.list", json!({})).await?;
            common.show(&answer, |answer| {
                lines(&answer["pending"], "Nothing waits for approval.", pending_line)
            });
        }
        Verb::Approve { id, .. } => {
            let answer = ask("node.pair.approve", json!({ "requestId": id })).await?;
            common
                .show(&answer, |answer| format!("Approved: {}", list(&answer["node"]["commands"])));
        }
        Verb::Reject { id, .. } => {
            let answer = ask("node.pair.reject", json!({ "requestId": id })).await?;
            common.show(&answer, |answer| format!("Rejected: {}", text(&answer["nodeId"])));
        }
        Verb::Rename { node, name, .. } => {
            let params = json!({ "nodeId": node.node, "displayName": name });
            let answer = ask("node.rename", params).await?;
            common.show(&answer, |answer| format!("Named: {}", text(&answer["displayName"])));
        }
        Verb::Invoke(args) => {
            let answer = args.call(program).await?;
            common.show(&answer, |answer| ui::Page::json(&answer["payload"]));
        }
        Verb::Run(args) => return run::run(program, args).await,
    }
    Ok(())
}

/// A duration with a unit, such as `90s` or `2h`.
fn within(text: &str) -> Result<std::time::Duration, String> {
    config::parse_duration(text, config::Unit::Minutes)
        .ok_or_else(|| "use a number and a unit, such as 30m".to_owned())
}

/// Leaves out nodes that were last connected longer ago.
fn keep_recent(answer: &mut Value, within: std::time::Duration) {
    let now = answer["ts"].as_i64().unwrap_or_default();
    let within_ms = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
    if let Some(nodes) = answer["nodes"].as_array_mut() {
        nodes.retain(|node| {
            let at = node["lastConnectedAtMs"].as_i64().or(node["connectedAtMs"].as_i64());
            node["connected"] == true || at.is_some_and(|at| now.saturating_sub(at) <= within_ms)
        });
    }
}

impl Invoke {
    async fn call(&self, program: &Program) -> Result<Value, Failure> {
        let params: Value = serde_json::from_str(&self.params)
            .map_err(|error| Failure::while_doing(Kind::Usage, "--params is not JSON", &error))?;
        let key = self.idempotency_key.clone();
        let request = json!({
            "nodeId": self.node.node,
            "command": self.command,
            "params": params,
            "timeoutMs": self.invoke_timeout,
            "idempotencyKey": key.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
        });
        self.common.ask(program, "node.invoke", request, self.invoke_timeout).await
    }
}

impl Common {
    async fn ask(
        &self,
        program: &Program,
        method: &str,
        params: Value,
        node_ms: u64,
    ) -> Result<Value, Failure> {
        let patience = self.rpc.patience(node_ms.saturating_add(GRACE_MS).max(PATIENCE_MS));
        target::ask(program, &self.rpc, patience, method, params).await
    }

    fn show<P: Into<ui::Page>>(&self, answer: &Value, told: impl FnOnce(&Value) -> P) {
        if self.json {
            ui::answer_json(answer);
        } else {
            ui::answer(told(answer));
        }
    }
}

fn lines(rows: &Value, none: &str, line: fn(&Value) -> String) -> Vec<String> {
    let rows: Vec<String> = rows.as_array().into_iter().flatten().map(line).collect();
    if rows.is_empty() { vec![none.to_owned()] } else { rows }
}

fn node_line(node: &Value) -> String {
    let state = match (node["connected"] == true, text(&node["approvalState"]).as_str()) {
        (false, _) => "offline".to_owned(),
        (true, "pending-approval") => {
            format!("connected, approve {}", text(&node["pendingRequestId"]))
        }
        (true, _) => "connected".to_owned(),
    };
    format!("{}  {state}  {}  {}", name(node), text(&node["platform"]), list(&node["commands"]))
}

fn pending_line(request: &Value) -> String {
    let (id, commands) = (text(&request["requestId"]), list(&request["commands"]));
    format!("{id}  {}  {}  {commands}", name(request), text(&request["platform"]))
}

fn describe(node: &Value) -> Vec<String> {
    let fields = ["nodeId", "displayName", "platform", "version", "approvalState", "remoteIp"];
    let mut lines: Vec<String> = fields
        .iter()
        .filter(|field| !node[**field].is_null())
        .map(|field| format!("{field}: {}", text(&node[*field])))
        .collect();
    lines.push(format!("connected: {}", node["connected"]));
    lines.push(format!("commands: {}", list(&node["commands"])));
    lines
}

fn name(node: &Value) -> String {
    match node["displayName"].as_str() {
        Some(name) => format!("{name} ({})", text(&node["nodeId"])),
        None => text(&node["nodeId"]),
    }
}

fn list(values: &Value) -> String {
    let texts = values.as_array().into_iter().flatten().filter_map(Value::as_str);
    texts.collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
