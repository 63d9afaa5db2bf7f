//! The commands that a node lends: `system.run`, `system.which`, and its approvals file.
//!
//! What may run is judged by `policy` from this machine's own file and config. That a person
//! said yes is the gateway's word, which counts where this machine asks for one and nowhere
//! else: what is denied here stays denied.

use config::HostExec;
use domain::Run;
use policy::{Rules, Verdict, approval::Need};
use sandbox::host::Whereabouts;
use serde_json::{Map, Value, json};
use store::{AllowUse, ApprovalsError, ApprovalsFile, ApprovalsSnapshot};
use tools::look::Scene;

use super::shell::{self, Feed, Shell};
use crate::program::Program;

/// What this node can do.
pub(super) const COMMANDS: [&str; 4] =
    ["system.run", "system.which", "system.execApprovals.get", "system.execApprovals.set"];

/// Names looked up at once by `system.which`.
const NAMES_MAX: usize = 256;

/// This machine, for calls.
pub(super) struct Host {
    shell: Shell,
    approvals: ApprovalsFile,
    asked: HostExec,
    exec: Option<config::Exec>,
    scene: Scene,
    clock: std::sync::Arc<dyn domain::Clock>,
}

/// Why a call failed, as the gateway is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Failed {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new("INVALID_REQUEST", message)
    }

    fn denied(why: &str) -> Self {
        Self::new("SYSTEM_RUN_DENIED", format!("SYSTEM_RUN_DENIED: {why}"))
    }
}

impl From<ApprovalsError> for Failed {
    fn from(error: ApprovalsError) -> Self {
        let is_clash = matches!(error, ApprovalsError::Changed | ApprovalsError::NoBase);
        let code = if is_clash { "INVALID_REQUEST" } else { "UNAVAILABLE" };
        Self::new(code, error.to_string())
    }
}

impl Host {
    pub(super) fn new(program: &Program) -> Self {
        let env = program.env().vars().clone();
        let home = program.locations.home.clone();
        let agent = program.loaded().config.as_ref().map(|config| config.agents.list[0].clone());
        let exec = agent.as_ref().map(|agent| agent.exec.clone());
        Self {
            approvals: ApprovalsFile::new(&program.locations.state_dir),
            asked: agent.map(|agent| agent.host_exec).unwrap_or_default(),
            scene: Scene {
                workspace: home.to_string_lossy().into_owned(),
                home: home.clone(),
                path: env.get("PATH").cloned().unwrap_or_default(),
                path_prepend: Vec::new(),
            },
            exec,
            shell: Shell::new(home, env),
            clock: std::sync::Arc::clone(&program.clock),
        }
    }

    /// Answers one `node.invoke.request`.
    /// Pieces of what a command writes go to `feed` as they come.
    pub(super) async fn call(&self, request: &Value, feed: Feed) -> Result<Value, Failed> {
        let params = match request["paramsJSON"].as_str() {
            Some(text) => {
                serde_json::from_str(text).map_err(|_| Failed::invalid("paramsJSON is not JSON"))?
            }
            None => Value::Object(Map::new()),
        };
        match request["command"].as_str().unwrap_or_default() {
            "system.run" => self.run(&params, feed).await,
            "system.which" => self.which(&params),
            "system.execApprovals.get" => Ok(shown(self.approvals.ensure().await?)),
            "system.execApprovals.set" => {
                let base = params["baseHash"].as_str().map(str::to_owned);
                Ok(shown(self.approvals.set(params["file"].clone(), base).await?))
            }
            other => Err(Failed::new("UNSUPPORTED", format!("this node has no `{other}`"))),
        }
    }

    async fn run(&self, params: &Value, feed: Feed) -> Result<Value, Failed> {
        if params["needsScreenRecording"] == true {
            return Err(Failed::new("UNAVAILABLE", "this node cannot record a screen"));
        }
        let job = shell::Job::read(params).map_err(Failed::invalid)?;
        policy::env_guard::check(&job.env).map_err(|it| Failed::denied(&it.to_string()))?;
        let agent = params["agentId"].as_str().unwrap_or("main");
        let run = Run {
            command: job.judged.clone(),
            workdir: job.cwd.clone(),
            sets_env: !job.env.is_empty(),
            // The caller may wish for more strictness, and gets no less.
            security: params["security"].as_str().map(str::to_owned),
            ask: params["ask"].as_str().map(str::to_owned),
            ..Run::default()
        };
        let file = self.approvals.read().await?.file;
        let mut rules = Rules::of(&file, agent, self.asked);
        if let Some(exec) = &self.exec {
            rules.lists.safe_bins.clone_from(&exec.safe_bins);
            rules.lists.safe_bin_dirs.clone_from(&exec.safe_bin_dirs);
        }
        rules.lists.home = self.scene.home.to_string_lossy().into_owned();
        let programs = self.scene.programs(&run).await;
        let finding = match rules.need(&run, &programs) {
            Need::Refused(why) => return Err(Failed::denied(why)),
            Need::Nothing(finding) => finding,
            Need::Word(finding) => match verdict(params) {
                Some(Verdict::AllowAlways) => {
                    let patterns = finding.to_remember.clone().unwrap_or_default();
                    if !patterns.is_empty() {
                        self.approvals.remember(agent, patterns).await?;
                    }
                    finding
                }
                Some(_) => finding,
                None => return Err(Failed::denied("approval required")),
            },
        };
        let used = |(at, path): &(usize, String)| {
            let pattern = rules.lists.entries.get(*at)?.pattern.clone();
            Some(AllowUse { pattern, path: path.clone() })
        };
        let used: Vec<AllowUse> = finding.used.iter().filter_map(used).collect();
        if !used.is_empty() {
            let now = self.clock.now();
            self.approvals.note_use(agent, used, &run.command, now).await?;
        }
        self.shell.run(job, feed).await.map_err(|error| Failed::new("UNAVAILABLE", error))
    }

    fn which(&self, params: &Value) -> Result<Value, Failed> {
        let names = params["bins"].as_array().ok_or_else(|| Failed::invalid("bins required"))?;
        let at = Whereabouts {
            cwd: self.scene.home.clone(),
            home: self.scene.home.clone(),
            path: self.scene.path.clone(),
        };
        let mut bins = Map::new();
        for name in names.iter().take(NAMES_MAX).filter_map(Value::as_str).map(str::trim) {
            if let Some(located) = at.locate(name, false) {
                bins.insert(name.to_owned(), located.found.to_string_lossy().into());
            }
        }
        Ok(json!({ "bins": bins }))
    }
}

/// What the gateway says that a person said.
fn verdict(params: &Value) -> Option<Verdict> {
    match params["approvalDecision"].as_str().and_then(Verdict::parse) {
        Some(Verdict::Deny) => None,
        Some(verdict) => Some(verdict),
        None => (params["approved"] == true).then_some(Verdict::AllowOnce),
    }
}

fn shown(snapshot: ApprovalsSnapshot) -> Value {
    json!({
        "path": snapshot.path,
        "exists": snapshot.exists,
        "hash": snapshot.hash,
        "file": snapshot.file.redacted(),
    })
}
