//! Why a gateway cannot start. The texts are what `openclaw gateway run` prints.

use std::io;

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There is no config file.
    #[error(
        "Missing config. Run `openclaw setup` or set gateway.mode=local (or pass \
         --allow-unconfigured)."
    )]
    MissingConfig,
    /// The config is for a machine that runs no gateway.
    #[error(
        "Gateway start blocked: set gateway.mode=local (current: {current}) or pass \
         --allow-unconfigured."
    )]
    ModeNotLocal {
        /// `remote` or `unset`.
        current: &'static str,
    },
    /// The config file has problems.
    #[error("Invalid config: {}", count(problems.len()))]
    InvalidConfig {
        /// All of them.
        problems: Vec<config::Problem>,
    },
    /// Clients are to show a token, and there is none.
    #[error(
        "Gateway auth is set to token, but no token is configured. Set gateway.auth.token (or \
         OPENCLAW_GATEWAY_TOKEN), or pass --token."
    )]
    NoToken,
    /// Clients are to show a password, and there is none.
    #[error(
        "Gateway auth is set to password, but no password is configured. Set \
         gateway.auth.password (or OPENCLAW_GATEWAY_PASSWORD), or pass --password."
    )]
    NoPassword,
    /// A proxy is to say who clients are, and nothing says which or how.
    #[error("Gateway auth is set to trusted-proxy, but {missing} is not configured.")]
    NoProxy {
        /// The setting.
        missing: &'static str,
    },
    /// Everybody could reach it.
    #[error("Refusing to bind gateway to {bind} without auth.")]
    OpenWithoutAuth {
        /// As configured.
        bind: String,
    },
    /// The state directory is in use or cannot be used.
    #[error("Gateway failed to start: {0}")]
    Store(#[from] store::OpenError),
    /// The port is in use or may not be used.
    #[error("Gateway failed to start: {}", listen_text(*port, source))]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

impl StartError {
    /// A command that helps.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::MissingConfig | Self::ModeNotLocal { .. } => {
                Some("openclaw config set gateway.mode local")
            }
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("openclaw gateway stop")
            }
            Self::Store(store::OpenError::Locked { .. }) => Some("openclaw gateway stop"),
            Self::InvalidConfig { .. } => Some("openclaw config get"),
            Self::NoToken
            | Self::NoPassword
            | Self::NoProxy { .. }
            | Self::OpenWithoutAuth { .. }
            | Self::Listen { .. }
            | Self::Store(_) => None,
        }
    }
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

fn listen_text(port: u16, source: &io::Error) -> String {
    if source.kind() == io::ErrorKind::AddrInUse {
        format!("port {port} is already in use; another gateway or program listens there")
    } else {
        format!("cannot listen on port {port}: {source}")
    }
}
