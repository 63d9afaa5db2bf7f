//! Configuration, requests and a hub for tests.

use std::{collections::BTreeMap, sync::Arc};

use config::ModelRef;
use domain::{
    Assistant, CallId, Content, Message, Part, SystemClock, ToolResult, ToolSpec, UnixMillis, User,
};
use futures_util::StreamExt as _;
use models::{Delta, Limits, Model, ModelError, Models, Request, Settings, Thinking};
use serde_json::{Value, json};
use testkit::llm::{Dialect, Llm, MODEL};

/// A hub with one provider `mock` behind a scripted server.
pub(crate) struct Rig {
    pub(crate) models: Models,
    pub(crate) config: Arc<config::Config>,
    pub(crate) agent: config::Agent,
    _state: tempfile::TempDir,
}

impl Rig {
    /// Speaks `dialect` to `llm`, which is called `mock`.
    pub(crate) fn new(llm: &Llm, dialect: Dialect) -> Self {
        Self::of(&json!({"mock": provider(llm, dialect)}), Limits::STANDARD)
    }

    /// Has these `models.providers`.
    pub(crate) fn of(providers: &Value, limits: Limits) -> Self {
        Self::with_profiles(providers, limits, None)
    }

    /// The same with an `auth-profiles.json`.
    pub(crate) fn with_profiles(
        providers: &Value,
        limits: Limits,
        profiles: Option<&Value>,
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let env = config::Env::of(
            BTreeMap::from([("OPENCLAW_STATE_DIR".to_owned(), state.path().display().to_string())]),
            state.path(),
            state.path(),
        );
        let locations = config::Locations::find(&env, None, false).unwrap();
        let text = json!({"models": {"providers": providers}}).to_string();
        let loaded = config::load_text(&text, &locations, &env);
        let config = loaded.config.unwrap_or_else(|| panic!("{:#?}", loaded.snapshot.problems));
        let agent = config.agents.list[0].clone();
        if let Some(profiles) = profiles {
            std::fs::create_dir_all(&agent.agent_dir).unwrap();
            let path = agent.agent_dir.join("auth-profiles.json");
            std::fs::write(path, profiles.to_string()).unwrap();
        }
        let clock = SystemClock::shared();
        let options = store::OpenOptions {
            state_dir: state.path().to_owned(),
            sessions_template: None,
            clock: clock.clone(),
        };
        let store = store::Store::open(options).unwrap();
        let env = Arc::new(BTreeMap::from([("OPENAI_API_KEY".to_owned(), "sk-env".to_owned())]));
        let models = Models::with_limits(Settings { store, clock, env }, limits);
        Self { models, config, agent, _state: state }
    }

    pub(crate) fn model(&self) -> Arc<Model> {
        let wanted = ModelRef { provider: "mock".to_owned(), model: MODEL.to_owned() };
        self.models.resolve(&self.config, &self.agent, &wanted).unwrap()
    }

    pub(crate) fn request(&self, messages: Vec<Message>) -> Request {
        request(self.model(), messages)
    }

    /// Sends `messages` and collects the deltas.
    pub(crate) async fn send(&self, messages: Vec<Message>) -> Result<Vec<Delta>, ModelError> {
        let stream = self.models.stream(&self.config, &self.agent, self.request(messages));
        collect(stream).await
    }

    /// Sends `messages` and returns the whole reply.
    pub(crate) async fn reply(&self, messages: Vec<Message>) -> Assistant {
        done(&self.send(messages).await.unwrap())
    }

    /// Sends a greeting and returns the error that is expected.
    pub(crate) async fn error(&self) -> ModelError {
        self.send(vec![user("hi")]).await.unwrap_err()
    }
}

pub(crate) async fn collect(
    mut stream: futures_util::stream::BoxStream<'static, Result<Delta, ModelError>>,
) -> Result<Vec<Delta>, ModelError> {
    let mut deltas = Vec::new();
    while let Some(delta) = stream.next().await {
        deltas.push(delta?);
    }
    Ok(deltas)
}

/// The reply at the end of `deltas`.
pub(crate) fn done(deltas: &[Delta]) -> Assistant {
    match deltas.last() {
        Some(Delta::Done(reply)) => (**reply).clone(),
        other => panic!("the last delta is {other:?}"),
    }
}

pub(crate) fn request(model: Arc<Model>, messages: Vec<Message>) -> Request {
    Request {
        model,
        system: "Be brief.".into(),
        messages: messages.into_iter().map(Arc::new).collect(),
        tools: [ToolSpec {
            name: "exec".to_owned(),
            description: "Runs a command.".to_owned(),
            parameters: json!({"type": "object", "properties": {"command": {"type": "string"}}}),
        }]
        .into(),
        thinking: Thinking::Low,
        cache_key: "session-1".to_owned(),
        result_bytes_max: None,
    }
}

pub(crate) fn user(text: &str) -> Message {
    Message::User(User { content: Content::text(text), timestamp: UnixMillis(0) })
}

pub(crate) fn result(id: &CallId, content: Content) -> Message {
    Message::ToolResult(ToolResult {
        tool_call_id: id.clone(),
        tool_name: "exec".to_owned(),
        content,
        details: None,
        is_error: false,
        timestamp: UnixMillis(0),
    })
}

/// Ids of the calls in a reply.
pub(crate) fn call_ids(reply: &Assistant) -> Vec<CallId> {
    let id = |part: &Part| match part {
        Part::ToolCall { id, .. } => Some(id.clone()),
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } => None,
    };
    reply.content.0.iter().filter_map(id).collect()
}

/// A provider whose model thinks, sees and costs.
pub(crate) fn provider(llm: &Llm, dialect: Dialect) -> Value {
    let mut provider = llm.provider_config(dialect);
    provider["apiKey"] = json!("sk-test-secret");
    provider["headers"] = json!({"x-team": "blue"});
    let model = &mut provider["models"][0];
    model["reasoning"] = json!(true);
    model["input"] = json!(["text", "image"]);
    model["cost"] = json!({"input": 1, "output": 2, "cacheRead": 0.1, "cacheWrite": 0});
    provider
}
