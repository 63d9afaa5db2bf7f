//! The door of effects: prepare, judge, permit, run. Nothing a model asks for happens
//! anywhere else. A call that a person makes outside a turn ([`crate::invoke`]) comes by it, too.
//!
//! Calls of one reply run one after the other, in the model's order, and each result is
//! stored as soon as it is there. A message that joins in between skips the calls that did
//! not begin; so does a stop. Every call gets a result, whatever happens. Calls of a client's
//! own tools are not run here: they are handed over, and the turn ends.

use std::sync::Arc;

use domain::{Assistant, Call, CallResult, Content, Effect, Message, Part, ToolResult};
use policy::{Denied, Judgement, Subject, tool_policy::Decision};
use store::StoreError;
use tokio::time::Instant;
use tools::ToolCx;

use crate::{
    EventBody,
    brief::Brief,
    confine, consent,
    emitter::Emitter,
    event::CallEnd,
    halt::Halt,
    io::Io,
    machines::{Machine, Machines},
    overflow, sandboxes,
    turn::{Turn, append},
};

/// How often a running call may report.
const PROGRESS_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// Longest one-line summary of a call, in characters.
const SUMMARY_CHARS_MAX: usize = 200;

/// Runs `calls` and stores their results. Gives the reason when the turn must stop.
pub(crate) async fn all(
    calls: Vec<Call>,
    turn: &mut Turn,
    io: &Io,
    reply: Option<&Assistant>,
) -> Result<Option<&'static str>, StoreError> {
    let (provider, model) = reply.map(|it| (&*it.provider, &*it.model)).unwrap_or_default();
    let subject = turn.brief.subject(provider, model);
    for call in calls {
        let (result, end) = if turn.halt.is_reached().is_some() {
            (skipped("not run: the turn was stopped"), None)
        } else if !turn.inbox.is_empty() {
            (skipped("not run: a new message arrived first"), None)
        } else if turn.brief.is_of_client(&call.name) {
            (handed_over(), None)
        } else {
            let end = one(&call, turn, io, &subject).await;
            (CallResult::clone(&end.result), Some(end))
        };
        let result = ToolResult {
            tool_call_id: call.id,
            tool_name: call.name,
            content: capped(result.content, turn.brief.output_chars_max()),
            details: result.details,
            is_error: result.is_error,
            timestamp: io.clock.now(),
        };
        append(&mut turn.transcript, Message::ToolResult(result)).await?;
        // Whoever hears of a result may count on it, so it is told when it is stored.
        if let Some(end) = end {
            turn.emitter.send(EventBody::CallEnded(end)).await;
        }
    }
    Ok(turn.halt.is_reached())
}

/// What a tool wrote, cut in the middle where it is longer than the models have room for.
fn capped(mut content: Content, chars_max: usize) -> Content {
    for part in &mut content.0 {
        if let Part::Text { text, .. } = part
            && let Some(short) = overflow::shortened(text, chars_max.saturating_mul(4))
        {
            *text = short;
        }
    }
    content
}

/// What a call stands on: for whom, who watches, what stops it, and on which machines.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub(crate) brief: &'a Brief,
    pub(crate) emitter: &'a Arc<Emitter>,
    pub(crate) halt: &'a Halt,
    pub(crate) machines: &'a Machines,
}

/// How far a call got.
pub(crate) enum Reached {
    /// Its arguments make no sense.
    NotUnderstood(CallResult),
    /// It may not happen.
    Refused(Refusal),
    /// It ran, and brought this or failed so.
    Ran(CallResult),
}

/// A call that may not happen.
pub(crate) struct Refusal {
    /// The rule that decided, such as `tools.deny`.
    pub(crate) rule: String,
    /// What the model is told.
    pub(crate) result: CallResult,
}

impl Refusal {
    /// A refusal for `rule`, told as `why`.
    pub(crate) fn new(rule: impl Into<String>, why: &str) -> Self {
        Self { rule: rule.into(), result: skipped(why) }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        let why = denied.to_string();
        Self::new(denied.rule, &why)
    }
}

impl Reached {
    /// What the model is told, and the rule that decided if it was refused.
    fn told(self) -> (CallResult, Option<String>) {
        match self {
            Self::NotUnderstood(result) | Self::Ran(result) => (result, None),
            Self::Refused(Refusal { rule, result }) => (result, Some(rule)),
        }
    }
}

async fn one(call: &Call, turn: &Turn, io: &Io, subject: &Subject) -> CallEnd {
    let arguments = Arc::new(call.arguments.clone());
    let summary = summary(call);
    let (id, name) = (call.id.clone(), call.name.clone());
    turn.emitter.send(EventBody::CallStarted { id, name, arguments }).await;
    let started = Instant::now();
    let (result, refused_by) = tokio::select! {
        biased;
        reached = judged(call, turn.ground(), io, subject) => reached.told(),
        _reason = turn.halt.reached() => (skipped("stopped while it ran"), None),
    };
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (id, name) = (call.id.clone(), call.name.clone());
    CallEnd { id, name, summary, result: Arc::new(result), refused_by, took_ms }
}

/// Prepares, judges, permits, runs.
pub(crate) async fn judged(call: &Call, ground: Ground<'_>, io: &Io, subject: &Subject) -> Reached {
    let prepared = match io.tools.prepare(call) {
        Ok(prepared) => prepared,
        Err(bad) => return Reached::NotUnderstood(tools::tool::error_result(&call.name, &bad)),
    };
    let permit = match policy::judge(prepared.tool, &prepared.effect, subject) {
        Judgement::Allow(permit) => permit,
        Judgement::Deny(denied) => {
            tracing::debug!(tool = prepared.tool, rule = %denied.rule, "call denied");
            return Reached::Refused(denied.into());
        }
        Judgement::Host(reach) => {
            let Effect::Run(run) = &prepared.effect else {
                return Reached::Refused(Refusal::new("effect", "not a command"));
            };
            match consent::obtain(call, (prepared.tool, run, reach), subject, ground, io).await {
                Ok(permit) => permit,
                Err(refusal) => return Reached::Refused(refusal),
            }
        }
    };
    let (tool, effect) = (prepared.tool, &prepared.effect);
    if let Some(denied) = confine::denied(tool, effect, permit.writes(), ground.brief).await {
        return Reached::Refused(denied.into());
    }
    let machine = ground.machines.of(&prepared.effect, &permit, ground.brief, io).await;
    Reached::Ran(match machine {
        Ok(machine) => prepared.run(permit, context(call, ground, subject, machine)).await,
        Err(error) => tools::tool::error_result(prepared.tool, &error.into()),
    })
}

/// What a permitted call has at hand.
fn context(call: &Call, ground: Ground<'_>, subject: &Subject, machine: Machine) -> ToolCx {
    let brief = ground.brief;
    let limits = tools::Limits {
        exec: brief.agent().exec.clone(),
        background: subject.tools.decide("process") == Decision::Allowed,
        workspace_only: brief.config.tools.workspace_only && !machine.is_boxed,
        machine: machine_of(brief, machine.is_boxed),
        runs_outside: policy::runs_outside(subject),
        output_chars_max: brief.output_chars_max(),
        progress_every: PROGRESS_EVERY,
    };
    let (emitter, id, name) = (Arc::clone(ground.emitter), call.id.clone(), call.name.clone());
    let progress = tools::Progress::new(move |so_far| {
        let (id, name, so_far) = (id.clone(), name.clone(), Arc::new(so_far));
        // No room: the next report says more anyway.
        let _sent = emitter.offer(EventBody::CallProgress { id, name, so_far });
    });
    ToolCx {
        session: brief.session.clone(),
        sandbox: machine.sandbox,
        limits: Arc::new(limits),
        progress,
        cancel: ground.halt.token().clone(),
    }
}

/// The machine of a call, as those that share it are told apart.
fn machine_of(brief: &Brief, is_boxed: bool) -> tools::Machine {
    if !is_boxed {
        return tools::Machine::Host;
    }
    let agent = brief.agent();
    let key = sandboxes::scope(agent, &brief.session).key;
    tools::Machine::Sandbox(format!("{:?}:{key}", sandboxes::engine(agent)))
}

fn handed_over() -> CallResult {
    let text = "handed to the caller, whose next message brings the result";
    CallResult { content: Content::text(text), details: None, is_error: false }
}

fn skipped(why: &str) -> CallResult {
    CallResult { content: Content::text(why), details: None, is_error: true }
}

/// One line that says what a call is about: its most telling argument.
fn summary(call: &Call) -> String {
    let telling =
        ["command", "path", "file_path", "action", "sessionKey", "label", "task", "input"]
            .iter()
            .find_map(|key| call.arguments.get(key)?.as_str());
    let line = telling.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SUMMARY_CHARS_MAX).collect()
}
