//! Asks for leave to run a command on a machine: the machine's own rules first, then a person.
//!
//! Decides nothing: [`policy`] does, by what this module brings it from the approvals file and
//! the disk. A file that cannot be read, and nobody to ask, count as a no.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{AgentId, Call, CallResult, Content, Run, SessionKey, UnixMillis};
use policy::{
    HostJudgement, Permit, Question, Reach, Rules, Subject, Verdict,
    allowlist::{Finding, Program},
};
use serde_json::json;
use store::AllowUse;
use tools::look::Scene;

use crate::{
    EventBody,
    dispatch::{Ground, Refusal},
    io::Io,
};

/// How long a person has to answer.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_mins(2);

/// Puts questions to people. Implemented by whoever knows them.
#[async_trait]
pub trait Approver: Send + Sync {
    /// Asks, and waits for an answer, or until there can be none any more. Dropping the future
    /// takes the question back.
    async fn ask(&self, request: ApprovalRequest) -> Verdict;

    /// Answers a question that waits, as a person of this conversation did by a command; `id`
    /// may be the first part of it. `None` when no such question waits.
    async fn answer(&self, id: &str, verdict: Verdict, by: &str) -> Option<String>;
}

/// A question to a person: may this run?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// Names the question.
    pub id: String,
    /// The command line.
    pub command: String,
    /// Where it would run.
    pub cwd: Option<String>,
    /// `gateway` or `node`.
    pub host: &'static str,
    /// The rule in force: `allowlist` or `full`.
    pub security: &'static str,
    /// The rule in force: `on-miss` or `always`.
    pub ask: &'static str,
    /// The agent that wants it.
    pub agent: AgentId,
    /// The conversation that wants it.
    pub session: SessionKey,
    /// The first program, as found.
    pub resolved_path: Option<String>,
    /// Whether the answer may hold for ever.
    pub may_remember: bool,
}

/// Gets leave for `run`, or the refusal that says why not.
pub(crate) async fn obtain(
    call: &Call,
    (tool, run, reach): (&str, &Run, Reach),
    subject: &Subject,
    ground: Ground<'_>,
    io: &Io,
) -> Result<Permit, Refusal> {
    let scene = scene(ground);
    let rules = rules(reach, subject, ground, io).await?;
    let programs: Vec<Option<Program>> = if reach != Reach::Node && rules.needs_look(run) {
        scene.programs(run).await
    } else {
        Vec::new()
    };
    let agent = &ground.brief.agent;
    match policy::judge_host(tool, run, reach, &rules, &programs) {
        HostJudgement::Allow(permit, finding) => {
            note_use(&finding, &rules, run, (agent, io)).await;
            Ok(permit)
        }
        HostJudgement::Deny(denied) => {
            tracing::debug!(tool, rule = %denied.rule, "command denied");
            Err(denied.into())
        }
        HostJudgement::Ask(question) => ask(call, question, &scene, ground, io).await,
    }
}

async fn ask(
    call: &Call,
    question: Question,
    scene: &Scene,
    ground: Ground<'_>,
    io: &Io,
) -> Result<Permit, Refusal> {
    let id = uuid::Uuid::new_v4().to_string();
    let agent = ground.brief.agent.clone();
    let verdict = match &io.ports.approver {
        Some(approver) => {
            let cwd = (question.reach != Reach::Node).then(|| scene.cwd(&question.run));
            let request = ApprovalRequest {
                id: id.clone(),
                command: question.run.command.clone(),
                cwd: cwd.or_else(|| question.run.workdir.clone()),
                host: question.reach.host(),
                security: question.needs.security.as_str(),
                ask: question.needs.ask.as_str(),
                agent: agent.clone(),
                session: ground.brief.session.clone(),
                resolved_path: question.finding.resolved.clone(),
                may_remember: question.finding.to_remember.is_some(),
            };
            tell_pending(call, &request, ground, io.clock.now()).await;
            approver.ask(request).await
        }
        None => Verdict::Unasked,
    };
    tracing::info!(id, ?verdict, session = %ground.brief.session, "command judged by a person");
    let patterns = question.to_remember(verdict);
    if !patterns.is_empty()
        && let Err(error) = io.store.exec_approvals().remember(agent.as_str(), patterns).await
    {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot remember an approval");
    }
    question.settle(verdict).map_err(Refusal::from)
}

/// Tells whoever watches the turn that it waits for a person.
async fn tell_pending(call: &Call, request: &ApprovalRequest, ground: Ground<'_>, now: UnixMillis) {
    let slug: String = request.id.chars().take(8).collect();
    let patience_ms = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
    let mut text = format!(
        "Approval required (id {slug}): {}\nReply with /approve {slug} allow-once",
        request.command
    );
    if request.may_remember {
        text.push_str(", /approve ");
        text.push_str(&slug);
        text.push_str(" allow-always");
    }
    text.push_str(" or /approve ");
    text.push_str(&slug);
    text.push_str(" deny.");
    let details = json!({
        "status": "approval-pending",
        "approvalId": request.id,
        "approvalSlug": slug,
        "expiresAtMs": now.0.saturating_add(patience_ms),
        "host": request.host,
        "command": request.command,
        "cwd": request.cwd,
    });
    let so_far =
        CallResult { content: Content::text(text), details: Some(details), is_error: false };
    let (id, name) = (call.id.clone(), call.name.clone());
    ground.emitter.send(EventBody::CallProgress { id, name, so_far: Arc::new(so_far) }).await;
}

/// The rules of the machine. A node's own list is the node's to apply.
async fn rules(
    reach: Reach,
    subject: &Subject,
    ground: Ground<'_>,
    io: &Io,
) -> Result<Rules, Refusal> {
    let file = match reach {
        Reach::Node => domain::ExecApprovals::default(),
        Reach::Inside | Reach::Outside => match io.store.exec_approvals().read().await {
            Ok(snapshot) => snapshot.file,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no exec approvals");
                let why = format!(
                    "exec denied: the approvals file of this machine is unusable ({error})"
                );
                return Err(Refusal::new("exec-approvals.json", &why));
            }
        },
    };
    let mut rules = Rules::of(&file, ground.brief.agent.as_str(), subject.host_exec);
    let exec = &ground.brief.agent().exec;
    rules.lists.safe_bins.clone_from(&exec.safe_bins);
    rules.lists.safe_bin_dirs.clone_from(&exec.safe_bin_dirs);
    rules.lists.home = ground.brief.place.home.to_string_lossy().into_owned();
    Ok(rules)
}

async fn note_use(finding: &Finding, rules: &Rules, run: &Run, (agent, io): (&AgentId, &Io)) {
    let used = |(at, path): &(usize, String)| {
        let pattern = rules.lists.entries.get(*at)?.pattern.clone();
        Some(AllowUse { pattern, path: path.clone() })
    };
    let used: Vec<AllowUse> = finding.used.iter().filter_map(used).collect();
    if used.is_empty() {
        return;
    }
    let file = io.store.exec_approvals();
    let noted = file.note_use(agent.as_str(), used, &run.command, io.clock.now()).await;
    if let Err(error) = noted {
        tracing::warn!(error = &error as &dyn std::error::Error, "cannot note an approval's use");
    }
}

fn scene(ground: Ground<'_>) -> Scene {
    let (place, agent) = (&ground.brief.place, ground.brief.agent());
    Scene {
        workspace: agent.workspace.to_string_lossy().into_owned(),
        home: place.home.clone(),
        path: place.env.get("PATH").cloned().unwrap_or_default(),
        path_prepend: agent.exec.path_prepend.clone(),
    }
}
