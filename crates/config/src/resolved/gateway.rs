//! Resolved settings of the server: address, proof, proxies, page, reload. Data only.

use std::{path::PathBuf, time::Duration};

use domain::Secret;

use super::Intake;

/// The server.
#[derive(Clone, Debug)]
pub struct Gateway {
    /// `gateway.mode`; the gateway starts only with `Local` unless told otherwise.
    pub mode: Option<Mode>,
    /// TCP port.
    pub port: u16,
    /// Address to listen on.
    pub bind: Bind,
    /// How clients prove themselves.
    pub auth: Auth,
    /// Addresses or CIDR blocks whose forwarding headers are believed.
    pub trusted_proxies: Vec<String>,
    /// The page.
    pub control_ui: ControlUi,
    /// Whether `POST /v1/chat/completions` is served.
    pub chat_completions: bool,
    /// Whether `POST /v1/responses` is served.
    pub responses: bool,
    /// What requests to it may bring along.
    pub intake: Intake,
    /// Whether `GET /api/diagnostics/prometheus` is served.
    pub metrics: bool,
    /// Which tools may be called by `POST /tools/invoke`.
    pub tools: HttpTools,
    /// Which commands of nodes may be called.
    pub nodes: Nodes,
    /// What happens when the file changes.
    pub reload: Reload,
}

/// `gateway.tools`: which tools may be called over HTTP, against the list of those that may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpTools {
    /// These of the list may be, after all.
    pub allow: Vec<String>,
    /// These may not be, either.
    pub deny: Vec<String>,
}

/// `gateway.nodes`: which commands of nodes may be called, besides those of their platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    /// These too; `*` at the end stands for anything.
    pub allow_commands: Vec<String>,
    /// But never these.
    pub deny_commands: Vec<String>,
}

impl Gateway {
    /// One on the loopback address that asks for this proof, all else as by default.
    pub fn of(auth: Auth) -> Self {
        Self {
            mode: None,
            port: 0,
            bind: Bind::Loopback,
            auth,
            trusted_proxies: Vec::new(),
            control_ui: ControlUi {
                enabled: true,
                base_path: String::new(),
                root: None,
                allowed_origins: Vec::new(),
                without_device: false,
            },
            chat_completions: false,
            responses: false,
            intake: Intake::usual(),
            metrics: false,
            tools: HttpTools::default(),
            nodes: Nodes::default(),
            reload: Reload { mode: ReloadMode::Off, debounce: Duration::ZERO },
        }
    }
}

/// `gateway.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// This machine runs the gateway.
    Local,
    /// The gateway runs elsewhere.
    Remote,
}

/// Address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// 127.0.0.1.
    Loopback,
    /// 0.0.0.0.
    Lan,
    /// The Tailscale address.
    Tailnet,
    /// Loopback if free, else LAN.
    Auto,
    /// This IPv4 address.
    Custom(std::net::IpAddr),
}

/// How clients prove themselves.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Which proof is asked.
    pub mode: AuthMode,
    /// Shared token.
    pub token: Option<Secret>,
    /// Shared password.
    pub password: Option<Secret>,
    /// Whether a Tailscale login may stand for the secret.
    pub tailscale: bool,
    /// What a trusted proxy has to say; `None` when none may vouch for anyone.
    pub trusted_proxy: Option<TrustedProxy>,
    /// When an address with too many failures is locked out.
    pub rate_limit: RateLimit,
}

impl Auth {
    /// One that asks for this, with nothing else set.
    pub fn of(mode: AuthMode) -> Self {
        Self {
            mode,
            token: None,
            password: None,
            tailscale: false,
            trusted_proxy: None,
            rate_limit: RateLimit::default(),
        }
    }
}

/// `gateway.auth.trustedProxy`: a proxy that says in headers who a client is.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxy {
    /// The header with the person's name, lowercase.
    pub user_header: String,
    /// Headers that have to be there too, lowercase.
    pub required_headers: Vec<String>,
    /// Who may come in; empty means anyone with a name.
    pub allow_users: Vec<String>,
    /// Whether the proxy may be a process on this machine.
    pub allow_loopback: bool,
    /// Scopes that its devices get without being asked about; `None`: they are asked about.
    pub auto_approve: Option<Vec<String>>,
}

/// `gateway.auth.rateLimit`: when an address with too many failures is locked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Failures that lock an address out.
    pub failures_max: u32,
    /// Within which time.
    pub window: Duration,
    /// For how long.
    pub lockout: Duration,
    /// Whether this machine is never locked out.
    pub exempts_loopback: bool,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            failures_max: 10,
            window: Duration::from_mins(1),
            lockout: Duration::from_mins(5),
            exempts_loopback: true,
        }
    }
}

/// Which proof is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// The shared token.
    Token,
    /// The shared password.
    Password,
    /// None, on loopback only.
    None,
    /// Headers of a trusted proxy.
    TrustedProxy,
}

/// The page.
#[derive(Clone, Debug)]
pub struct ControlUi {
    /// Whether it is served.
    pub enabled: bool,
    /// URL prefix: empty, or `/x` without a slash at the end.
    pub base_path: String,
    /// A folder with another page than the one that is built in.
    pub root: Option<PathBuf>,
    /// Full origins that may connect, lowercase; `*` means any.
    pub allowed_origins: Vec<String>,
    /// Whether the shared secret is enough for a page that has no device.
    pub without_device: bool,
}

/// What happens when the file changes.
#[derive(Clone, Debug)]
pub struct Reload {
    /// Which changes are applied.
    pub mode: ReloadMode,
    /// How long to wait for more changes.
    pub debounce: Duration,
}

/// Which changes are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadMode {
    /// None.
    Off,
    /// Those that need no restart.
    Hot,
    /// All, by restart.
    Restart,
    /// All, by restart where needed.
    Hybrid,
}
