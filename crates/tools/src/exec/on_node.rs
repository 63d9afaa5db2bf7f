//! `exec` with `host=node`: hands the command to another machine and reads what it brought.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{CallResult, Content};
use policy::Permit;
use serde_json::json;
use tokio::time::Instant;

use super::Args;
use crate::{
    ToolCx, ToolError, ToolOutput,
    ports::{Heard, NodeJob, NodeOutput, Nodes},
    schema::trimmed,
};

/// When a command is killed that nobody gave a time: a node knows no background.
const TIMEOUT: Duration = Duration::from_mins(30);
/// Characters of output that are shown while a command runs.
const SHOWN_CHARS_MAX: usize = 4_000;

pub(super) async fn run(
    nodes: Option<&dyn Nodes>,
    args: Args,
    permit: &Permit,
    cx: &ToolCx,
) -> Result<ToolOutput, ToolError> {
    let failed = |text: &str| ToolError::Failed(text.to_owned());
    let Some(nodes) = nodes else {
        return Err(failed("host=node was asked for, but no node can be reached from here"));
    };
    let Some(command) = trimmed(args.command.as_deref()) else {
        return Err(ToolError::Arguments("Provide a command to start.".to_owned()));
    };
    let env = args.env.unwrap_or_default();
    policy::env_guard::check(&env).map_err(|refusal| ToolError::Failed(refusal.to_string()))?;
    let asked = trimmed(args.node.as_deref()).map(str::to_owned);
    let bound = cx.limits.exec.node.clone();
    if let (Some(asked), Some(bound)) = (&asked, &bound)
        && asked != bound
    {
        return Err(failed(&format!(
            "exec node not allowed (bound to {bound} by tools.exec.node, requested {asked})"
        )));
    }
    let seconds = args.timeout.or(args.timeout_seconds).filter(|seconds| *seconds > 0.0);
    let timeout = seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .or(cx.limits.exec.timeout)
        .unwrap_or(TIMEOUT);
    let job = NodeJob {
        node: bound.or(asked),
        command: command.to_owned(),
        workdir: trimmed(args.workdir.as_deref()).map(str::to_owned),
        env,
        timeout,
        session: cx.session.clone(),
        decision: permit.approved().and_then(policy::Verdict::as_str),
    };
    let output = tokio::select! {
        biased;
        () = cx.cancel.cancelled() => return Err(ToolError::Aborted),
        output = nodes.run(job, reporter(cx)) => output.map_err(ToolError::Failed)?,
    };
    told(&output, cx.limits.output_chars_max)
}

/// Shows the end of what a command has written so far, now and then.
fn reporter(cx: &ToolCx) -> Heard {
    let (progress, every) = (cx.progress.clone(), cx.limits.progress_every);
    let so_far = Mutex::new((String::new(), None::<Instant>));
    Arc::new(move |text| {
        let mut state = so_far.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.push_str(text);
        state.0 = tail(&state.0, SHOWN_CHARS_MAX);
        if state.1.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        state.1 = Some(Instant::now());
        let content = Content::text(state.0.trim_end());
        drop(state);
        progress.report(CallResult { content, details: None, is_error: false });
    })
}

fn told(output: &NodeOutput, chars_max: usize) -> Result<ToolOutput, ToolError> {
    let texts = [&output.stdout, &output.stderr, output.error.as_ref().unwrap_or(&output.stderr)];
    let text = texts.into_iter().map(|text| text.trim()).find(|text| !text.is_empty());
    let text = text.map_or_else(|| "(no output)".to_owned(), |text| tail(text, chars_max));
    if output.timed_out {
        return Err(ToolError::Failed(format!("{text}\n\nCommand timed out")));
    }
    let Some(code) = output.exit_code else {
        return Err(ToolError::Failed(format!("{text}\n\nCommand ended without an exit code")));
    };
    let text = if code == 0 { text } else { format!("{text}\n\n(exit code {code})") };
    let details = json!({
        "status": "completed",
        "exitCode": code,
        "host": "node",
        "nodeId": output.node,
        "aggregated": output.stdout,
    });
    Ok(ToolOutput { content: Content::text(text), details: Some(details) })
}

fn tail(text: &str, chars_max: usize) -> String {
    let count = text.chars().count();
    text.chars().skip(count.saturating_sub(chars_max)).collect()
}
