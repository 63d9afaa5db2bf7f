//! `nodes run`: runs a command on a node, and asks a person first where the node or the flags want
//! one asked.
//!
//! The node judges by its own file; flags make things stricter and never looser.

use std::time::Duration;

use clap::ValueEnum;
use client::{CallError, Client};
use serde_json::{Map, Value, json};

use super::{Common, GRACE_MS, Node, text};
use crate::{
    error::{Failure, Kind},
    program::Program,
    target::{self, Target},
    ui,
};

/// How long a person has to answer.
const PERSON_MS: u64 = 120_000;

/// Run a command on a node
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    node: Node,
    /// Directory to run it in
    #[arg(long, value_name = "PATH")]
    cwd: Option<String>,
    /// Variable to add, as NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A whole shell line instead of words
    #[arg(long, value_name = "LINE", conflicts_with = "words")]
    raw: Option<String>,
    /// The agent whose rules hold on the node
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// When a person is asked: off, on-miss or always
    #[arg(long, value_name = "MODE", value_enum)]
    ask: Option<Ask>,
    /// Which commands may run: deny, allowlist or full
    #[arg(long, value_name = "MODE", value_enum)]
    security: Option<Security>,
    /// When it is killed, in milliseconds
    #[arg(long, value_name = "MS")]
    command_timeout: Option<u64>,
    /// Ask for a node that may record its screen
    #[arg(long)]
    needs_screen_recording: bool,
    /// How long the node may take altogether, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    invoke_timeout: u64,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ask {
    Off,
    OnMiss,
    Always,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Security {
    Deny,
    Allowlist,
    Full,
}

pub(super) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let mut params = args.params()?;
    if args.security == Some(Security::Deny) {
        return Err(Failure::new(Kind::Refused, "not run: --security deny lets nothing run"));
    }
    let rpc = &args.common.rpc;
    let patience = rpc.patience(args.invoke_ms().saturating_add(GRACE_MS));
    let (client, target) = target::connect(program, rpc, patience).await?;
    if args.ask == Some(Ask::Always) {
        decide(&client, &target, args, &mut params).await?;
    }
    let mut answer = args.invoke(&client, &params, patience).await;
    if let Some(Err(error)) = &answer
        && wants_a_word(error)
        && args.ask.is_none_or(|ask| ask == Ask::OnMiss)
    {
        decide(&client, &target, args, &mut params).await?;
        answer = args.invoke(&client, &params, patience).await;
    }
    match answer {
        Some(answer) => args.tell(&answer.map_err(|error| target::no_result(&target, &error))?),
        None => Err(target::too_late(&target, patience)),
    }
}

impl Args {
    fn invoke_ms(&self) -> u64 {
        let command = self.command_timeout.map_or(0, |ms| ms.saturating_add(GRACE_MS));
        self.invoke_timeout.max(command)
    }

    /// What a person is shown.
    fn shown(&self) -> String {
        self.raw.clone().unwrap_or_else(|| self.words.join(" "))
    }

    /// The params of `system.run`.
    fn params(&self) -> Result<Value, Failure> {
        let command = match (&self.raw, self.words.as_slice()) {
            (Some(line), _) => json!(["/bin/sh", "-lc", line]),
            (None, []) => {
                return Err(Failure::new(Kind::Usage, "say what to run")
                    .hint("openclaw nodes run --node attic uname -a"));
            }
            (None, words) => json!(words),
        };
        let mut env = Map::new();
        for pair in &self.env {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(Failure::new(Kind::Usage, format!("`{pair}` is not NAME=VALUE")));
            };
            env.insert(name.to_owned(), value.into());
        }
        let word = |word: Option<String>| word.map_or(Value::Null, Value::from);
        let mut params = json!({
            "command": command,
            "rawCommand": self.raw,
            "cwd": self.cwd,
            "env": env,
            "timeoutMs": self.command_timeout,
            "agentId": self.agent,
            "ask": word(self.ask.as_ref().and_then(name_of)),
            "security": word(self.security.as_ref().and_then(name_of)),
        });
        if self.needs_screen_recording {
            params["needsScreenRecording"] = true.into();
        }
        Ok(params)
    }

    /// Calls the node; `None` when patience is over first.
    async fn invoke(
        &self,
        client: &Client,
        params: &Value,
        patience: Duration,
    ) -> Option<Result<Value, CallError>> {
        let request = json!({
            "nodeId": self.node.node,
            "command": "system.run",
            "params": params,
            "timeoutMs": self.invoke_ms(),
            "idempotencyKey": uuid::Uuid::new_v4().to_string(),
        });
        tokio::time::timeout(patience, client.call("node.invoke", request)).await.ok()
    }

    fn tell(&self, answer: &Value) -> Result<(), Failure> {
        let payload = &answer["payload"];
        self.common.show(answer, |_| {
            let streams = [text(&payload["stdout"]), text(&payload["stderr"])];
            ui::Page::prose(streams.map(|it| it.trim_end().to_owned()).join("\n").trim_end())
        });
        if payload["success"] == true {
            return Ok(());
        }
        let how = match (payload["timedOut"] == true, payload["exitCode"].as_i64()) {
            (true, _) => "the command was killed for its time".to_owned(),
            (false, Some(code)) => format!("the command ended with code {code}"),
            (false, None) => format!("the command failed: {}", text(&payload["error"])),
        };
        Err(Failure::new(Kind::Failed, how).answered(self.common.json))
    }
}

fn name_of<E: ValueEnum>(choice: &E) -> Option<String> {
    choice.to_possible_value().map(|it| it.get_name().to_owned())
}

/// Whether the node would run it if a person said so.
fn wants_a_word(error: &CallError) -> bool {
    let CallError::Refused(refusal) = error else { return false };
    let details = refusal.error.details.as_deref();
    let message = details.and_then(|it| it["nodeError"]["message"].as_str()).unwrap_or_default();
    message.ends_with("approval required")
}

/// Asks a person, and puts the answer into the params.
async fn decide(
    client: &Client,
    target: &Target,
    args: &Args,
    params: &mut Value,
) -> Result<(), Failure> {
    let id = uuid::Uuid::new_v4().to_string();
    let slug: String = id.chars().take(8).collect();
    ui::say(format!(
        "Waiting for a person: the Control UI, `openclaw tui`, or /approve {slug} allow-once"
    ));
    let question = json!({
        "id": id,
        "command": args.shown(),
        "cwd": args.cwd,
        "host": "node",
        "nodeId": args.node.node,
        "security": params["security"],
        "ask": params["ask"],
        "agentId": args.agent,
        "timeoutMs": PERSON_MS,
    });
    let patience = Duration::from_millis(PERSON_MS.saturating_add(GRACE_MS));
    let answer = target::call(client, target, patience, "exec.approval.request", question).await?;
    match answer["decision"].as_str() {
        Some(decision) if decision.starts_with("allow") => {
            params["approved"] = true.into();
            params["approvalDecision"] = decision.into();
            Ok(())
        }
        Some(_) => Err(Failure::new(Kind::Refused, "not run: a person said no")),
        None => Err(Failure::new(Kind::Timeout, "not run: nobody answered in time")),
    }
}
