//! The facts that the checks judge: who listens, who answers, what the engines say.
//!
//! All that takes time is here, done at once and each with a limit.

use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use agent::sandboxes::{self, Engines};
use config::{Agent, Config, Mode as GatewayMode, SandboxMode};
use domain::{SessionKey, UnixMillis};
use protocol::handshake::Mode;
use sandbox::docker::{Checkup, Engine, Error as EngineError, Listed, settings::Seed};
use serde_json::{Value, json};
use store::{SandboxOwner, StoreError};
use tokio::time::timeout;

use crate::{
    args::Rpc,
    commands::{
        gateway::{Listener, listeners_on},
        sandbox::{open_engines_as, owner},
    },
    conversations,
    error::{Failure, Kind},
    program::Program,
    state,
    target::{self, Target},
    tls,
};

/// How long a gateway and an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Ports that are looked at for a free one.
const PORTS_TRIED: usize = 100;

/// Everything that is known.
pub(super) struct Scene<'a> {
    pub(super) program: &'a Program,
    /// `None` when the file is invalid.
    pub(super) config: Option<&'a Config>,
    pub(super) in_container: bool,
    pub(super) deep: bool,
    pub(super) gateway: Gateway,
    /// Who the state directory is to engines.
    pub(super) owner: Result<SandboxOwner, StoreError>,
    /// One for each engine that some agent's sandboxes need.
    pub(super) engines: Vec<EngineFacts<'a>>,
    /// What time it is for the server of the default agent's model, or why that is not known;
    /// `None` when there is none to ask.
    pub(super) server_time: Option<Result<Told, String>>,
}

/// What time somebody else has.
pub(super) struct Told {
    /// Who.
    pub(super) by: String,
    pub(super) theirs: UnixMillis,
    /// Ours when they were asked.
    pub(super) ours: UnixMillis,
}

/// The gateway that should be there.
pub(super) struct Gateway {
    pub(super) is_remote: bool,
    pub(super) url: String,
    pub(super) port: u16,
    /// Who has the state directory open.
    pub(super) holder: Option<u32>,
    /// Who listens on the port, as far as we may see.
    pub(super) listeners: Vec<Listener>,
    /// Whether somebody accepts connections there.
    pub(super) is_port_taken: bool,
    /// A port that could be taken instead, if the config decides it.
    pub(super) other_port: Option<u16>,
    /// Our time when it was asked.
    pub(super) asked_at: UnixMillis,
    /// What came of a call, with the proof that commands use.
    pub(super) answered: Result<Value, Failure>,
    /// Whether it takes the token of the config, if the one that commands use was refused.
    pub(super) takes_config_token: bool,
}

/// An engine, and what it says.
pub(super) struct EngineFacts<'a> {
    pub(super) engine: Engine,
    /// The agents whose sandboxes it runs.
    pub(super) agents: Vec<&'a Agent>,
    /// Its address, and who named it.
    pub(super) endpoint: Option<(String, String)>,
    pub(super) checkup: Result<Checkup, EngineError>,
    /// Our time when it was asked.
    pub(super) asked_at: UnixMillis,
    /// Whether it has the images that are asked for.
    pub(super) images: BTreeMap<&'a str, bool>,
    pub(super) boxes: Vec<Listed>,
    /// Containers of this state directory that are on no list; only looked for if deep.
    pub(super) strays: Vec<String>,
    /// Why the directories of an agent cannot be mounted.
    pub(super) unseen: Vec<(&'a Agent, String)>,
}

impl<'a> Scene<'a> {
    pub(super) async fn gather(program: &'a Program, deep: bool) -> Self {
        let config = program.loaded().config.as_deref();
        let in_container = config::in_container(program.env());
        let (gateway, server_time) = tokio::join!(Gateway::look(program), server_time(program));
        let (mut engines, owner) = (Vec::new(), owner(program));
        if let Some(config) = config {
            let opened = owner.as_ref().ok().map(|it| open_engines_as(program, it.clone()));
            for engine in [Engine::Docker, Engine::Podman] {
                let agents: Vec<&Agent> = config
                    .agents
                    .list
                    .iter()
                    .filter(|it| it.sandbox != SandboxMode::Off)
                    .filter(|it| sandboxes::engine(it) == engine)
                    .collect();
                if !agents.is_empty() {
                    let asked = EngineFacts::ask(
                        program,
                        config,
                        opened.as_deref().unwrap_or_default(),
                        (engine, agents),
                        deep,
                    );
                    engines.push(asked.await);
                }
            }
        }
        Self { program, config, in_container, deep, gateway, owner, engines, server_time }
    }

    /// How a path is shown.
    pub(super) fn shown(&self, path: &std::path::Path) -> String {
        self.program.locations.shorten(path)
    }

    /// How this program is called for the same files.
    pub(super) fn command(&self, rest: &str) -> String {
        format!("{} {rest}", self.program.invocation())
    }
}

impl Gateway {
    async fn look(program: &Program) -> Self {
        let config = program.loaded().config.as_deref();
        let is_remote = config.is_some_and(|it| it.gateway.mode == Some(GatewayMode::Remote));
        let port = target::local_port(program);
        let target = target::find(program, &Rpc::default())
            .unwrap_or_else(|_| Target::local(program, &Rpc::default()));
        let asked_at = program.clock.now();
        let answered = ask(&target).await;
        let mut takes_config_token = false;
        if answered.as_ref().is_err_and(|it| it.kind == Kind::Connection && !it.is_absence)
            && let Some(token) = program.setting_text("/gateway/auth/token")
            && target.token.as_ref().is_none_or(|used| used.expose() != token)
        {
            let mut other = target.clone();
            other.token = Some(domain::Secret::new(token));
            takes_config_token = ask(&other).await.is_ok();
        }
        let local = target::local_url(program);
        let address = local.trim_start_matches("ws://").to_owned();
        let connecting = timeout(PATIENCE, tokio::net::TcpStream::connect(address)).await;
        let is_port_taken = matches!(connecting, Ok(Ok(_)));
        let is_lost = is_port_taken && answered.is_err() && !target::is_port_given(program);
        Self {
            is_remote,
            url: target.url,
            port,
            holder: store::lock_holder(&program.locations.state_dir),
            listeners: listeners_on(port),
            is_port_taken,
            other_port: is_lost.then(|| free_port_after(port)).flatten(),
            asked_at,
            answered,
            takes_config_token,
        }
    }
}

/// The first of the next ports that nobody listens on.
fn free_port_after(port: u16) -> Option<u16> {
    let mut next = (port.saturating_add(1)..=u16::MAX).take(PORTS_TRIED);
    next.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
}

/// Asks a server that turns ask anyway; one without a key is left alone.
async fn server_time(program: &Program) -> Option<Result<Told, String>> {
    let config = program.loaded().config.as_deref()?;
    let agent = config.agents.get(&config.agents.default)?;
    let store = conversations::open(program, None).ok()?;
    let models = state::models(program, &store);
    let first = agent.models.first()?;
    if !models.list(config, agent).iter().any(|it| it.provider == first.provider) {
        return None;
    }
    tls::install();
    let ours = program.clock.now();
    let said = timeout(PATIENCE, models.server_time(config, agent)).await;
    let Ok(said) = said else {
        return Some(Err(format!("{} did not answer in {} s", first.provider, PATIENCE.as_secs())));
    };
    let told = |it: models::ServerTime| Told { by: it.host, theirs: it.at, ours };
    said.map(|it| it.map(told).map_err(|why| format!("{}: {why}", first.provider)))
}

async fn ask(target: &Target) -> Result<Value, Failure> {
    let client = target::open(target, Mode::Probe, PATIENCE).await?;
    target::call(&client, target, PATIENCE, "health", json!({})).await
}

impl<'a> EngineFacts<'a> {
    async fn ask(
        program: &Program,
        config: &'a Config,
        engines: &Engines,
        (engine, agents): (Engine, Vec<&'a Agent>),
        is_deep: bool,
    ) -> Self {
        let asked_at = program.clock.now();
        let backend = engines.iter().find(|(it, _)| *it == engine).map(|(_, backend)| backend);
        let mut facts = Self {
            engine,
            agents,
            endpoint: None,
            checkup: Err(EngineError::Closed),
            asked_at,
            images: BTreeMap::new(),
            boxes: Vec::new(),
            strays: Vec::new(),
            unseen: Vec::new(),
        };
        let Some(backend) = backend else { return facts };
        facts.endpoint = backend.endpoint().await.ok();
        facts.checkup = timeout(PATIENCE, backend.checkup()).await.unwrap_or_else(|_| {
            let endpoint = facts.endpoint.as_ref().map(|it| it.0.clone()).unwrap_or_default();
            let said = format!("no answer in {} s", PATIENCE.as_secs());
            Err(EngineError::Unreachable { endpoint, said })
        });
        if facts.checkup.is_err() {
            return facts;
        }
        let in_container = config::in_container(program.env());
        for agent in &facts.agents {
            let image = agent.sandbox_settings.docker.image.as_str();
            if let Ok(has_it) = backend.has_image(image).await {
                facts.images.insert(image, has_it);
            }
            let key = SessionKey::of(&agent.id, &config.session.main_key);
            let settings = sandboxes::settings(config, agent, &key, Seed::default());
            if in_container && let Ok(Some(why)) = backend.unseen(&settings).await {
                facts.unseen.push((agent, why));
            }
        }
        let listed = backend.list().await.unwrap_or_default();
        let is_here = |it: &Listed| {
            sandboxes::engine(sandboxes::agent_of(config, &it.entry.session_key)) == engine
        };
        if is_deep {
            facts.strays = backend.strays().await.unwrap_or_default();
        }
        facts.boxes = listed.into_iter().filter(is_here).collect();
        facts
    }
}
