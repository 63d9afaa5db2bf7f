//! All models by reference: what they can do, which key they need, and whom to ask next when
//! one fails.
//!
//! Owns the cool-downs of keys. Decides nothing about the conversation.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use config::ModelRef;
use domain::{Clock, UnixMillis};
use futures_util::stream::BoxStream;

use crate::{
    Candidates, Cooldowns, Delta, ErrorKind, Model, ModelError, Request, bounds, catalog,
    credentials::{self, Credential, Sources},
    dialect::Route,
    http::{self, Clients, Patience},
    keyring::Keyring,
    quirks::Learned,
    relay::{self, Naming, Target},
    resolve::{describe, dialect_of, no_key, route_of},
};

/// A target, or why there is none, with the end of its rest.
type Rested = (Result<Target, ModelError>, Option<UnixMillis>);

/// What the models need from outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Holds the auth profiles.
    pub store: store::Store,
    /// Dates replies and cool-downs.
    pub clock: Arc<dyn Clock>,
    /// The captured environment, for keys.
    pub env: Arc<BTreeMap<String, String>>,
}

/// How patient and how stubborn requests are.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the provider may be silent, before and within a reply.
    pub idle_timeout: Duration,
    /// How long a reply may not grow while the provider sends other bytes.
    pub progress_timeout: Duration,
    /// How long one reply may take.
    pub reply_timeout: Duration,
    /// How often one key is tried, at least 1.
    pub attempts_max: u32,
}

impl Limits {
    /// What suits model APIs.
    pub const STANDARD: Self = Self {
        connect_timeout: http::STANDARD.connect,
        idle_timeout: http::STANDARD.idle,
        progress_timeout: bounds::PROGRESS_TIMEOUT,
        reply_timeout: bounds::REPLY_TIMEOUT,
        attempts_max: 2,
    };
}

/// All model APIs. Cheap to clone.
#[derive(Clone)]
pub struct Models {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) limits: Limits,
    pub(crate) clients: Arc<Clients>,
    pub(crate) learned: Arc<Learned>,
    keyring: Keyring,
    /// Leaf state: locked for a look-up only.
    cooldowns: Mutex<Cooldowns>,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("limits", &self.shared.limits).finish_non_exhaustive()
    }
}

impl Models {
    /// All model APIs, with [`Limits::STANDARD`]. Opens no connection.
    pub fn new(settings: Settings) -> Self {
        Self::with_limits(settings, Limits::STANDARD)
    }

    /// The same with other limits.
    pub fn with_limits(settings: Settings, limits: Limits) -> Self {
        let patience = Patience { connect: limits.connect_timeout, idle: limits.idle_timeout };
        let clients = Arc::new(Clients::new(patience));
        let cooldowns = Mutex::new(Cooldowns::default());
        let keyring = Keyring::of(settings.store.state_dir());
        Self {
            shared: Arc::new(Shared {
                settings,
                limits,
                clients,
                learned: Arc::default(),
                keyring,
                cooldowns,
            }),
        }
    }

    /// Reads a model reference as people write it: an alias, `provider/model`, or a bare
    /// Anthropic model. Blank text means the default model.
    pub fn parse_ref(&self, agent: &config::Agent, text: &str) -> ModelRef {
        let named = config::parse_model_ref(text, &agent.catalogue);
        let fallback = || config::parse_model_ref(config::DEFAULT_MODEL, &agent.catalogue);
        named.or_else(fallback).unwrap_or_else(|| ModelRef {
            provider: "anthropic".to_owned(),
            model: text.trim().to_owned(),
        })
    }

    /// The model that `wanted` names. Unknown models of a known provider get defaults.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Format`] when the provider is neither configured nor built in, or its
    /// dialect is not built.
    pub fn resolve(
        &self,
        config: &config::Config,
        agent: &config::Agent,
        wanted: &ModelRef,
    ) -> Result<Arc<Model>, ModelError> {
        let provider = config::normalise_provider(&wanted.provider);
        let wanted = ModelRef { provider, model: wanted.model.clone() };
        let model = describe(&config.models, agent, &wanted)?;
        dialect_of(&model)?;
        Ok(Arc::new(model))
    }

    /// The configured models, and the built-in ones whose provider has a key.
    pub fn list(&self, config: &config::Config, agent: &config::Agent) -> Vec<Arc<Model>> {
        let configured = config.models.providers.iter().flat_map(|(provider, it)| {
            it.models.iter().map(|model| (provider.clone(), model.id.clone()))
        });
        let mut refs: Vec<(String, String)> = configured.collect();
        if !config.models.replace {
            let profiles = credentials::load(&self.shared.settings.store, &agent.agent_dir);
            let env = self.shared.keyring.now(&self.shared.settings.env);
            let sources = Sources { profiles: &profiles, env: &env, models: &config.models };
            let now = self.shared.settings.clock.now();
            for model in catalog::models() {
                let known = (model.provider.to_owned(), model.id.to_owned());
                let has_key = || {
                    credentials::for_provider(&sources, model.provider, "", now)
                        .iter()
                        .any(|it| it.key.is_some())
                };
                if !refs.contains(&known) && has_key() {
                    refs.push(known);
                }
            }
        }
        refs.into_iter()
            .filter_map(|(provider, model)| {
                describe(&config.models, agent, &ModelRef { provider, model }).ok()
            })
            .map(Arc::new)
            .collect()
    }

    /// Streams one reply of `request.model`, with each of its keys in turn until one works.
    ///
    /// Ends after [`Delta::Done`] or the first final error. Dropping it aborts the request.
    pub fn stream(
        &self,
        config: &Arc<config::Config>,
        agent: &config::Agent,
        request: Request,
    ) -> BoxStream<'static, Result<Delta, ModelError>> {
        let mut targets = Vec::new();
        self.add_targets(config, agent, &request.model, &mut targets);
        let make = move |_: Arc<Model>| request.clone();
        self.run(targets, Naming::Silent, Box::new(make))
    }

    /// Streams one reply of the first of `candidates` that works.
    ///
    /// [`Delta::Model`] tells whose deltas follow. The next candidate is asked only while
    /// nothing was streamed, and only after failures that another model may not share. Those
    /// that failed lately are skipped while others are left.
    pub fn stream_with_fallback(
        &self,
        config: &Arc<config::Config>,
        agent: &config::Agent,
        candidates: Vec<ModelRef>,
        make: impl Fn(Arc<Model>) -> Request + Send + 'static,
    ) -> BoxStream<'static, Result<Delta, ModelError>> {
        let mut targets = Vec::new();
        for wanted in candidates {
            match self.resolve(config, agent, &wanted) {
                Ok(model) => self.add_targets(config, agent, &model, &mut targets),
                Err(error) => targets.push((Err(error), None)),
            }
        }
        self.run(targets, Naming::Told, Box::new(make))
    }

    /// Adds one target for each key of `model`.
    fn add_targets(
        &self,
        config: &config::Config,
        agent: &config::Agent,
        model: &Arc<Model>,
        targets: &mut Vec<Rested>,
    ) {
        let dialect = match dialect_of(model) {
            Ok(dialect) => dialect,
            Err(error) => return targets.push((Err(error), None)),
        };
        let shared = &self.shared.settings;
        let now = shared.clock.now();
        let (profiles, home) =
            credentials::inherited(&shared.store, config, agent, &model.provider);
        let env = self.shared.keyring.now(&self.shared.settings.env);
        let sources = Sources { profiles: &profiles, env: &env, models: &config.models };
        let route = route_of(&config.models, agent, model);
        let keys = credentials::for_provider(&sources, &model.provider, &route.base_url, now);
        if keys.is_empty() {
            return targets.push((Err(no_key(model, agent)), None));
        }
        for Credential { key, profile, cooling_until } in keys {
            let slot =
                profile.clone().unwrap_or_else(|| format!("{}/{}", model.provider, model.id));
            let until = cooling_until.max(self.cooldowns(|it| it.until(&slot, now)));
            let route = Arc::new(Route { key, ..route.clone() });
            let model = Arc::clone(model);
            let agent_dir = home.to_owned();
            targets.push((Ok(Target { model, dialect, route, slot, profile, agent_dir }), until));
        }
    }

    pub(crate) fn cooldowns<T>(&self, look: impl FnOnce(&mut Cooldowns) -> T) -> T {
        look(&mut self.shared.cooldowns.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn run(
        &self,
        targets: Vec<Rested>,
        naming: Naming,
        make: relay::Make,
    ) -> BoxStream<'static, Result<Delta, ModelError>> {
        relay::start(self.clone(), Candidates::new(targets), naming, make)
    }

    /// Notes how a target fared.
    pub(crate) async fn note(&self, target: &Target, failed: Option<ErrorKind>) {
        let now = self.shared.settings.clock.now();
        match failed {
            Some(kind) => self.cooldowns(|it| it.failed(&target.slot, kind, now)),
            None => self.cooldowns(|it| it.succeeded(&target.slot, now)),
        }
        if let Some(profile) = &target.profile {
            let store = &self.shared.settings.store;
            credentials::note(store, &target.agent_dir, profile, failed).await;
        }
    }
}
