//! Puts the parts together into a running gateway, and takes it apart again.
//!
//! Nothing slow happens before the port is open: no network, no model, no container.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use agent::sandboxes;
use config::{AuthMode, Bind, Config, Mode};
use domain::{Clock, Secret};
use protocol::event::Shutdown;
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tracing::{info, warn};

use crate::{
    approvals::{self, Approvals},
    audit::{self, Audit},
    auth::Gate,
    bind,
    dedupe::Conflicts,
    devices::{self, Devices},
    events::{self, Events},
    health::HealthCache,
    heartbeats::{self, Heartbeats},
    http,
    lifecycle::Lifecycle,
    metrics::Metrics,
    nodes::{self, Nodes},
    presence::Roster,
    readers::Readers,
    rpc,
    state::{Gateway, Identity},
    wizards::Wizards,
};

mod cautions;
mod error;
pub(crate) mod reload;
mod unconfigured;

pub use error::StartError;

/// The program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How long running turns may go on after a stop, unless they are told otherwise.
const GRACE: Duration = Duration::from_secs(5);
/// How long clients may take to notice the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// How to start.
pub struct Options {
    /// Where the files of this installation are.
    pub locations: config::Locations,
    /// The environment, completed by dotenv files.
    pub env: config::Env,
    /// The config file, loaded.
    pub loaded: config::Loaded,
    /// What flags say against the config.
    pub overrides: Overrides,
    /// Whether to start without `gateway.mode: local`.
    pub allow_unconfigured: bool,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What flags say against the config. They win, also after the config changed.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// TCP port; 0 lets the system choose.
    pub port: Option<u16>,
    /// Address to listen on.
    pub bind: Option<Bind>,
    /// Shared token.
    pub token: Option<Secret>,
    /// Shared password.
    pub password: Option<Secret>,
    /// Which proof is asked.
    pub auth: Option<AuthMode>,
}

/// Starts gateways.
pub struct App;

/// A gateway that runs.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    gateway: Arc<Gateway>,
}

/// What a running gateway asks of the one who started it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// To be stopped and started anew.
    Restart {
        /// Why.
        reason: String,
    },
}

impl App {
    /// Starts a gateway. It accepts clients when this returns.
    ///
    /// # Errors
    ///
    /// [`StartError`] says what stands against it; nothing is left behind then.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let (started, is_contained) = (options.clock.now(), config::in_container(&options.env));
        let config = Arc::new(admit(&options.loaded, &options)?);
        let (store, listener, addr) = foothold(&options, &config).await?;
        cautions::log(&options, &config);

        let (host, boot_id) = (host_name(), uuid::Uuid::new_v4().to_string());
        let lifecycle = Lifecycle::default();
        let loaded = reloader(&options, &lifecycle);
        let (sender, receiver) = watch::channel(Arc::clone(&config));
        let models = models(&options, &store);
        let backend = sandbox::Host::new(lifecycle.tasks.clone(), confinement(&config));
        let sandboxes = engines(&options, &lifecycle, &receiver)?;
        let port = nodes::Port::default();
        let (approvals, questions) = Approvals::new(Arc::clone(&options.clock));
        let (ports, waited) = ports(&options, &store, &approvals, &port)?;
        let (sessions, agent_events) = agent::Sessions::start(agent::Parts {
            config: receiver.clone(),
            store: store.clone(),
            models: models.clone(),
            backend: Arc::new(backend),
            sandboxes: Arc::clone(&sandboxes),
            clock: Arc::clone(&options.clock),
            place: place(&options, &host),
            ports,
        });
        let (events, inbox) = Events::new(agent_events);
        let (heartbeats, wakes) = Heartbeats::new();
        let (devices, nodes) = books(&options, &events).map_err(store::OpenError::from)?;
        let (audit, records) = book_of_deeds(&options)?;
        let problems = &options.loaded.snapshot.problems;
        let gateway = Arc::new(Gateway {
            health: HealthCache::new((&config, problems), &store, &*options.clock),
            roster: Roster::new(&host, VERSION, &boot_id),
            config: receiver,
            in_force: reload::in_force(&loaded),
            loaded,
            asked: watch::Sender::new(None),
            store,
            models,
            sessions,
            sandboxes,
            approvals,
            nodes,
            audit,
            metrics: Metrics::default(),
            readers: Readers::default(),
            events,
            heartbeats,
            gate: Gate::default(),
            devices,
            conflicts: Conflicts::default(),
            wizards: Wizards::default(),
            responses: http::Recent::default(),
            tool_calls: http::Calls::default(),
            router: rpc::router(),
            lifecycle,
            clock: options.clock,
            locations: options.locations,
            env: options.env,
            identity: Identity { started, boot_id, host, is_contained },
            method_names: OnceLock::new(),
        });
        port.connect(&gateway);
        gateway.sessions.take_up(waited).await;
        begin(&gateway, (inbox, questions, wakes, listener), (options.overrides, sender));
        let writing = records.run(gateway.lifecycle.clone());
        gateway.lifecycle.tasks.spawn(writing);
        info!(%addr, version = VERSION, "gateway listens");
        Ok(Running { addr, gateway })
    }
}

/// What the agents reach through the gateway, and what waited when it last ended.
fn ports(
    options: &Options,
    store: &store::Store,
    approvals: &Approvals,
    port: &nodes::Port,
) -> Result<(agent::Ports, Vec<store::BacklogItem>), StartError> {
    let (backlog, waited) = store.backlog().map_err(store::OpenError::from)?;
    let ports = agent::Ports {
        approver: Some(Arc::new(approvals.clone())),
        nodes: Some(Arc::new(port.clone())),
        subagents: Some(store::SubagentFile::new(&options.locations.state_dir)),
        backlog: Some(backlog),
    };
    Ok((ports, waited))
}

/// Starts the tasks that keep a gateway going, the one that accepts clients last.
fn begin(
    gateway: &Arc<Gateway>,
    (inbox, questions, wakes, listener): (
        events::Inbox,
        approvals::Task,
        heartbeats::Inbox,
        TcpListener,
    ),
    (overrides, sender): (Overrides, watch::Sender<Arc<Config>>),
) {
    let tasks = &gateway.lifecycle.tasks;
    tasks.spawn(events::run(Arc::clone(gateway), inbox));
    tasks.spawn(devices::keep(gateway.devices.clone(), gateway.lifecycle.clone()));
    tasks.spawn(approvals::run(questions, Arc::clone(gateway)));
    tasks.spawn(heartbeats::run(Arc::clone(gateway), wakes));
    tasks.spawn(reload::follow(Arc::clone(gateway), overrides, sender));
    tasks.spawn(http::accept(Arc::clone(gateway), listener));
}

impl Running {
    /// Returns when the gateway asks for something, such as a restart for a changed config.
    pub async fn wait(&self) -> Asked {
        let mut asked = self.gateway.asked.subscribe();
        match asked.wait_for(Option::is_some).await.map(|asked| asked.clone()) {
            Ok(Some(asked)) => asked,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Stops: refuses new turns, gives running ones a few seconds, tells the clients, writes
    /// everything down. `restart_expected` is when the gateway should be back.
    pub async fn stop(self, reason: &str, restart_expected: Option<Duration>) {
        let gateway = self.gateway;
        let lifecycle = &gateway.lifecycle;
        info!(reason, "gateway stops");
        lifecycle.soft.cancel();
        gateway.sessions.close(GRACE).await;
        let _slow_engine_keeps_spares =
            timeout(FAREWELL, sandboxes::close(&gateway.sandboxes)).await;
        let settled = timeout(FAREWELL, gateway.events.settle()).await;
        if settled.is_err() {
            warn!("events did not settle");
        }
        gateway.events.announce_shutdown(&Shutdown {
            reason: reason.to_owned(),
            restart_expected_ms: restart_expected
                .and_then(|wait| u64::try_from(wait.as_millis()).ok()),
        });
        for caller in gateway.events.callers().iter() {
            caller.outbox.close(1012, "service restart");
        }
        lifecycle.clients.close();
        lifecycle.tasks.close();
        let _slow_ones_are_cut_off = timeout(FAREWELL, lifecycle.clients.wait()).await;
        lifecycle.hard.cancel();
        let all_gone = async { tokio::join!(lifecycle.clients.wait(), lifecycle.tasks.wait()) };
        let _those_left_hold_nothing = timeout(FAREWELL, all_gone).await;
        if let Err(error) = gateway.store.close().await {
            warn!(error = rpc::error::chain(&error), "could not write everything");
        }
        info!("gateway stopped");
    }
}

/// The state directory and the port, ours alone from here on.
async fn foothold(
    options: &Options,
    config: &Config,
) -> Result<(store::Store, TcpListener, SocketAddr), StartError> {
    let store = store::Store::open(store::OpenOptions {
        state_dir: options.locations.state_dir.clone(),
        sessions_template: config.session.store.clone(),
        clock: Arc::clone(&options.clock),
    })?;
    bind::raise_file_limit();
    let (bind, port) = (&config.gateway.bind, config.gateway.port);
    let failed = |source| StartError::Listen { port, source };
    let listener = bind::listen(bind, port).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    Ok((store, listener, addr))
}

/// What the config file says, as it changes.
fn reloader(options: &Options, lifecycle: &Lifecycle) -> watch::Receiver<Arc<config::Loaded>> {
    config::Reloader::start(
        Arc::new(options.loaded.clone()),
        options.locations.clone(),
        options.env.clone(),
        &lifecycle.tasks,
        lifecycle.soft.clone(),
    )
}

fn models(options: &Options, store: &store::Store) -> models::Models {
    models::Models::new(models::Settings {
        store: store.clone(),
        clock: Arc::clone(&options.clock),
        env: Arc::new(options.loaded.env.vars().clone()),
    })
}

/// Which devices and which nodes are known.
fn books(options: &Options, events: &Events) -> Result<(Devices, Nodes), store::StoreError> {
    let (state_dir, clock) = (&options.locations.state_dir, &options.clock);
    let files = store::DeviceFiles::new(state_dir);
    let devices = Devices::open(files, events.clone(), Arc::clone(clock))?;
    let file = store::NodeFile::new(state_dir);
    Ok((devices, Nodes::open(file, events.clone(), Arc::clone(clock))?))
}

/// The record of who did what, and its writer.
fn book_of_deeds(options: &Options) -> Result<(Audit, audit::Writer), StartError> {
    let log = store::AuditLog::open(&options.locations.state_dir);
    Ok(Audit::new(log.map_err(store::OpenError::from)?))
}

/// Decides whether the gateway may start at all, and with which config.
fn admit(loaded: &config::Loaded, options: &Options) -> Result<Config, StartError> {
    let snapshot = &loaded.snapshot;
    let Some(config) = loaded.servable() else {
        return Err(StartError::InvalidConfig { problems: snapshot.problems.clone() });
    };
    if !options.allow_unconfigured {
        if !snapshot.exists {
            return Err(StartError::MissingConfig);
        }
        if config.gateway.mode != Some(Mode::Local) {
            let current = match config.gateway.mode {
                Some(Mode::Remote) => "remote",
                Some(Mode::Local) | None => "unset",
            };
            return Err(StartError::ModeNotLocal { current });
        }
    }
    let config = options.overrides.applied(config);
    let auth = &config.gateway.auth;
    match auth.mode {
        AuthMode::Token if auth.token.is_none() => return Err(StartError::NoToken),
        AuthMode::Password if auth.password.is_none() => return Err(StartError::NoPassword),
        AuthMode::None if bind::is_open_to_others(&config.gateway.bind) => {
            return Err(StartError::OpenWithoutAuth { bind: bind_name(&config.gateway.bind) });
        }
        AuthMode::TrustedProxy if auth.trusted_proxy.is_none() => {
            return Err(StartError::NoProxy { missing: "gateway.auth.trustedProxy.userHeader" });
        }
        AuthMode::TrustedProxy if config.gateway.trusted_proxies.is_empty() => {
            return Err(StartError::NoProxy { missing: "gateway.trustedProxies" });
        }
        AuthMode::Token | AuthMode::Password | AuthMode::None | AuthMode::TrustedProxy => {}
    }
    Ok(config)
}

impl Overrides {
    /// The config with these on top.
    pub(crate) fn applied(&self, config: &Config) -> Config {
        let mut config = config.clone();
        let gateway = &mut config.gateway;
        if let Some(port) = self.port {
            gateway.port = port;
        }
        if let Some(bind) = &self.bind {
            gateway.bind = bind.clone();
        }
        if let Some(token) = &self.token {
            gateway.auth.token = Some(token.clone());
        }
        if let Some(password) = &self.password {
            gateway.auth.password = Some(password.clone());
        }
        if let Some(mode) = self.auth {
            gateway.auth.mode = mode;
        } else if self.password.is_some() && self.token.is_none() {
            gateway.auth.mode = AuthMode::Password;
        } else if self.token.is_some() {
            gateway.auth.mode = AuthMode::Token;
        }
        config
    }
}

/// The engines that sandboxes run on, looked after until the gateway stops.
fn engines(
    options: &Options,
    lifecycle: &Lifecycle,
    config: &watch::Receiver<Arc<Config>>,
) -> Result<Arc<sandboxes::Engines>, StartError> {
    let ground = ground(options, lifecycle).map_err(store::OpenError::from)?;
    let engines = sandboxes::engines(&ground);
    let (tasks, hard) = (&lifecycle.tasks, &lifecycle.hard);
    tasks.spawn(sandboxes::prune_for_ever(&engines, config));
    let taken_over = sandboxes::take_over(&engines, &config.borrow());
    tasks.spawn(hard.clone().run_until_cancelled_owned(taken_over));
    Ok(engines)
}

fn ground(
    options: &Options,
    lifecycle: &Lifecycle,
) -> Result<sandboxes::Ground, store::StoreError> {
    let owner = store::OwnerFile::new(&options.locations.state_dir);
    Ok(sandboxes::Ground {
        env: options.loaded.env.vars().clone(),
        home: options.locations.home.clone(),
        state_dir: options.locations.state_dir.clone(),
        owner: owner.claim(options.clock.now())?,
        clock: Arc::clone(&options.clock),
        tasks: lifecycle.tasks.clone(),
        stop: lifecycle.hard.clone(),
    })
}

fn confinement(config: &Config) -> sandbox::host::Config {
    let confinement = if config.tools.workspace_only {
        sandbox::host::Confinement::Workspace
    } else {
        sandbox::host::Confinement::None
    };
    sandbox::host::Config { confinement }
}

fn place(options: &Options, host: &str) -> agent::Place {
    agent::Place {
        env: options.loaded.env.vars().clone(),
        home: options.locations.home.clone(),
        state_dir: options.locations.state_dir.clone(),
        config_path: options.locations.config_path.clone(),
        host: host.to_owned(),
        os: format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH),
        timezone: jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned(),
    }
}

fn bind_name(bind: &Bind) -> String {
    match bind {
        Bind::Loopback => "loopback".to_owned(),
        Bind::Lan => "lan".to_owned(),
        Bind::Tailnet => "tailnet".to_owned(),
        Bind::Auto => "auto".to_owned(),
        Bind::Custom(ip) => ip.to_string(),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
