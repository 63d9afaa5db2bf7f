//! A workspace with tools, and one call at a time.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use domain::{Call, CallId, CallResult, Effect, SessionKey, SystemClock, TurnId, UnixMillis, User};
use policy::{HostJudgement, Judgement, Permit, Policy, Reach, Rules, Subject, judge, judge_host};
use sandbox::{
    Backend, Sandbox, Spec,
    host::{Config, Confinement, Host},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tools::{
    Deps, ExecEnded, Limits, Processes, Progress, Registry, ToolCx,
    ports::{
        Cleanup, Conversations, Errand, History, Letter, Peers, SendStatus, Sent, Spawned,
        Startable, StartableAgent, Status,
    },
};

pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) registry: Registry,
    pub(crate) processes: Processes,
    pub(crate) tasks: TaskTracker,
    pub(crate) cx: ToolCx,
    pub(crate) ended: Arc<Mutex<Vec<ExecEnded>>>,
    pub(crate) reports: Arc<Mutex<Vec<CallResult>>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::confined(Confinement::None).await
    }

    pub(crate) async fn confined(confinement: Confinement) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tasks = TaskTracker::new();
        let ended: Arc<Mutex<Vec<ExecEnded>>> = Arc::default();
        let reports: Arc<Mutex<Vec<CallResult>>> = Arc::default();
        let (told, reported) = (Arc::clone(&ended), Arc::clone(&reports));
        let processes = Processes::new(
            tasks.clone(),
            Arc::new(move |event| told.lock().expect("not poisoned").push(event)),
        );
        let registry = tools::builtin(Deps {
            conversations: Arc::new(OneConversation),
            peers: Some(Arc::new(Echo)),
            processes: processes.clone(),
            clock: SystemClock::shared(),
            nodes: None,
        });
        let cx = ToolCx {
            session: SessionKey::stored("agent:main:main"),
            sandbox: host(&directory, &tasks, confinement).await,
            limits: Arc::new(limits()),
            progress: Progress::new(move |so_far| {
                reported.lock().expect("not poisoned").push(so_far);
            }),
            cancel: CancellationToken::new(),
        };
        Self { directory, registry, processes, tasks, cx, ended, reports }
    }

    pub(crate) fn limit(&mut self, change: impl FnOnce(&mut Limits)) {
        change(Arc::make_mut(&mut self.cx.limits));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "the test looks at what the tool did")]
    pub(crate) fn text_of(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a readable file")
    }

    #[expect(clippy::disallowed_methods, reason = "the test sets the scene")]
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a writable directory");
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> CallResult {
        self.call_in(&self.cx, tool, arguments).await
    }

    pub(crate) async fn call_in(&self, cx: &ToolCx, tool: &str, arguments: Value) -> CallResult {
        let call = Call { id: CallId::new("call"), name: tool.to_owned(), arguments };
        match self.registry.prepare(&call) {
            Ok(prepared) => {
                let permit = permit(&prepared);
                prepared.run(permit, cx.clone()).await
            }
            Err(error) => tools::tool::error_result(tool, &error),
        }
    }

    /// Starts a background command and gives its id.
    pub(crate) async fn background(&self, command: &str) -> String {
        let arguments = json!({ "command": command, "background": true });
        let result = self.call("exec", arguments).await;
        details(&result)["sessionId"].as_str().expect("a background session").to_owned()
    }

    pub(crate) async fn process(&self, action: &str, id: &str) -> CallResult {
        self.call("process", json!({ "action": action, "sessionId": id, "timeout": 20_000 })).await
    }

    /// Polls until the process has ended, and gives all that it wrote.
    pub(crate) async fn drain(&self, id: &str) -> (String, Value) {
        let mut all = String::new();
        loop {
            let result = self.process("poll", id).await;
            let details = details(&result);
            all.push_str(details["aggregated"].as_str().expect("output"));
            if details["status"] != "running" {
                return (all, details);
            }
        }
    }
}

async fn host(
    directory: &TempDir,
    tasks: &TaskTracker,
    confinement: Confinement,
) -> Arc<dyn Sandbox> {
    let workspace = directory.path().canonicalize().expect("it exists");
    let env = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("SHELL", "/bin/sh")];
    let spec = Spec {
        home: workspace.clone(),
        workspace,
        env: BTreeMap::from(env.map(|(name, value)| (name.to_owned(), value.to_owned()))),
    };
    Host::new(tasks.clone(), Config { confinement }).open(&spec).await.expect("the host opens")
}

fn on_host(prepared: &tools::Prepared, reach: Reach) -> Permit {
    let Effect::Run(run) = &prepared.effect else { panic!("only commands are for machines") };
    match judge_host(prepared.tool, run, reach, &Rules::default(), &[]) {
        HostJudgement::Allow(permit, _) => permit,
        HostJudgement::Deny(_) | HostJudgement::Ask(_) => panic!("the default rules allow"),
    }
}

fn limits() -> Limits {
    Limits {
        exec: config::resolved::Exec {
            host: config::ExecHost::Auto,
            node: None,
            safe_bins: None,
            safe_bin_dirs: Vec::new(),
            path_prepend: Vec::new(),
            yield_after: Duration::from_secs(10),
            timeout: Some(Duration::from_mins(1)),
            finished_kept: Duration::from_mins(30),
            notify_on_exit: true,
        },
        background: true,
        workspace_only: false,
        machine: tools::Machine::Host,
        runs_outside: false,
        output_chars_max: 200_000,
        progress_every: Duration::from_millis(100),
    }
}

fn permit(prepared: &tools::Prepared) -> Permit {
    let subject = Subject { tools: Policy::default(), ..Subject::default() };
    match judge(prepared.tool, &prepared.effect, &subject) {
        Judgement::Allow(permit) => permit,
        Judgement::Host(reach) => on_host(prepared, reach),
        Judgement::Deny(_) => panic!("the default policy allows"),
    }
}

pub(crate) fn text(result: &CallResult) -> String {
    result.content.joined_text()
}

pub(crate) fn details(result: &CallResult) -> Value {
    result.details.clone().unwrap_or_default()
}

/// What a failed call says.
pub(crate) fn error(result: &CallResult) -> String {
    assert!(result.is_error, "{result:?}");
    details(result)["error"].as_str().expect("an error text").to_owned()
}

struct OneConversation;

#[async_trait]
impl Conversations for OneConversation {
    async fn list(&self, viewer: &SessionKey) -> Vec<Value> {
        vec![json!({ "key": viewer, "kind": "main", "updatedAt": 1 })]
    }

    async fn history(&self, viewer: &SessionKey, name: &str, limit: usize) -> Option<History> {
        let said = |n: usize| {
            let content = domain::Content::text(format!("message {n}"));
            domain::Message::User(User { content, timestamp: UnixMillis(0) })
        };
        (name == viewer.as_str()).then(|| History {
            key: viewer.clone(),
            messages: (0..limit.min(5)).map(said).collect(),
            truncated: limit < 5,
        })
    }

    async fn status(
        &self,
        viewer: &SessionKey,
        _name: Option<&str>,
        model: Option<&str>,
    ) -> Result<Status, String> {
        match model {
            Some("none/such") => Err("there is no model none/such".to_owned()),
            chosen => Ok(Status {
                key: viewer.clone(),
                text: "all is well".to_owned(),
                changed_model: chosen.is_some(),
            }),
        }
    }
}

/// Answers every letter with what it was, and takes every errand but those of one agent.
struct Echo;

#[async_trait]
impl Peers for Echo {
    async fn agents(&self, sender: &SessionKey) -> Startable {
        let id = sender.agent().expect("an agent");
        let own = StartableAgent { id, name: Some("Mo".to_owned()), is_configured: true };
        Startable { any: false, agents: vec![own] }
    }

    async fn send(&self, sender: &SessionKey, letter: Letter) -> Sent {
        let waits = !letter.patience.is_zero();
        Sent {
            status: if waits { SendStatus::Ok } else { SendStatus::Accepted },
            turn: TurnId::new("t"),
            session: Some(sender.clone()),
            reply: waits.then(|| format!("{:?} {:?}", letter.to, letter.patience)),
            note: None,
            goes_on: waits,
        }
    }

    async fn spawn(&self, sender: &SessionKey, errand: Errand) -> Spawned {
        match errand.agent.as_deref() {
            Some("work") => Spawned::Forbidden("not you".to_owned()),
            Some(_) | None => Spawned::Accepted {
                session: sender.clone(),
                turn: TurnId::new("t"),
                has_model: errand.model.map(|_| false),
                warning: (errand.cleanup == Cleanup::Delete)
                    .then(|| format!("{:?}", errand.timeout)),
            },
        }
    }
}
