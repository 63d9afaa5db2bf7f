//! `exec`: runs a shell command, and leaves it in the background when it takes long.
//!
//! What the command may do is judged before; where it runs is the sandbox's business. The
//! process belongs to [`Processes`] from its start; this file only waits for it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{CallResult, Clock, Content, Effect};
use policy::Permit;
use sandbox::{Command, FileKind, Running, SandboxError, Size, Stdin};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::{
    Processes, Tool, ToolCx, ToolError, ToolOutput,
    background::{Ending, How, Launch, Process, Scope},
    path,
    ports::Nodes,
    schema::trimmed,
    signal,
};

mod on_node;

/// The terminal that commands with `pty` see.
const TERMINAL: Size = Size { columns: 120, rows: 30 };

/// Bounds of `yieldMs`.
const YIELD_MS: std::ops::RangeInclusive<u64> = 10..=120_000;

/// Longest wait for something that never comes.
const FOREVER: Duration = Duration::from_hours(365 * 24);

/// Runs shell commands.
pub(crate) struct Exec {
    pub(crate) processes: Processes,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) nodes: Option<Arc<dyn Nodes>>,
}

/// Arguments of `exec`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Args {
    /// Shell command line to run.
    #[schemars(required, extend(
        "x-aliases" = ["cmd", "commandLine", "shellCommand", "script", "code"], "x-words" = true
    ))]
    command: Option<String>,
    /// Directory to run it in; the workspace when left out.
    #[schemars(extend("x-aliases" = ["cwd", "workingDirectory", "directory", "dir"]))]
    workdir: Option<String>,
    /// Environment variables to add.
    #[schemars(extend("x-aliases" = ["environment"]))]
    env: Option<BTreeMap<String, String>>,
    /// Milliseconds to wait before the command moves to the background (default 10000).
    #[schemars(extend("x-aliases" = ["yieldTimeMs"]))]
    yield_ms: Option<u64>,
    /// Move it to the background at once.
    #[schemars(extend("x-aliases" = ["runInBackground", "isBackground"]))]
    background: Option<bool>,
    /// Seconds after which it is killed, also in the background; 0 means never.
    timeout: Option<f64>,
    #[schemars(extend("x-hidden" = true))]
    timeout_seconds: Option<f64>,
    #[schemars(extend("x-hidden" = true))]
    timeout_ms: Option<f64>,
    /// Give it a terminal, for programs that insist on one.
    #[schemars(extend("x-aliases" = ["tty"]))]
    pty: Option<bool>,
    /// Ask to run outside the sandbox, where that is permitted.
    elevated: Option<bool>,
    /// Where to run; auto is right nearly always.
    #[schemars(extend("enum" = ["auto", "sandbox", "gateway", "node"]))]
    host: Option<String>,
    /// Which node to run on, by id or name, with host=node.
    node: Option<String>,
    #[schemars(extend("x-hidden" = true))]
    security: Option<String>,
    #[schemars(extend("x-hidden" = true))]
    ask: Option<String>,
}

impl Tool for Exec {
    const NAME: &'static str = "exec";
    const DESCRIPTION: &'static str = "Run a shell command and get its output and exit code. A \
        command that takes longer than yieldMs goes on in the background: you get a session id \
        to use with the process tool. Set background for servers and watchers, and for programs \
        that you will type into. Long output keeps its end.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        let wish = |text: &Option<String>| trimmed(text.as_deref()).map(str::to_owned);
        Effect::Run(domain::Run {
            command: args.command.clone().unwrap_or_default(),
            elevated: args.elevated,
            host: wish(&args.host),
            security: wish(&args.security),
            ask: wish(&args.ask),
            workdir: wish(&args.workdir),
            sets_env: args.env.as_ref().is_some_and(|env| !env.is_empty()),
        })
    }

    async fn run(&self, args: Args, permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        if permit.is_for_node() {
            return on_node::run(self.nodes.as_deref(), args, &permit, cx).await;
        }
        let mut warnings = Warnings::default();
        check_host(args.host.as_deref(), cx)?;
        let plan = Plan::of(&args, cx, &mut warnings)?;
        let scope = Scope::of(&cx.session, &cx.limits.machine);
        if let Some((max, whose)) = self.processes.bound_reached(&scope) {
            return Err(ToolError::Failed(format!(
                "Too many commands are running: at most {max} for this {whose}; end some with \
                 the process tool."
            )));
        }
        let line = args.command.clone().unwrap_or_default();
        let (command, cwd) = command(args, &plan, cx, &mut warnings).await?;
        let on_terminal = command.pty.is_some();
        let running = start(command, cx, &mut warnings).await?;
        let process = self.processes.adopt(Launch {
            running,
            session: cx.session.clone(),
            machine: cx.limits.machine.clone(),
            command: line,
            cwd,
            on_terminal,
            timeout: plan.timeout,
            finished_kept: cx.limits.exec.finished_kept,
            notify_on_exit: cx.limits.exec.notify_on_exit,
            output_chars_max: cx.limits.output_chars_max,
            clock: Arc::clone(&self.clock),
        });
        let guard = KillUnlessBackgrounded(&process);
        if !plan.yield_after.is_some_and(|wait| wait.is_zero()) {
            follow(&process, plan.yield_after, cx, &warnings).await?;
        }
        if plan.yield_after.is_some() && process.background() {
            drop(guard);
            return Ok(still_running(&process, &warnings));
        }
        let snapshot = process.snapshot();
        let Some(ending) = snapshot.ending else { return Err(ToolError::Aborted) };
        if snapshot.truncated {
            let chars_max = cx.limits.output_chars_max;
            warnings.add(&format!("output was long, only its last {chars_max} characters follow"));
        }
        ended(&process, ending, snapshot.output.trim(), &warnings)
    }
}

/// How long the command may take, in the foreground and altogether.
struct Plan {
    /// `None` stays in the foreground to the end.
    yield_after: Option<Duration>,
    timeout: Option<Duration>,
    /// Whether its input stays open for `process`. For a command that nobody meant to leave
    /// running it does not: `rg x` and the like would wait for what never comes.
    takes_input: bool,
}

impl Plan {
    fn of(args: &Args, cx: &ToolCx, warnings: &mut Warnings) -> Result<Self, ToolError> {
        if trimmed(args.command.as_deref()).is_none() {
            return Err(ToolError::Arguments("Provide a command to start.".to_owned()));
        }
        let background = args.background.unwrap_or(false);
        let yield_after = if !cx.limits.background {
            if background || args.yield_ms.is_some() {
                warnings.add(
                    "the process tool is not available here, so the command runs to its end \
                     in the foreground",
                );
            }
            None
        } else if background {
            Some(Duration::ZERO)
        } else {
            Some(args.yield_ms.map_or(cx.limits.exec.yield_after, |ms| {
                Duration::from_millis(ms.clamp(*YIELD_MS.start(), *YIELD_MS.end()))
            }))
        };
        let from_ms = args.timeout_ms.map(|ms| ms / 1000.0);
        let timeout = match args.timeout.or(args.timeout_seconds).or(from_ms) {
            Some(seconds) if seconds > 0.0 => {
                Some(Duration::try_from_secs_f64(seconds).unwrap_or(FOREVER))
            }
            Some(_) => None,
            None => cx.limits.exec.timeout,
        };
        let takes_input = yield_after.is_some() && (background || args.yield_ms.is_some());
        Ok(Self { yield_after, timeout, takes_input })
    }
}

/// What the model should know beside the output.
#[derive(Default)]
struct Warnings(String);

impl Warnings {
    fn add(&mut self, text: &str) {
        self.0.push_str("Warning: ");
        self.0.push_str(text);
        self.0.push_str(".\n");
    }

    /// `text` below the warnings.
    fn above(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { format!("{}\n{text}", self.0) }
    }
}

fn check_host(host: Option<&str>, cx: &ToolCx) -> Result<(), ToolError> {
    let host = trimmed(host).map(str::to_lowercase);
    let refusal = match host.as_deref() {
        None | Some("auto") => return Ok(()),
        Some("sandbox") if cx.limits.is_sandboxed() => return Ok(()),
        Some("gateway") if !cx.limits.is_sandboxed() => return Ok(()),
        Some("sandbox") => {
            "host=sandbox was asked for, but this session has no sandbox; leave host out, or \
             enable agents.defaults.sandbox"
                .to_owned()
        }
        Some("gateway") => "exec host not allowed (requested gateway; configure \
                            tools.exec.host=gateway to allow)"
            .to_owned(),
        Some("node") => "host=node was asked for, but this session has no node".to_owned(),
        Some(other) => {
            return Err(ToolError::Arguments(format!(
                "Unknown host {other}; use auto, sandbox, gateway or node."
            )));
        }
    };
    Err(ToolError::Failed(refusal))
}

/// The command to start, and the directory it will run in.
async fn command(
    args: Args,
    plan: &Plan,
    cx: &ToolCx,
    warnings: &mut Warnings,
) -> Result<(Command, String), ToolError> {
    let env = args.env.unwrap_or_default();
    if !cx.limits.is_sandboxed() {
        policy::env_guard::check(&env).map_err(|refusal| ToolError::Failed(refusal.to_string()))?;
    }
    let (workdir, cwd) = place(args.workdir.as_deref(), cx, warnings).await?;
    let pty = args.pty.unwrap_or(false);
    let command = Command {
        line: with_path(&cx.limits.exec.path_prepend, &args.command.unwrap_or_default()),
        workdir,
        env,
        stdin: if plan.takes_input || pty { Stdin::Piped } else { Stdin::Null },
        pty: pty.then_some(TERMINAL),
    };
    Ok((command, cwd))
}

/// Where to run: what was asked for if it is a directory, else the workspace.
async fn place(
    asked: Option<&str>,
    cx: &ToolCx,
    warnings: &mut Warnings,
) -> Result<(Option<String>, String), ToolError> {
    let base = cx.sandbox.workdir();
    let Some(asked) = trimmed(asked).map(path::clean) else {
        return Ok((None, base.to_owned()));
    };
    let wanted = path::absolute(base, &asked);
    let stat = match cx.sandbox.stat(&wanted).await {
        Ok(stat) => stat,
        Err(SandboxError::NotFound { .. } | SandboxError::File { .. }) => None,
        // Confinement of file tools does not hold for commands on the host.
        Err(SandboxError::Escape { .. }) if !cx.limits.is_sandboxed() => {
            return Ok((Some(wanted.clone()), wanted));
        }
        Err(other) => return Err(other.into()),
    };
    if stat.is_some_and(|stat| stat.kind == FileKind::Directory) {
        return Ok((Some(wanted.clone()), wanted));
    }
    warnings.add(&format!("workdir {asked} is not a directory, so the command ran in {base}"));
    Ok((None, base.to_owned()))
}

/// Puts directories before the command's `PATH`, whatever that is where it runs.
fn with_path(prepend: &[String], line: &str) -> String {
    let mut directories: Vec<&str> = Vec::new();
    for directory in prepend.iter().map(|directory| directory.trim()) {
        if !directory.is_empty() && !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    if directories.is_empty() {
        return line.to_owned();
    }
    let quoted = directories.join(":").replace('\'', r"'\''");
    format!("export PATH='{quoted}'\":$PATH\"; {line}")
}

/// Starts the command; without a terminal when it cannot get one.
async fn start(
    command: Command,
    cx: &ToolCx,
    warnings: &mut Warnings,
) -> Result<Running, ToolError> {
    if command.pty.is_none() {
        return Ok(cx.sandbox.exec(command).await?);
    }
    match cx.sandbox.exec(command.clone()).await {
        Ok(running) => Ok(running),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "no terminal, using pipes");
            let running = cx.sandbox.exec(Command { pty: None, ..command }).await?;
            warnings.add("no terminal could be made, so the command ran with plain pipes");
            Ok(running)
        }
    }
}

/// Kills a process when its call is dropped before the process has ended or was backgrounded.
struct KillUnlessBackgrounded<'a>(&'a Process);

impl Drop for KillUnlessBackgrounded<'_> {
    fn drop(&mut self) {
        if self.0.ending().is_none() && !self.0.is_backgrounded() {
            self.0.kill();
        }
    }
}

/// Waits for the end, or for `patience` to run out, and reports output in between.
async fn follow(
    process: &Process,
    patience: Option<Duration>,
    cx: &ToolCx,
    warnings: &Warnings,
) -> Result<(), ToolError> {
    let mut watch = process.watch();
    let started = Instant::now();
    let give_up = sleep_until(started + patience.unwrap_or(FOREVER));
    let report_due = sleep_until(started);
    tokio::pin!(give_up, report_due);
    let mut reported_total = 0;
    loop {
        let seen = *watch.borrow_and_update();
        let has_news = seen.chars_total > reported_total;
        if has_news && (reported_total == 0 || report_due.is_elapsed()) {
            reported_total = seen.chars_total;
            cx.progress.report(so_far(process, warnings));
            report_due.as_mut().reset(Instant::now() + cx.limits.progress_every);
        }
        if seen.ended {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = cx.cancel.cancelled() => return Err(ToolError::Aborted),
            () = &mut give_up => return Ok(()),
            () = &mut report_due, if has_news && seen.chars_total > reported_total => {}
            moved = watch.changed() => if moved.is_err() { return Ok(()) },
        }
    }
}

fn running_details(process: &Process) -> Value {
    let mut details = json!({ "status": "running", "sessionId": process.id });
    if let Some(pid) = process.pid {
        details["pid"] = pid.into();
    }
    details["startedAt"] = process.started_at.0.into();
    details["cwd"] = process.cwd.clone().into();
    details["tail"] = process.tail().into();
    details
}

fn so_far(process: &Process, warnings: &Warnings) -> CallResult {
    CallResult {
        content: Content::text(warnings.above(&process.tail())),
        details: Some(running_details(process)),
        is_error: false,
    }
}

fn still_running(process: &Process, warnings: &Warnings) -> ToolOutput {
    let pid = process.pid.map_or_else(|| "n/a".to_owned(), |pid| pid.to_string());
    let text = format!(
        "Still running in the background (session {}, pid {pid}). Follow it with the process \
         tool: poll, log, write, send-keys, submit, paste, kill, clear, remove.",
        process.id
    );
    ToolOutput {
        content: Content::text(warnings.above(&text)),
        details: Some(running_details(process)),
    }
}

/// The result of a command that has ended. A non-zero status is an answer; only not to have
/// run, or not to its own end, is a failure.
fn ended(
    process: &Process,
    ending: Ending,
    output: &str,
    warnings: &Warnings,
) -> Result<ToolOutput, ToolError> {
    let failure = match ending.how {
        How::Code(code @ (126 | 127)) => Some(format!("Command exited with code {code}")),
        How::Code(_) => None,
        How::Signal(number) => Some(format!("Command aborted by signal {}", signal::name(number))),
        How::TimedOut(timeout) => {
            Some(format!("Command timed out after {} seconds", timeout.as_secs_f64()))
        }
        How::Lost => Some("Command aborted before exit code was captured".to_owned()),
    };
    if let Some(failure) = failure {
        let text = if output.is_empty() { failure } else { format!("{output}\n\n{failure}") };
        return Err(ToolError::Failed(warnings.above(&text)));
    }
    let code = ending.exit_code().unwrap_or_default();
    let text = match (output, code) {
        ("", 0) => "(no output)".to_owned(),
        ("", code) => format!("(no output)\n\n(exit code {code})"),
        (output, 0) => output.to_owned(),
        (output, code) => format!("{output}\n\n(exit code {code})"),
    };
    let details = json!({
        "status": "completed",
        "exitCode": code,
        "durationMs": u64::try_from(ending.took.as_millis()).unwrap_or(u64::MAX),
        "aggregated": output,
        "cwd": process.cwd,
    });
    Ok(ToolOutput { content: Content::text(warnings.above(&text)), details: Some(details) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_go_before_the_path_once() {
        let prepend = ["/a b".to_owned(), "/it's".to_owned(), "/a b".to_owned(), " ".to_owned()];

        assert_eq!(with_path(&prepend, "ls"), r#"export PATH='/a b:/it'\''s'":$PATH"; ls"#);
        assert_eq!(with_path(&[], "ls"), "ls");
    }
}
