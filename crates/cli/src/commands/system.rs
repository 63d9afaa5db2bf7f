//! `system`: notes for the agent, who is connected, heartbeats.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::{
    args,
    asking::Asking,
    error::{Failure, Kind},
    program::Program,
    text, ui, wait_for,
};

/// A gateway may take this many milliseconds.
type Common = Asking<30_000>;

/// Tell the agent of events, show who is connected
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw system event --text \"the build is done\" --mode now")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell the agent that something happened
    Event {
        /// What happened
        #[arg(long, value_name = "TEXT")]
        text: String,
        /// When the agent looks at it
        #[arg(long, value_enum, default_value_t = When::NextHeartbeat)]
        mode: When,
        #[command(flatten)]
        common: Common,
    },
    /// Show who is connected to the gateway
    Presence(Common),
    /// Show the last heartbeat, switch heartbeats on or off
    Heartbeat {
        #[command(subcommand)]
        verb: Heartbeat,
    },
}

#[derive(Debug, Subcommand)]
enum Heartbeat {
    /// Show what the last one brought
    Last(Common),
    /// Switch them on
    Enable(Common),
    /// Switch them off
    Disable(Common),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// At once
    Now,
    /// With the next message or heartbeat
    NextHeartbeat,
}

impl Args {
    /// Whether the answer is for a script.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.verb {
            Some(
                Verb::Event { common, .. }
                | Verb::Presence(common)
                | Verb::Heartbeat {
                    verb:
                        Heartbeat::Last(common) | Heartbeat::Enable(common) | Heartbeat::Disable(common),
                },
            ) => common.json,
            None => false,
        }
    }
}

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let Some(verb) = &args.verb else {
        return Err(args::no_verb("system", "openclaw system presence"));
    };
    wait_for(carry_out(program, verb))
}

async fn carry_out(program: &Program, verb: &Verb) -> Result<(), Failure> {
    match verb {
        Verb::Event { text, mode, common } => {
            let text = text.trim();
            if text.is_empty() {
                return Err(Failure::new(Kind::Usage, "--text must say something"));
            }
            let mode = match mode {
                When::Now => "now",
                When::NextHeartbeat => "next-heartbeat",
            };
            let answer = common.ask(program, "wake", json!({"mode": mode, "text": text})).await?;
            common.tell(&answer, || "ok");
        }
        Verb::Presence(common) => {
            let list = common.ask(program, "system-presence", json!({})).await?;
            let now_ms = program.clock.now().0;
            common.tell(&list, || table(&list, now_ms));
        }
        Verb::Heartbeat { verb: Heartbeat::Last(common) } => {
            let last = common.ask(program, "last-heartbeat", json!({})).await?;
            common.tell(&last, || {
                if last.is_null() { "No heartbeat yet.".into() } else { ui::Page::json(&last) }
            });
        }
        Verb::Heartbeat { verb: Heartbeat::Enable(common) } => {
            switch(program, common, true).await?;
        }
        Verb::Heartbeat { verb: Heartbeat::Disable(common) } => {
            switch(program, common, false).await?;
        }
    }
    Ok(())
}

async fn switch(program: &Program, common: &Common, enabled: bool) -> Result<(), Failure> {
    let answer = common.ask(program, "set-heartbeats", json!({"enabled": enabled})).await?;
    common.tell(&answer, || "ok");
    Ok(())
}

fn table(list: &Value, now_ms: i64) -> Vec<String> {
    let rows = list.as_array().map_or(&[][..], Vec::as_slice);
    let lines = rows.iter().map(|row| {
        let field = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let age = now_ms.saturating_sub(row["ts"].as_i64().unwrap_or(now_ms));
        let age = text::age(u64::try_from(age).unwrap_or(0));
        let (host, mode, reason) = (field("host"), field("mode"), field("reason"));
        format!("{host:<24} {mode:<10} {reason:<12} {age}").trim_end().to_owned()
    });
    let head = format!("{:<24} {:<10} {:<12} {}", "Host", "Mode", "Reason", "Seen");
    std::iter::once(head).chain(lines).collect()
}
