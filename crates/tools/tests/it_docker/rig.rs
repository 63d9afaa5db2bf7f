//! Sandboxed sessions on the real engine, and their calls.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bollard::{Docker, query_parameters::InspectContainerOptions};
use domain::{Call, CallId, CallResult, Effect, SessionKey, SystemClock};
use policy::{HostJudgement, Judgement, Permit, Reach, Rules, Subject, judge, judge_host};
use sandbox::docker::{
    Backend, Engine, Options, Owner, Settings,
    settings::{Access, Allowed, Container, Scope, Seed, Sharing},
};
use serde_json::{Value, json};
use testkit::containers::{Containers, servant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tools::{
    Deps, Limits, Processes, Progress, Registry, ToolCx,
    ports::{Conversations, History, Status},
};

/// Longest that a call may take, contained or not.
const PATIENCE: Duration = Duration::from_secs(25);

/// What the host keeps to itself.
pub(crate) const SECRET: &str = "the host's own words";

/// One gateway with its state directory.
pub(crate) struct Rig {
    pub(crate) home: PathBuf,
    pub(crate) docker: Docker,
    pub(crate) gateway: Backend,
    registry: Registry,
    containers: Containers,
    _dir: tempfile::TempDir,
}

/// A session in its sandbox.
pub(crate) struct Boxed<'a> {
    rig: &'a Rig,
    cx: ToolCx,
}

/// A call, and what the answer to it says.
pub(crate) type Row<'a> = (&'a str, Value, &'a str);

impl Rig {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        std::fs::write(home.join("canary"), SECRET).unwrap();
        let containers = Containers::new().await;
        let docker = containers.docker.clone();
        let processes = Processes::new(TaskTracker::new(), Arc::new(|_| {}));
        let (conversations, clock) = (Arc::new(NoConversation), SystemClock::shared());
        let deps = Deps { conversations, peers: None, processes, clock, nodes: None };
        let registry = tools::builtin(deps);
        let gateway = Backend::new(options(&home, &containers.run, &containers));
        Self { home, docker, gateway, registry, containers, _dir: dir }
    }

    /// The same gateway in another life.
    pub(crate) fn reborn(&self) -> Backend {
        Backend::new(options(&self.home, &self.containers.run, &self.containers))
    }

    /// Another gateway at the same engine.
    pub(crate) fn other_gateway(&self, owner: &str) -> Backend {
        Backend::new(options(&self.home.join(owner), owner, &self.containers))
    }

    /// The defaults, for a session of this name.
    pub(crate) fn settings(&self, session: &str) -> Settings {
        let key = format!("{session}-{}", self.containers.run);
        Settings {
            sandbox_dir: self.home.join("sandboxes").join(sandbox::naming::slug(&key)),
            scope: Scope { sharing: Sharing::Session, key, agent: "main".to_owned() },
            access: Access::None,
            agent_dir: self.home.join("workspace"),
            container: Container::default(),
            allowed: Allowed::default(),
            spares: 0,
            seed: Seed::default(),
            exposed: Arc::default(),
        }
    }

    /// A session in a sandbox of the defaults.
    pub(crate) async fn boxed(&self, session: &str) -> Boxed<'_> {
        self.enter(&self.settings(session)).await
    }

    pub(crate) async fn enter(&self, settings: &Settings) -> Boxed<'_> {
        self.enter_by(&self.gateway, settings).await
    }

    pub(crate) async fn enter_by(&self, gateway: &Backend, settings: &Settings) -> Boxed<'_> {
        let sandbox = gateway.ensure(settings).await.unwrap_or_else(|error| {
            panic!("{error} (scripts/sandbox-image.sh and scripts/build-boxd.sh must have run)")
        });
        let cx = ToolCx {
            session: SessionKey::stored(&format!("agent:main:{}", settings.scope.key)),
            sandbox,
            limits: Arc::new(limits()),
            progress: Progress::default(),
            cancel: CancellationToken::new(),
        };
        Boxed { rig: self, cx }
    }

    /// The container's id, if there is one.
    pub(crate) async fn id(&self, settings: &Settings) -> Option<String> {
        let name = self.gateway.name_of(settings);
        let seen = self.docker.inspect_container(&name, None::<InspectContainerOptions>).await;
        seen.ok().and_then(|it| it.id)
    }

    /// How many containers this test has.
    pub(crate) async fn count(&self) -> usize {
        self.containers.names().await.len()
    }

    /// Nothing of the host was changed by the sandbox.
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(text(&self.home.join("canary")), SECRET);
    }
}

impl Boxed<'_> {
    /// Makes a call and gives the text of its answer.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> String {
        let shown = format!("{tool} {arguments:.200}");
        let call = Call { id: CallId::new("call"), name: tool.to_owned(), arguments };
        let result = match self.rig.registry.prepare(&call) {
            Ok(prepared) => {
                let permit = match permit(tool, &call, self.rig) {
                    Ok(permit) => permit,
                    Err(denied) => return denied,
                };
                let run = prepared.run(permit, self.cx.clone());
                let ended = tokio::time::timeout(PATIENCE, run).await;
                ended.unwrap_or_else(|_| panic!("no answer: {shown}"))
            }
            Err(error) => tools::tool::error_result(tool, &error),
        };
        told(&result)
    }

    pub(crate) async fn exec(&self, line: &str) -> String {
        self.call("exec", json!({ "command": line })).await
    }

    /// An abuse: the answer says `why`, and the next call works.
    pub(crate) async fn abuse(&self, (tool, arguments, why): Row<'_>) {
        let shown = format!("{tool} {arguments:.300}");
        let said = self.call(tool, arguments).await;
        assert!(says(&said, why), "{shown}: {said:.2000}");
        assert!(!said.contains(SECRET), "{shown}: {said:.2000}");
        self.assert_works(&shown).await;
    }

    /// An abuse by the shell: it fails, says `why`, and the next call works.
    pub(crate) async fn abuse_by_shell(&self, line: &str, why: &str) {
        let said = self.exec(&format!("{line}\necho \"status $?\"")).await;
        assert!(says(&said, why) && !said.contains("status 0"), "{line}: {said:.2000}");
        assert!(!said.contains(SECRET), "{line}: {said:.2000}");
        self.assert_works(line).await;
    }

    /// A plain call works.
    pub(crate) async fn assert_works(&self, after: &str) {
        assert_eq!(self.exec("echo ok").await, "ok", "after {after}");
    }

    pub(crate) fn limit(&mut self, change: impl FnOnce(&mut Limits)) {
        change(Arc::make_mut(&mut self.cx.limits));
    }

    /// How many processes in the sandbox have this text in their command line.
    pub(crate) async fn processes_with(&self, text: &str) -> String {
        // The pattern must not find the shell that looks.
        let (first, rest) = text.split_at(1);
        let line = format!(
            "n=0; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null \
             | grep -q '[{first}]{rest}' && n=$((n+1)); done; echo $n"
        );
        self.exec(&line).await
    }
}

/// Whether the answer has one of the reasons, which `|` parts.
pub(crate) fn says(said: &str, why: &str) -> bool {
    let said = said.to_lowercase();
    why.split('|').any(|why| said.contains(&why.to_lowercase()))
}

/// A row of the shell.
pub(crate) fn shell<'a>(line: &str, why: &'a str) -> Row<'a> {
    ("exec", json!({ "command": line }), why)
}

/// A patch that makes a file.
pub(crate) fn adding(path: &str, line: &str) -> Value {
    json!({ "input": format!("*** Begin Patch\n*** Add File: {path}\n+{line}\n*** End Patch\n") })
}

/// A patch that changes a line of a file.
pub(crate) fn changing(path: &str, old: &str, new: &str) -> Value {
    json!({ "input": format!(
        "*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch\n"
    ) })
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn options(home: &Path, owner: &str, containers: &Containers) -> Options {
    Options {
        engine: Engine::Docker,
        env: BTreeMap::new(),
        homes: vec![home.join("home")],
        registry: store::SandboxRegistry::new(home),
        clock: SystemClock::shared(),
        servant: Some(servant()),
        owner: Owner::new(owner.to_owned()),
        labels: BTreeMap::from([containers.label()]),
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
    }
}

/// The permit that the default policy gives, or its refusal.
fn permit(tool: &str, call: &Call, rig: &Rig) -> Result<Permit, String> {
    let prepared = rig.registry.prepare(call).unwrap();
    match judge(tool, &prepared.effect, &Subject::default()) {
        Judgement::Allow(permit) => Ok(permit),
        Judgement::Host(reach) => Ok(on_host(&prepared, reach)),
        Judgement::Deny(denied) => Err(denied.to_string()),
    }
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
            yield_after: Duration::from_secs(20),
            timeout: Some(Duration::from_secs(20)),
            finished_kept: Duration::from_mins(30),
            notify_on_exit: false,
        },
        background: true,
        workspace_only: false,
        machine: tools::Machine::Sandbox("test".to_owned()),
        runs_outside: false,
        output_chars_max: 200_000,
        progress_every: Duration::from_millis(100),
    }
}

fn told(result: &CallResult) -> String {
    let error = result.details.as_ref().and_then(|it| it["error"].as_str());
    error.map_or_else(|| result.content.joined_text(), str::to_owned)
}

struct NoConversation;

#[async_trait]
impl Conversations for NoConversation {
    async fn list(&self, _viewer: &SessionKey) -> Vec<Value> {
        Vec::new()
    }

    async fn history(&self, _viewer: &SessionKey, _name: &str, _limit: usize) -> Option<History> {
        None
    }

    async fn status(
        &self,
        _viewer: &SessionKey,
        _name: Option<&str>,
        _model: Option<&str>,
    ) -> Result<Status, String> {
        Err("there is none".to_owned())
    }
}
