//! `logs`: the gateway's log file, read through the gateway.

use std::time::Duration;

use client::Client;
use serde_json::{Value, json};

use crate::{
    args::Rpc,
    error::{Failure, Kind},
    program::Program,
    target,
    ui::{self, Line, safe},
};

const TIMEOUT_MS: u64 = 30_000;
/// Shortest pause between two looks at the file.
const INTERVAL_MS_MIN: u64 = 100;

/// Show the gateway's log
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw logs --follow")]
pub(crate) struct Args {
    /// Most lines to show
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: u64,
    /// Most bytes to read
    #[arg(long, value_name = "BYTES", default_value_t = 250_000)]
    max_bytes: u64,
    /// Go on as lines are written
    #[arg(long)]
    follow: bool,
    /// Pause between two looks when following, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1000)]
    interval: u64,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the lines without colour
    #[arg(long)]
    plain: bool,
    #[command(flatten)]
    rpc: Rpc,
}

pub(crate) async fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let result = tail(program, args).await;
    match result {
        Err(failure) if args.json => {
            ui::answer_json_line(&json!({"type": "error", "message": failure.message}));
            Err(failure.answered(true))
        }
        other => other,
    }
}

async fn tail(program: &Program, args: &Args) -> Result<(), Failure> {
    let patience = args.rpc.patience(TIMEOUT_MS);
    let (client, target) = target::connect(program, &args.rpc, patience).await?;
    let mut params = json!({"limit": args.limit, "maxBytes": args.max_bytes});
    let mut first = true;
    loop {
        let tail = target::call(&client, &target, patience, "logs.tail", params.clone()).await?;
        show(args, &tail, first);
        if !args.follow {
            return Ok(());
        }
        params["cursor"] = tail["cursor"].clone();
        first = false;
        pause(&client, args.interval).await?;
    }
}

/// Waits for the next look, or notices that the gateway is gone.
async fn pause(client: &Client, interval_ms: u64) -> Result<(), Failure> {
    let interval = Duration::from_millis(interval_ms.max(INTERVAL_MS_MIN));
    tokio::select! {
        biased;
        closed = client.closed() => Err(Failure::of(Kind::Connection, &closed)
            .hint("openclaw gateway status")),
        () = tokio::time::sleep(interval) => Ok(()),
    }
}

fn show(args: &Args, tail: &Value, first: bool) {
    if args.json {
        if first {
            let (file, cursor, size) = (&tail["file"], &tail["cursor"], &tail["size"]);
            ui::answer_json_line(
                &json!({"type": "meta", "file": file, "cursor": cursor, "size": size}),
            );
        }
    } else if first {
        ui::say(format!("Log file: {}", tail["file"].as_str().unwrap_or("unknown")));
    }
    for (flag, text) in [
        ("truncated", "older lines are left out (raise --limit or --max-bytes)"),
        ("reset", "the file was replaced; reading on from its end"),
    ] {
        if tail[flag] == true {
            notice(args.json, text);
        }
    }
    for line in tail["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let entry = Entry::read(line);
        if args.json {
            ui::answer_json_line(&entry.map_or_else(|| raw(line), |entry| entry.json(line)));
        } else {
            ui::answer(match entry {
                Some(entry) if args.plain => entry.plain().into(),
                Some(entry) => entry.pretty(),
                None => Line::from(&*safe::record(line)),
            });
        }
    }
}

fn notice(as_json: bool, text: &str) {
    if as_json {
        ui::answer_json_line(&json!({"type": "notice", "message": text}));
    } else {
        ui::say(text);
    }
}

fn raw(line: &str) -> Value {
    json!({"type": "raw", "raw": line})
}

/// One line of the log, ours or the reference's.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    time: String,
    level: String,
    subsystem: String,
    message: String,
}

impl Entry {
    fn read(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(message) = text(&value["message"]) {
            return Some(Self {
                time: text(&value["time"])?,
                level: text(&value["level"])?,
                subsystem: text(&value["subsystem"]).unwrap_or_default(),
                message: format!("{message}{}", extra(&value)),
            });
        }
        Self::read_reference(&value)
    }

    /// Lines of 2026.2: the subsystem is JSON in field `0`, the message in `1`.
    fn read_reference(value: &Value) -> Option<Self> {
        let meta = &value["_meta"];
        let head = value["0"].as_str()?;
        let subsystem = serde_json::from_str::<Value>(head)
            .ok()
            .and_then(|head| head["subsystem"].as_str().map(str::to_owned));
        let message = match (&subsystem, &value["1"]) {
            (Some(_), Value::String(text)) => text.clone(),
            (Some(_), other) => other.to_string(),
            (None, _) => head.to_owned(),
        };
        Some(Self {
            time: value["time"].as_str().or_else(|| meta["date"].as_str())?.to_owned(),
            level: meta["logLevelName"].as_str().unwrap_or("info").to_lowercase(),
            subsystem: subsystem.unwrap_or_default(),
            message,
        })
    }

    fn json(&self, line: &str) -> Value {
        json!({
            "type": "log",
            "time": self.time,
            "level": self.level,
            "subsystem": self.subsystem,
            "message": self.message,
            "raw": line,
        })
    }

    fn plain(&self) -> String {
        let Self { time, level, subsystem, message } = self;
        format!("{time} {level} {subsystem} {}", safe::record(message))
    }

    fn pretty(&self) -> Line {
        let style = match self.level.as_str() {
            "error" | "fatal" => ui::ERROR,
            "warn" => ui::WARN,
            "info" => ui::SUCCESS,
            _ => ui::MUTED,
        };
        let head = ui::paint(ui::MUTED, &self.time) + " " + ui::paint(style, &self.level) + " ";
        let message = format!(" {}", safe::record(&self.message));
        head + ui::paint(ui::ACCENT, &self.subsystem) + message
    }
}

/// Fields beyond the usual ones, as `name=value`.
fn extra(value: &Value) -> String {
    const USUAL: [&str; 4] = ["time", "level", "subsystem", "message"];
    let fields = value.as_object().into_iter().flatten();
    safe::pairs(fields.filter(|(name, _)| !USUAL.contains(&name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_and_those_of_the_reference_are_understood() {
        let ours = r#"{"time":"T","level":"warn","subsystem":"gateway","message":"slow","ms":7}"#;
        let theirs = r#"{"0":"{\"subsystem\":\"gateway/ws\"}","1":"hello","_meta":{"logLevelName":"INFO"},"time":"T"}"#;
        let bare = r#"{"0":"hello","_meta":{"logLevelName":"ERROR","date":"D"}}"#;

        assert_eq!(Entry::read(ours).unwrap().plain(), "T warn gateway slow ms=7");
        assert_eq!(Entry::read(theirs).unwrap().plain(), "T info gateway/ws hello");
        assert_eq!(Entry::read(bare).unwrap().plain(), "D error  hello");
        assert_eq!(Entry::read("half a li"), None);
    }
}
