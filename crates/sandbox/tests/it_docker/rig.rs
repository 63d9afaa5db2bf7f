//! A backend on the real engine, whose containers go with it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bollard::{
    Docker, models::ContainerInspectResponse, query_parameters::InspectContainerOptions,
};
use domain::{Clock, UnixMillis};
use sandbox::{
    Chunk, Command, Exit, Sandbox, Stdin,
    docker::{
        Backend, Engine, Options, Owner, Settings,
        settings::{Access, Allowed, Container, Scope, Seed, Sharing},
    },
};
use store::SandboxRegistry;
use testkit::containers::{Containers, servant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A time of day that moves when told.
#[derive(Debug)]
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

/// One state directory, and gateways on it.
pub(crate) struct Rig {
    pub(crate) home: PathBuf,
    pub(crate) clock: Arc<Hands>,
    pub(crate) docker: Docker,
    containers: Containers,
    /// Removes `home` when this goes.
    dir: Option<tempfile::TempDir>,
}

/// What a command came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) exit: Exit,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        let mut rig = Self::at(home).await;
        rig.dir = Some(dir);
        rig
    }

    /// On a directory that somebody else removes.
    pub(crate) async fn at(home: PathBuf) -> Self {
        let containers = Containers::new().await;
        let docker = containers.docker.clone();
        let image = sandbox::docker::settings::DEFAULT_IMAGE;
        docker.inspect_image(image).await.unwrap_or_else(|error| {
            panic!("no image {image} ({error}): run scripts/sandbox-image.sh")
        });
        let clock = Arc::new(Hands(AtomicI64::new(1_795_361_070_337)));
        Self { home, clock, docker, containers, dir: None }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            engine: Engine::Docker,
            env: BTreeMap::new(),
            homes: vec![PathBuf::from("/home/nobody-here")],
            registry: SandboxRegistry::new(&self.home),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            servant: Some(servant()),
            owner: self.owner(),
            labels: BTreeMap::from([self.containers.label()]),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Who the state directory is.
    pub(crate) fn owner(&self) -> Owner {
        Owner::new(self.containers.run.clone())
    }

    /// The container's name for these settings.
    pub(crate) fn name_of(&self, settings: &Settings) -> String {
        self.gateway().name_of(settings)
    }

    pub(crate) fn gateway(&self) -> Backend {
        Backend::new(self.options())
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

    pub(crate) async fn inspect(&self, settings: &Settings) -> Option<ContainerInspectResponse> {
        let name = self.name_of(settings);
        self.docker.inspect_container(&name, None::<InspectContainerOptions>).await.ok()
    }

    pub(crate) async fn id(&self, settings: &Settings) -> String {
        self.inspect(settings).await.expect("the container is there").id.unwrap()
    }

    pub(crate) async fn id_of(&self, name: &str) -> String {
        let found = self.docker.inspect_container(name, None::<InspectContainerOptions>).await;
        found.unwrap().id.unwrap()
    }

    /// Names of all containers of this test.
    pub(crate) async fn names(&self) -> Vec<String> {
        self.containers.names().await
    }

    pub(crate) fn label(&self) -> (String, String) {
        self.containers.label()
    }
}

pub(crate) fn command(line: &str) -> Command {
    Command {
        line: line.to_owned(),
        workdir: None,
        env: BTreeMap::new(),
        stdin: Stdin::Null,
        pty: None,
    }
}

/// Runs a command to its end.
pub(crate) async fn run(sandbox: &dyn Sandbox, line: &str) -> Ran {
    let mut running = sandbox.exec(command(line)).await.unwrap();
    let mut out = Vec::new();
    while let Some(Chunk::Out(bytes) | Chunk::Err(bytes)) = running.output.recv().await {
        out.extend_from_slice(&bytes);
    }
    let exit = running.exit.await.unwrap();
    Ran { out: String::from_utf8_lossy(&out).trim().to_owned(), exit }
}

/// The output of a command that succeeds.
pub(crate) async fn out(sandbox: &dyn Sandbox, line: &str) -> String {
    let ran = run(sandbox, line).await;
    assert_eq!(ran.exit, Exit::Code(0), "{line}: {}", ran.out);
    ran.out
}

/// Waits for something to become true.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let holds = async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, holds).await.unwrap_or_else(|_| panic!("never: {what}"));
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
