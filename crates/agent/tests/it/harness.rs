//! A hub over real parts: store in a temp directory, host sandbox, scripted model.

use std::{path::PathBuf, sync::Arc, time::Duration};

use agent::{Event, EventBody, Lookup, Outcome, Parts, Place, Sessions, Submission, Submitted};
use domain::{Content, SessionKey, SystemClock, TurnId};
use sandbox::host::{Config as HostConfig, Confinement, Host};
use serde_json::{Value, json};
use store::{OpenOptions, Store};
use testkit::{
    home::TempHome,
    llm::{Llm, RequestView, Seen},
};
use tokio::{sync::mpsc, sync::watch, time::timeout};
use tokio_util::task::TaskTracker;

/// Longest wait for anything that should happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// The conversation most tests talk in.
pub(crate) const MAIN: &str = "agent:main:main";

pub(crate) struct Harness {
    pub(crate) sessions: Sessions,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) store: Store,
    pub(crate) llm: Llm,
    pub(crate) home: TempHome,
    _config: watch::Sender<Arc<config::Config>>,
}

impl Harness {
    pub(crate) fn start(llm: Llm) -> Self {
        Self::with(llm, &json!({}))
    }

    pub(crate) fn with(llm: Llm, settings: &Value) -> Self {
        let home = TempHome::with_model(&llm.base_url()).unwrap();
        home.merge_config(&json!({ "messages": { "queue": { "debounceMs": 0 } } })).unwrap();
        home.merge_config(settings).unwrap();
        let env = config::Env::of(
            [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            home.path().to_owned(),
            home.path().to_owned(),
        );
        let locations = config::Locations::find(&env, None, false).unwrap();
        let loaded = config::load(&locations, &env);
        assert_eq!(loaded.snapshot.problems, []);
        let resolved = loaded.config.unwrap();
        let store = Store::open(OpenOptions {
            state_dir: home.state_dir(),
            sessions_template: None,
            clock: SystemClock::shared(),
        })
        .unwrap();
        let models = models::Models::new(models::Settings {
            store: store.clone(),
            clock: SystemClock::shared(),
            env: Arc::new(env.vars().clone()),
        });
        let (config, receiver) = watch::channel(resolved);
        let (sessions, events) = Sessions::start(Parts {
            config: receiver,
            store: store.clone(),
            models,
            backend: Arc::new(Host::new(
                TaskTracker::new(),
                HostConfig { confinement: Confinement::None },
            )),
            sandboxes: Arc::new([]),
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
            ports: agent::Ports {
                subagents: Some(store::SubagentFile::new(&home.state_dir())),
                ..agent::Ports::default()
            },
        });
        Self { sessions, events, store, llm, home, _config: config }
    }

    /// Submits a message to the main conversation.
    pub(crate) async fn submit(&self, turn: &str, text: &str) -> Submitted {
        self.sessions.submit(message(turn, text)).await.unwrap()
    }

    /// Submits a message and waits for its turn to end.
    pub(crate) async fn say(&self, turn: &str, text: &str) -> Arc<Outcome> {
        self.submit(turn, text).await;
        self.outcome(turn).await
    }

    pub(crate) async fn outcome(&self, turn: &str) -> Arc<Outcome> {
        match self.sessions.wait(&TurnId::new(turn), PATIENCE).await {
            Lookup::Done(outcome) => outcome,
            Lookup::Pending => panic!("turn `{turn}` did not end"),
        }
    }

    /// Reads events until one fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Event) -> bool) -> Event {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the hub lives");
                if fits(&event) {
                    return event;
                }
            }
        };
        timeout(PATIENCE, wait).await.expect("the event comes")
    }

    /// Events of a turn up to its end, as short words.
    pub(crate) async fn trail(&mut self, turn: &str) -> Vec<String> {
        let mut trail = Vec::new();
        let mut seq = 0;
        loop {
            let event = self.until(|event| event.turn.as_str() == turn).await;
            seq += 1;
            assert_eq!(event.seq, seq, "events of a turn are numbered without gaps");
            trail.push(word(&event.body));
            if matches!(event.body, EventBody::Ended(_)) {
                return trail;
            }
        }
    }

    /// The main conversation's transcript, line by line.
    pub(crate) fn transcript(&self) -> Vec<Value> {
        let key = SessionKey::stored(MAIN);
        let entry = self.store.sessions(&domain::AgentId::main()).get(&key).expect("a session");
        let file = format!("agents/main/sessions/{}.jsonl", entry.session_id);
        lines(&self.home.state_dir().join(file))
    }
}

/// The texts of a request's conversation.
pub(crate) fn texts(request: &RequestView) -> Vec<String> {
    let text = |seen: &Seen| match seen {
        Seen::User { text, .. } | Seen::Assistant { text, .. } | Seen::Result { text, .. } => {
            text.clone()
        }
    };
    request.messages().iter().map(text).collect()
}

pub(crate) fn lines(path: &PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) fn message(turn: &str, text: &str) -> Submission {
    Submission::of(TurnId::new(turn), SessionKey::stored(MAIN), Content::text(text))
}

fn word(body: &EventBody) -> String {
    match body {
        EventBody::Started => "started".into(),
        EventBody::Model { provider, model } => format!("model {provider}/{model}"),
        EventBody::Text { delta, .. } => format!("text {delta}"),
        EventBody::Thinking { delta } => format!("thinking {delta}"),
        EventBody::CallStarted { name, .. } => format!("call {name}"),
        EventBody::CallProgress { .. } => "progress".into(),
        EventBody::CallEnded(end) => {
            format!("called {} ({})", end.name, if end.result.is_error { "failed" } else { "ok" })
        }
        EventBody::Usage(_) => "usage".into(),
        EventBody::Compaction { begins } => format!("compaction {begins}"),
        EventBody::Ended(outcome) => format!("ended {:?}", outcome.stop),
    }
}
