//! The flags of `gateway run`. Some are accepted for scripts though they change nothing here.

use std::path::PathBuf;

use clap::ValueEnum;
use domain::Secret;

/// How to run the gateway.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct RunArgs {
    /// Port to listen on
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Who can reach it
    #[arg(long, value_name = "MODE")]
    pub(crate) bind: Option<Bind>,
    /// Token that clients must show
    #[arg(long, value_name = "TOKEN", value_parser = crate::args::secret)]
    pub(crate) token: Option<Secret>,
    /// What clients must show
    #[arg(long, value_name = "MODE")]
    pub(crate) auth: Option<Auth>,
    /// Password that clients must show
    #[arg(long, value_name = "PASSWORD", value_parser = crate::args::secret)]
    pub(crate) password: Option<Secret>,
    /// Start though no config says that a gateway runs here
    #[arg(long)]
    pub(crate) allow_unconfigured: bool,
    /// Make a config and a workspace for development first, if there are none
    #[arg(long)]
    pub(crate) dev: bool,
    /// With --dev: put the present state aside first
    #[arg(long, requires = "dev")]
    pub(crate) reset: bool,
    /// End whatever listens on the port
    #[arg(long)]
    pub(crate) force: bool,
    /// Log decisions too
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Level of the console log
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
    /// Expose through Tailscale (not in this build: only `off` works)
    #[arg(long, value_name = "MODE")]
    pub(crate) tailscale: Option<Tailscale>,
    #[arg(long, hide = true)]
    tailscale_reset_on_exit: bool,
    #[arg(long, hide = true)]
    claude_cli_logs: bool,
    /// Style of the wire log; accepted without effect
    #[arg(long, value_name = "STYLE", hide = true)]
    ws_log: Option<WsLog>,
    #[arg(long, hide = true)]
    compact: bool,
    #[arg(long, hide = true)]
    raw_stream: bool,
    #[arg(long, value_name = "FILE", hide = true)]
    raw_stream_path: Option<PathBuf>,
}

/// Who can reach the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Bind {
    /// This machine
    Loopback,
    /// The network
    Lan,
    /// The Tailscale network
    Tailnet,
    /// This machine if possible, else the network
    Auto,
    /// The address in gateway.customBindHost
    Custom,
}

/// What clients must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// The shared token
    Token,
    /// The shared password
    Password,
    /// Nothing, on loopback only
    None,
    /// Headers of a trusted proxy
    TrustedProxy,
}

/// Exposure through Tailscale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tailscale {
    /// None
    Off,
    /// Within the tailnet
    Serve,
    /// To the world
    Funnel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WsLog {
    Auto,
    Full,
    Compact,
}

/// A level of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    Silent,
    Fatal,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
