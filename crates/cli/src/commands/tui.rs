//! `tui`: a chat with the agent in the terminal.

use std::{
    io::{IsTerminal as _, stdin},
    sync::Arc,
    time::Duration,
};

use domain::Secret;

use crate::{
    args::{self, Rpc},
    error::{Failure, Kind},
    program::Program,
    target,
    tui::{self, Options, Setting},
    ui, wait_for,
};

/// How long the first connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Chat with the agent in the terminal
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw tui --session main")]
pub(crate) struct Args {
    #[arg(long, value_name = "URL", help = "Gateway address, such as ws://127.0.0.1:18789")]
    url: Option<String>,
    /// Shared token of the gateway
    #[arg(long, value_name = "TOKEN", value_parser = args::secret)]
    token: Option<Secret>,
    /// Shared password of the gateway
    #[arg(long, value_name = "PASSWORD", value_parser = args::secret)]
    password: Option<Secret>,
    /// Conversation to begin with
    #[arg(long, value_name = "KEY", default_value = "main")]
    session: String,
    /// Send replies to the chat service too
    #[arg(long)]
    deliver: bool,
    /// How much the model may think
    #[arg(long, value_name = "LEVEL")]
    thinking: Option<String>,
    /// Say this first
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Longest turn, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Messages of the conversation to show
    #[arg(long, value_name = "COUNT", default_value_t = 200,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    history_limit: u16,
}

pub(crate) fn run(program: &Program, args: Args) -> Result<(), Failure> {
    if !stdin().is_terminal() || !ui::is_shown() {
        return Err(Failure::new(Kind::Usage, "the chat needs a terminal")
            .hint("openclaw agent --agent main -m \"Hello\""));
    }
    let flags = Rpc::at(args.url, args.token, args.password);
    let target = target::find(program, &flags)?;
    wait_for(async {
        let open = target::listen(&target, PATIENCE).await?;
        let options = Options {
            url: target.url.clone(),
            session: args.session,
            message: args.message,
            thinking: args.thinking,
            deliver: args.deliver,
            timeout_ms: args.timeout_ms,
            history_limit: args.history_limit,
            new_name: || uuid::Uuid::new_v4().to_string(),
        };
        let setting = Setting {
            target,
            options,
            is_coloured: ui::is_coloured(),
            clock: Arc::clone(&program.clock),
        };
        tui::show(setting, open)
            .await
            .map_err(|error| Failure::while_doing(Kind::Failed, "the terminal failed", &error))
    })
}
