//! A hub whose sandboxes are real. Its containers go with it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use agent::{Lookup, Outcome, Parts, Place, Sessions, Submission};
use domain::{Content, SessionKey, SystemClock, TurnId};
use sandbox::{
    docker::{Backend, Engine, Options, Owner},
    host::{Config as HostConfig, Confinement, Host},
};
use serde_json::Value;
use store::{OpenOptions, SandboxRegistry, Store};
use testkit::{
    containers::{Containers, servant},
    home::TempHome,
    llm::Llm,
};
use tokio::{sync::mpsc, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Rig {
    sessions: Sessions,
    _containers: Containers,
    pub(crate) llm: Llm,
    pub(crate) home: TempHome,
    _events: mpsc::Receiver<agent::Event>,
    _config: watch::Sender<Arc<config::Config>>,
}

impl Rig {
    pub(crate) async fn with(llm: Llm, settings: &Value) -> Self {
        let home = TempHome::with_model(&llm.base_url()).unwrap();
        home.merge_config(settings).unwrap();
        let vars = BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let env = config::Env::of(vars, home.path(), home.path());
        let locations = config::Locations::find(&env, None, false).unwrap();
        let loaded = config::load(&locations, &env);
        assert_eq!(loaded.snapshot.problems, []);
        let (config, receiver) = watch::channel(loaded.config.unwrap());
        let containers = Containers::new().await;
        let store = Store::open(OpenOptions {
            state_dir: home.state_dir(),
            sessions_template: None,
            clock: SystemClock::shared(),
        });
        let store = store.unwrap();
        let backend = Backend::new(Options {
            engine: Engine::Docker,
            env: BTreeMap::new(),
            homes: Vec::new(),
            registry: SandboxRegistry::new(&home.state_dir()),
            clock: SystemClock::shared(),
            servant: Some(servant()),
            owner: Owner::new(containers.run.clone()),
            labels: BTreeMap::from([containers.label()]),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let confinement = Confinement::None;
        let (sessions, events) = Sessions::start(Parts {
            config: receiver,
            store: store.clone(),
            models: models::Models::new(models::Settings {
                store,
                clock: SystemClock::shared(),
                env: Arc::new(env.vars().clone()),
            }),
            backend: Arc::new(Host::new(TaskTracker::new(), HostConfig { confinement })),
            sandboxes: Arc::new([(Engine::Docker, backend)]),
            clock: SystemClock::shared(),
            place: Place {
                env: env.vars().clone(),
                home: home.path().to_owned(),
                state_dir: home.state_dir(),
                config_path: home.config_path(),
                host: "test".to_owned(),
                os: "linux".to_owned(),
                timezone: "UTC".to_owned(),
            },
            ports: agent::Ports::default(),
        });
        Self { sessions, llm, home, _containers: containers, _events: events, _config: config }
    }

    /// Says something in the main conversation and waits for the turn to end.
    pub(crate) async fn say(&self, turn: &str, text: &str) -> Arc<Outcome> {
        let key = SessionKey::stored("agent:main:main");
        let submission = Submission::of(TurnId::new(turn), key, Content::text(text));
        self.sessions.submit(submission).await.unwrap();
        match self.sessions.wait(&TurnId::new(turn), PATIENCE).await {
            Lookup::Done(outcome) => outcome,
            Lookup::Pending => panic!("turn `{turn}` did not end"),
        }
    }
}
