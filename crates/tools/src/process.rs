//! `process`: looks at, talks to and ends what `exec` left in the background.

mod log;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{Clock, Content, Effect, SessionKey};
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    Processes, Tool, ToolCx, ToolError, ToolOutput,
    background::{Ending, Process, Scope},
    keys::{self, Encoded},
    schema::trimmed,
};

/// Longest wait of `poll`.
const POLL_WAIT_MAX: Duration = Duration::from_secs(30);

/// How long a process may leave its input unread before a write fails.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);

/// Supervises background commands.
pub(crate) struct Supervise {
    pub(crate) processes: Processes,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Arguments of `process`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Args {
    /// What to do: list all; poll for new output; read the log; write text, send-keys, submit
    /// (text and enter) or paste to its input; kill; clear a finished one; remove one, killing it
    /// first.
    #[schemars(required, extend("enum" = [
        "list", "poll", "log", "write", "send-keys", "submit", "paste", "kill", "clear", "remove"
    ], "x-aliases" = ["command", "op", "operation", "method"]))]
    action: Option<String>,
    /// Which process; for all actions but list.
    #[schemars(extend("x-aliases" = ["id", "session", "process", "processId"]))]
    session_id: Option<String>,
    /// Text for write and submit.
    #[schemars(extend("x-aliases" = ["input", "chars", "content", "stdin", "value"]))]
    data: Option<String>,
    /// Close its input after write or submit.
    eof: Option<bool>,
    /// Keys for send-keys, such as enter, up, C-c, M-x, f1.
    keys: Option<Vec<String>>,
    /// Hex bytes for send-keys.
    hex: Option<Vec<String>>,
    /// Text for send-keys, sent as it is.
    literal: Option<String>,
    /// Text for paste.
    text: Option<String>,
    /// Mark pasted text as a paste, which is the default.
    bracketed: Option<bool>,
    /// First line for log, from 0.
    offset: Option<u64>,
    /// Number of lines for log; without offset the last ones.
    limit: Option<u64>,
    /// Milliseconds that poll waits for new output or the end, at most 30000.
    timeout: Option<u64>,
}

impl Tool for Supervise {
    const NAME: &'static str = "process";
    const DESCRIPTION: &'static str = "Manage commands that exec left in the background: list \
        them, poll for new output, page through the log, type into them, kill or forget them.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        let action = trimmed(args.action.as_deref()).unwrap_or_default().to_lowercase();
        Effect::Supervise { types: !QUIET.contains(&action.as_str()) }
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let scope = Scope::of(&cx.session, &cx.limits.machine);
        let action = trimmed(args.action.as_deref()).unwrap_or_default().to_lowercase();
        if action == "list" {
            return Ok(self.list(&scope, &cx.session));
        }
        if !ACTIONS.contains(&action.as_str()) {
            return Err(ToolError::Arguments(format!("Unknown action {action}")));
        }
        let Some(id) = trimmed(args.session_id.as_deref()) else {
            return Err(ToolError::Arguments("sessionId is required for this action.".to_owned()));
        };
        let process = self
            .processes
            .find(&scope, &cx.session, id)
            .ok_or_else(|| ToolError::Failed(format!("No session found for {id}")))?;
        if !process.is_backgrounded() {
            return Err(ToolError::Failed(format!("Session {id} is not backgrounded.")));
        }
        match action.as_str() {
            "poll" => poll(&process, args.timeout.unwrap_or(0), cx).await,
            "log" => Ok(log(&process, args.offset, args.limit)),
            "kill" => kill(&process),
            "clear" => self.clear(&process),
            "remove" => Ok(self.remove(&process)),
            _ if !scope.shares(&process.scope) && !cx.limits.runs_outside => {
                Err(ToolError::Failed(format!(
                    "Session {id} runs on another machine than this session's tools, which may not \
                 type into it; kill it, or start it anew there with its input."
                )))
            }
            _ => input(&process, &action, &args, cx).await,
        }
    }
}

/// Actions that write nothing to a process.
const QUIET: [&str; 6] = ["list", "poll", "log", "kill", "clear", "remove"];

/// All actions but `list`.
const ACTIONS: [&str; 9] =
    ["poll", "log", "write", "send-keys", "submit", "paste", "kill", "clear", "remove"];

impl Supervise {
    fn list(&self, scope: &Scope, session: &SessionKey) -> ToolOutput {
        let processes = self.processes.list(scope, session);
        let now = self.clock.now();
        let mut lines = Vec::new();
        let mut sessions = Vec::new();
        for process in &processes {
            let ending = process.ending();
            let status = status_of(ending);
            let runtime_ms = ending.map_or(now, |ending| ending.at).since(process.started_at);
            let name = process.name();
            let took = duration(runtime_ms);
            lines.push(format!("{} {status:<9} {took} :: {name}", process.id));
            let mut row = json!({ "sessionId": process.id, "status": status });
            if let Some(pid) = process.pid {
                row["pid"] = pid.into();
            }
            row["startedAt"] = process.started_at.0.into();
            if let Some(ending) = ending {
                row["endedAt"] = ending.at.0.into();
            }
            row["runtimeMs"] = runtime_ms.into();
            row["cwd"] = process.cwd.clone().into();
            row["command"] = process.command.clone().into();
            row["name"] = name.into();
            row["tail"] = process.tail().into();
            row["truncated"] = process.is_truncated().into();
            sessions.push(with_exit(row, ending));
        }
        if lines.is_empty() {
            lines.push("No running or recent sessions.".to_owned());
        }
        let details = json!({ "status": "completed", "sessions": sessions });
        ToolOutput { content: Content::text(lines.join("\n")), details: Some(details) }
    }

    fn clear(&self, process: &Process) -> Result<ToolOutput, ToolError> {
        if process.ending().is_none() {
            return Err(ToolError::Failed(format!(
                "Session {} is still running; kill it first, or use remove.",
                process.id
            )));
        }
        self.processes.forget(process);
        Ok(done(process, format!("Cleared session {}.", process.id)))
    }

    fn remove(&self, process: &Process) -> ToolOutput {
        self.processes.forget(process);
        done(process, format!("Removed session {}.", process.id))
    }
}

fn status_of(ending: Option<Ending>) -> &'static str {
    ending.map_or("running", Ending::status)
}

fn with_exit(mut row: Value, ending: Option<Ending>) -> Value {
    if let Some(code) = ending.and_then(Ending::exit_code) {
        row["exitCode"] = code.into();
    }
    if let Some(signal) = ending.and_then(Ending::exit_signal) {
        row["exitSignal"] = signal.into();
    }
    row
}

/// Such as `850ms`, `12s`, `3m05s` or `2h04m`.
fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

fn done(process: &Process, text: String) -> ToolOutput {
    let details = json!({
        "status": "completed",
        "sessionId": process.id,
        "name": process.name(),
    });
    ToolOutput { content: Content::text(text), details: Some(details) }
}

async fn poll(process: &Process, wait_ms: u64, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
    let mut watch = process.watch();
    let news = async {
        while !process.has_unread() && process.ending().is_none() {
            if watch.changed().await.is_err() {
                break;
            }
        }
    };
    let wait = Duration::from_millis(wait_ms).min(POLL_WAIT_MAX);
    if !wait.is_zero() {
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(ToolError::Aborted),
            waited = timeout(wait, news) => waited.unwrap_or_default(),
        }
    }
    let ending = process.ending();
    let unread = process.drain();
    let output = match (unread.text.trim_end(), unread.lost) {
        ("", _) => "(no new output)".to_owned(),
        (text, 0) => text.to_owned(),
        (text, lost) => format!("[{lost} earlier characters left out; see log]\n{text}"),
    };
    let state = match ending.map(|ending| (ending.exit_code(), ending.exit_signal())) {
        None => "Process still running.".to_owned(),
        Some((Some(code), _)) => format!("Process exited with code {code}."),
        Some((None, Some(signal))) => format!("Process exited with signal {signal}."),
        Some((None, None)) => "Process exited; its exit code is unknown.".to_owned(),
    };
    let details = json!({
        "status": status_of(ending),
        "sessionId": process.id,
        "aggregated": unread.text,
        "name": process.name(),
    });
    Ok(ToolOutput {
        content: Content::text(format!("{output}\n\n{state}")),
        details: Some(with_exit(details, ending)),
    })
}

fn log(process: &Process, offset: Option<u64>, limit: Option<u64>) -> ToolOutput {
    let snapshot = process.snapshot();
    let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let page = log::page(&snapshot.output, offset.map(index), limit.map(index));
    let details = json!({
        "status": status_of(snapshot.ending),
        "sessionId": process.id,
        "total": page.total_lines,
        "totalLines": page.total_lines,
        "totalChars": snapshot.chars_total,
        "truncated": snapshot.truncated,
        "name": process.name(),
    });
    ToolOutput {
        content: Content::text(page.text),
        details: Some(with_exit(details, snapshot.ending)),
    }
}

fn kill(process: &Process) -> Result<ToolOutput, ToolError> {
    if process.ending().is_some() {
        return Err(ToolError::Failed(format!("Session {} has already ended.", process.id)));
    }
    process.kill();
    Ok(done(process, format!("Killed session {}.", process.id)))
}

/// Sends something to the process's input.
async fn input(
    process: &Process,
    action: &str,
    args: &Args,
    cx: &ToolCx,
) -> Result<ToolOutput, ToolError> {
    let mut encoded = Encoded::default();
    let mut eof = false;
    // What the enter key sends on a terminal ends no line of a pipe.
    let line_end = if process.on_terminal { b'\r' } else { b'\n' };
    match action {
        "write" => {
            encoded.bytes.extend(args.data.as_deref().unwrap_or_default().as_bytes());
            eof = args.eof.unwrap_or(false);
        }
        "submit" => {
            let text = args.data.as_deref().or(args.text.as_deref()).unwrap_or_default();
            encoded.bytes.extend(text.trim_end_matches(['\r', '\n']).as_bytes());
            encoded.bytes.push(line_end);
            eof = args.eof.unwrap_or(false);
        }
        "paste" => {
            let text = args
                .text
                .as_deref()
                .filter(|text| !text.is_empty())
                .ok_or_else(|| ToolError::Arguments("There is no text to paste.".to_owned()))?;
            let is_marked = process.on_terminal && args.bracketed.unwrap_or(true);
            encoded.bytes = keys::paste(text, is_marked);
        }
        _ => {
            encoded.bytes.extend(args.literal.as_deref().unwrap_or_default().as_bytes());
            args.hex.iter().flatten().for_each(|token| encoded.hex(token));
            args.keys.iter().flatten().for_each(|token| encoded.key(token, line_end));
            if encoded.bytes.is_empty() {
                let mut text = "There are no keys to send.".to_owned();
                encoded.warnings.iter().for_each(|warning| text = format!("{text} {warning}."));
                return Err(ToolError::Arguments(text));
            }
        }
    }
    let count = encoded.bytes.len();
    send(process, encoded.bytes, eof, cx).await?;
    let id = &process.id;
    let mut text = match action {
        "write" => format!("Wrote {count} bytes to session {id}"),
        "submit" => format!("Submitted {count} bytes, enter included, to session {id}"),
        "paste" => format!("Pasted {count} bytes to session {id}"),
        _ => format!("Sent {count} bytes to session {id}"),
    };
    text.push_str(if eof { " (stdin closed)." } else { "." });
    for warning in &encoded.warnings {
        text = format!("{text}\nWarning: {warning}.");
    }
    let details = json!({
        "status": status_of(process.ending()),
        "sessionId": id,
        "name": process.name(),
    });
    Ok(ToolOutput { content: Content::text(text), details: Some(details) })
}

async fn send(process: &Process, bytes: Vec<u8>, eof: bool, cx: &ToolCx) -> Result<(), ToolError> {
    let closed = || ToolError::Failed(format!("Session {} stdin is not writable.", process.id));
    let stdin = process.stdin().ok_or_else(closed)?;
    if !bytes.is_empty() {
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(ToolError::Aborted),
            sent = timeout(WRITE_PATIENCE, stdin.send(Bytes::from(bytes))) => match sent {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(closed()),
                Err(_) => return Err(ToolError::Failed(format!(
                    "Session {} does not read its stdin.", process.id
                ))),
            },
        }
    }
    if eof {
        process.close_stdin();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        let shown = [850, 12_000, 185_000, 7_440_000].map(duration);

        assert_eq!(shown, ["850ms", "12s", "3m05s", "2h04m"]);
    }
}
