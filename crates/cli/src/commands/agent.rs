//! `agent`: one message becomes one turn, through the gateway or in this process.

use std::time::Duration;

use domain::AgentId;
use protocol::handshake::Mode;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::{
    args::Rpc,
    error::{Failure, Kind},
    program::Program,
    target, ui, wait_for,
};

mod embedded;

/// How much longer than the turn the gateway may take to say so.
const GRACE: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// A turn without end, as far as a clock goes.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// Say something to an agent and print its reply
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw agent --agent main -m \"What is on my list today?\"")]
pub(crate) struct Args {
    /// What to say
    #[arg(short, long, value_name = "TEXT")]
    message: String,
    /// Continue the conversation with this number or peer
    #[arg(short, long, value_name = "PEER")]
    to: Option<String>,
    /// Continue the conversation with this id
    #[arg(long, value_name = "ID")]
    session_id: Option<String>,
    /// Talk to this agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// How much the model may think, for this turn
    #[arg(long, value_name = "LEVEL")]
    thinking: Option<Thinking>,
    /// Set how much of its tools the conversation shows
    #[arg(long, value_name = "LEVEL")]
    verbose: Option<Verbose>,
    /// Chat service the message counts as coming from
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Peer that gets the reply
    #[arg(long, value_name = "PEER")]
    reply_to: Option<String>,
    /// Chat service that gets the reply
    #[arg(long, value_name = "CHANNEL")]
    reply_channel: Option<String>,
    /// Account that sends the reply
    #[arg(long, value_name = "ACCOUNT")]
    reply_account: Option<String>,
    /// Run the turn in this process, without a gateway
    #[arg(long)]
    local: bool,
    /// Send the reply to the chat service too
    #[arg(long)]
    deliver: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Longest turn, in seconds; 0 is without end
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u64,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Thinking {
    Off,
    Minimal,
    Low,
    Medium,
    High,
    Xhigh,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Verbose {
    On,
    Off,
    Full,
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    if args.message.trim().is_empty() {
        return Err(Failure::new(Kind::Usage, "the message is empty"));
    }
    if args.to.is_none() && args.session_id.is_none() && args.agent.is_none() {
        return Err(Failure::new(Kind::Usage, "pass --to, --session-id or --agent")
            .hint(format!("openclaw agent --agent main -m {:?}", args.message)));
    }
    if let Some(id) = &args.agent {
        known_agent(program, id)?;
    }
    if args.local && args.deliver {
        return Err(Failure::new(Kind::Usage, "--deliver needs a gateway: leave out --local")
            .hint("openclaw gateway run"));
    }
    if args.local {
        return embedded::run(program, args);
    }
    let mut no_gateway = None;
    wait_for(async {
        no_gateway = through_gateway(program, args).await?;
        Ok(())
    })?;
    match no_gateway {
        None => Ok(()),
        Some(failure) if args.deliver => Err(failure),
        Some(failure) => {
            ui::warn(format!("no gateway: {}; running the turn in this process", failure.message));
            embedded::run(program, args)
        }
    }
}

/// Checks what the config knows better than any gateway on this machine.
fn known_agent(program: &Program, id: &str) -> Result<AgentId, Failure> {
    let config = program.readable_config()?;
    let agent = AgentId::normalise(id);
    if config.agents.get(&agent).is_some() {
        return Ok(agent);
    }
    let known: Vec<&str> = config.agents.list.iter().map(|agent| agent.id.as_str()).collect();
    Err(Failure::new(Kind::Usage, format!("unknown agent id \"{id}\""))
        .hint(format!("known agents: {}", known.join(", "))))
}

/// Runs the turn in the gateway. `Some` when there is none.
async fn through_gateway(program: &Program, args: &Args) -> Result<Option<Failure>, Failure> {
    let rpc = Rpc::default();
    let target = target::find(program, &rpc)?;
    let client = match target::open(&target, Mode::Cli, CONNECT_PATIENCE).await {
        Ok(client) => client,
        Err(failure) if failure.is_absence => return Ok(Some(failure)),
        Err(failure) => return Err(failure),
    };
    if let Some(level) = args.verbose {
        let key = verbose_key(args)?;
        let params = json!({"key": key, "verboseLevel": level.as_str()});
        target::call(&client, &target, CONNECT_PATIENCE, "sessions.patch", params).await?;
    }
    let patience = args.limit().map_or(FOREVER, |limit| limit + GRACE);
    let call = client.call_expecting_final("agent", request(args));
    let answer = timeout(patience, call)
        .await
        .map_err(|_| target::too_late(&target, patience))?
        .map_err(|error| target::no_result(&target, &error))?;
    if args.json {
        ui::answer_json(&answer);
    } else {
        print(&answer["result"]["payloads"]);
    }
    Ok(None)
}

fn verbose_key(args: &Args) -> Result<String, Failure> {
    match &args.agent {
        Some(agent) => Ok(format!("agent:{}:main", AgentId::normalise(agent))),
        None => Err(Failure::new(Kind::Usage, "--verbose needs --agent")),
    }
}

fn request(args: &Args) -> Value {
    let mut params = Map::new();
    let texts = [
        ("message", Some(args.message.as_str())),
        ("agentId", args.agent.as_deref()),
        ("to", args.to.as_deref()),
        ("sessionId", args.session_id.as_deref()),
        ("thinking", args.thinking.map(Thinking::as_str)),
        ("channel", args.channel.as_deref()),
        ("replyTo", args.reply_to.as_deref()),
        ("replyChannel", args.reply_channel.as_deref()),
        ("replyAccountId", args.reply_account.as_deref()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            params.insert(name.to_owned(), text.into());
        }
    }
    params.insert("deliver".to_owned(), args.deliver.into());
    params.insert("timeout".to_owned(), args.timeout.into());
    params.insert("idempotencyKey".to_owned(), uuid::Uuid::new_v4().to_string().into());
    Value::Object(params)
}

/// Prints reply texts, media as lines that start with `MEDIA:`.
fn print(payloads: &Value) {
    let mut any = false;
    for payload in payloads.as_array().into_iter().flatten() {
        if let Some(text) = payload["text"].as_str().filter(|text| !text.is_empty()) {
            ui::answer(ui::Page::prose(text));
            any = true;
        }
        let several = payload["mediaUrls"].as_array().into_iter().flatten();
        let one = payload["mediaUrl"].as_str();
        let mut urls: Vec<&str> = several.filter_map(Value::as_str).collect();
        urls.extend(one.filter(|url| !urls.contains(url)));
        for url in urls {
            ui::answer(format!("MEDIA:{url}"));
            any = true;
        }
    }
    if !any {
        ui::answer("The agent gave no reply.");
    }
}

impl Args {
    fn limit(&self) -> Option<Duration> {
        (self.timeout > 0).then(|| Duration::from_secs(self.timeout))
    }
}

impl Thinking {
    fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Xhigh => "xhigh",
        }
    }
}

impl Verbose {
    fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Full => "full",
        }
    }
}
