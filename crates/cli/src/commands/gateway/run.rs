//! `gateway run`: starts a gateway in this process, waits for a signal, stops it.
//!
//! Whether a gateway may start here is the `gateway` crate's to say; the flags, the log, the
//! banner and the signals are owned here.

use std::{sync::Arc, time::Duration};

use config::{AuthMode, Bind, Config, Loaded};
use domain::Secret;
use gateway::{App, Asked, Options, Overrides, Running, StartError};
use serde_json::Value;
use store::{LogFile, OpenError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

use super::{
    RunArgs,
    banner::Banner,
    dev, force, listeners,
    options::{self, Tailscale},
    unconfigured,
};
use crate::{
    conversations,
    error::{Failure, Kind},
    logging,
    program::Program,
    state, tls, ui,
};

const WORKERS: usize = 2;
/// What clients are told about a restart in process.
const RESTART_EXPECTED: Duration = Duration::from_millis(1500);

pub(super) fn run(program: &mut Program, args: &RunArgs) -> Result<(), Failure> {
    if args.tailscale.is_some_and(|mode| mode != Tailscale::Off) {
        return Err(Failure::new(Kind::Refused, "this build does not speak to Tailscale")
            .hint("openclaw gateway run --tailscale off"));
    }
    if args.reset {
        dev::put_aside(program)?;
        program.reload();
    }
    if args.dev {
        dev::prepare(program)?;
        program.reload();
    }
    let waits = !args.allow_unconfigured && unconfigured::is_to_wait(program);
    let config = match (program.loaded().servable(), program.loaded().readable()) {
        (Some(config), _) => Arc::clone(config),
        (None, Some(config)) if waits => Arc::clone(config),
        (None, _) => {
            let defaults = unconfigured::defaults(program).filter(|_| waits);
            defaults.ok_or_else(|| program.invalid())?
        }
    };
    let mut overrides = overrides(args, &config)?;
    let ephemeral = ephemeral_token(args, &overrides, &config)?;
    if let Some(token) = &ephemeral {
        overrides.token = Some(token.clone());
        overrides.auth = Some(AuthMode::Token);
    }
    if args.force {
        force::free(overrides.port.unwrap_or(config.gateway.port))?;
    }
    tls::install();
    start_log(program, args, &config);
    program.warn_if_invalid();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|error| Failure::while_doing(Kind::Failed, "cannot start", &error))?;
    if waits && let Some(ended) = runtime.block_on(unconfigured::wait(program, &config, &overrides))
    {
        return ended;
    }
    let start = Start {
        program,
        overrides,
        ephemeral,
        allow_unconfigured: args.allow_unconfigured,
        loaded: program.loaded().clone(),
    };
    runtime.block_on(start.serve())
}

/// All that a start needs, and a restart again.
struct Start<'a> {
    program: &'a Program,
    overrides: Overrides,
    ephemeral: Option<Secret>,
    allow_unconfigured: bool,
    loaded: Loaded,
}

/// Why the gateway is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    Stop,
    Restart {
        /// Why.
        reason: String,
    },
}

impl Start<'_> {
    async fn serve(mut self) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        loop {
            let running = self.start().await?;
            self.banner(&running).print();
            match signals.end(&running, self.may_restart()).await {
                End::Stop => {
                    return signals.impatient(running.stop("gateway stopping", None)).await;
                }
                End::Restart { reason } => {
                    let stop = running.stop(&reason, Some(RESTART_EXPECTED));
                    signals.impatient(stop).await?;
                    self.reload();
                }
            }
        }
    }

    async fn start(&self) -> Result<Running, Failure> {
        let started = App::start(Options {
            locations: self.program.locations.clone(),
            env: self.program.env().clone(),
            loaded: self.loaded.clone(),
            overrides: self.overrides.clone(),
            allow_unconfigured: self.allow_unconfigured,
            clock: Arc::clone(&self.program.clock),
        })
        .await;
        started.map_err(|error| refused(self.program, &error))
    }

    /// Takes the config as it is now, unless it is broken.
    fn reload(&mut self) {
        let fresh = config::load(&self.program.locations, self.program.env());
        if fresh.servable().is_some() {
            self.loaded = fresh;
        } else {
            warn!("the config file is invalid; going on with the former one");
        }
    }

    fn may_restart(&self) -> bool {
        let allowed = self.loaded.snapshot.resolved.pointer("/commands/restart");
        allowed.and_then(Value::as_bool).unwrap_or(false)
    }

    fn banner<'a>(&'a self, running: &Running) -> Banner<'a> {
        Banner {
            program: self.program,
            config: self.loaded.servable().map(AsRef::as_ref),
            auth: self.overrides.auth,
            address: running.addr,
            ephemeral: self.ephemeral.as_ref(),
            has_key: self.has_key().unwrap_or(true),
        }
    }

    /// Whether the provider of the first model has a key; `None` when nobody can say.
    fn has_key(&self) -> Option<bool> {
        let config = self.loaded.servable()?;
        let agent = config.agents.get(&config.agents.default)?;
        let wanted = agent.models.first()?;
        let store = conversations::open(self.program, None).ok()?;
        let models = state::models(self.program, &store).list(config, agent);
        Some(models.iter().any(|model| model.provider == wanted.provider))
    }
}

/// Signals that end or restart the gateway.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Absent where the program was started to outlive its terminal (`nohup`).
    hangup: Option<Signal>,
    restart: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| {
                Failure::while_doing(Kind::Failed, "cannot listen to signals", &error)
            })
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            hangup: if ignores_hangup() { None } else { Some(on(SignalKind::hangup())?) },
            restart: on(SignalKind::user_defined1())?,
        })
    }

    /// Returns when a signal says that the process is to end.
    pub(super) async fn end_asked(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = hung_up(&mut self.hangup) => {}
        }
    }

    async fn end(&mut self, running: &Running, may_restart: bool) -> End {
        loop {
            tokio::select! {
                biased;
                _ = self.terminate.recv() => return End::Stop,
                _ = self.interrupt.recv() => return End::Stop,
                () = hung_up(&mut self.hangup) => return End::Stop,
                asked = running.wait() => {
                    if let Asked::Restart { reason } = asked {
                        return End::Restart { reason };
                    }
                }
                _ = self.restart.recv() => {
                    if may_restart {
                        return End::Restart { reason: "gateway restarting".to_owned() };
                    }
                    warn!("restart signal ignored: commands.restart is not set");
                }
            }
        }
    }

    /// Waits for the stop, unless a person presses Ctrl-C once more.
    async fn impatient(&mut self, stop: impl Future<Output = ()>) -> Result<(), Failure> {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => {
                Err(Failure::new(Kind::Interrupted, "interrupted while stopping"))
            }
            () = stop => Ok(()),
        }
    }
}

async fn hung_up(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether the hangup signal was ignored when the program was started.
fn ignores_hangup() -> bool {
    const HANGUP: u64 = 1;
    #[expect(clippy::disallowed_methods, reason = "the kernel's tables are no files of anybody")]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & HANGUP != 0)
}

pub(super) fn refused(program: &Program, error: &StartError) -> Failure {
    let kind = if matches!(error, StartError::Store(_)) { Kind::State } else { Kind::Config };
    let mut failure = Failure::of(kind, error);
    if let StartError::Listen { port, .. } = error {
        for listener in listeners::on_port(*port) {
            let (pid, command) = (listener.pid, listener.command);
            failure = failure.fact(format!("Port {port} is held by pid {pid}: {command}"));
        }
    }
    failure.hint = error.hint().map(str::to_owned);
    if let StartError::Store(error) = error {
        failure.hint = state::failure(error).hint;
        if let OpenError::Unusable { owner, ours, .. } = error
            && state::is_mounted(program)
        {
            failure.hint = Some(state::other_owner_hint(*owner, *ours));
        }
    }
    if matches!(error, StartError::MissingConfig) {
        failure.hint = Some("openclaw gateway run --allow-unconfigured".to_owned());
    }
    if matches!(error, StartError::NoToken | StartError::OpenWithoutAuth { .. }) {
        failure.hint = Some(secret_hint("token"));
    }
    if matches!(error, StartError::NoPassword) {
        failure.hint = Some(secret_hint("password"));
    }
    failure
}

fn secret_hint(name: &str) -> String {
    format!("openclaw config set gateway.auth.{name} <long random text>")
}

fn overrides(args: &RunArgs, config: &Config) -> Result<Overrides, Failure> {
    let bind = match (args.bind, &config.gateway.bind) {
        (None, _) => None,
        (Some(options::Bind::Loopback), _) => Some(Bind::Loopback),
        (Some(options::Bind::Lan), _) => Some(Bind::Lan),
        (Some(options::Bind::Tailnet), _) => Some(Bind::Tailnet),
        (Some(options::Bind::Auto), _) => Some(Bind::Auto),
        (Some(options::Bind::Custom), custom @ Bind::Custom(_)) => Some(custom.clone()),
        (Some(options::Bind::Custom), _) => {
            let message = "Invalid --bind value 'custom': gateway.bind is not a custom address";
            return Err(Failure::new(Kind::Config, message)
                .hint("openclaw config set gateway.customBindHost <ip>"));
        }
    };
    let auth = args.auth.map(|mode| match mode {
        options::Auth::Token => AuthMode::Token,
        options::Auth::Password => AuthMode::Password,
        options::Auth::None => AuthMode::None,
        options::Auth::TrustedProxy => AuthMode::TrustedProxy,
    });
    Ok(Overrides {
        port: args.port,
        bind,
        token: args.token.clone(),
        password: args.password.clone(),
        auth,
    })
}

/// A token for this run alone, where a start without config has none.
fn ephemeral_token(
    args: &RunArgs,
    overrides: &Overrides,
    config: &Config,
) -> Result<Option<Secret>, Failure> {
    let mode = overrides.auth.unwrap_or(config.gateway.auth.mode);
    let has_secret = overrides.token.is_some()
        || overrides.password.is_some()
        || config.gateway.auth.token.is_some();
    if !args.allow_unconfigured || mode != AuthMode::Token || has_secret {
        return Ok(None);
    }
    Ok(Some(Secret::new(dev::token()?)))
}

/// Starts to log by the config and the flags.
fn start_log(program: &Program, args: &RunArgs, config: &Config) {
    let settings = &config.logging;
    let console = match (args.log_level, args.verbose) {
        (Some(level), _) => level.as_str(),
        (None, true) => "debug",
        (None, false) => &settings.console_level,
    };
    let sink = match LogFile::open(settings.file.clone(), Arc::clone(&program.clock)) {
        Ok(file) => Some(file),
        Err(error) => {
            ui::warn(format!("no log file: {error}"));
            None
        }
    };
    logging::start(logging::Plan {
        console: logging::level(console),
        style: logging::style(settings.console_style.as_deref()),
        file: logging::level(&settings.level),
        sink,
        clock: Arc::clone(&program.clock),
    });
}
