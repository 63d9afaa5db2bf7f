//! The HTTP clients that all model requests share.
//!
//! Clients are built when first needed: one for TLS, which needs the machine's CA
//! certificates, and one for plain HTTP, which works without any and never uses a proxy
//! (plain HTTP is for servers nearby). Neither follows redirects, since a redirect would
//! carry the key to another place, and neither has a total time limit.

use std::{sync::OnceLock, time::Duration};

use rustls::crypto::CryptoProvider;

/// How long an unused connection is kept for the next request.
const IDLE_CONNECTION: Duration = Duration::from_secs(90);

/// How often a silent connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the other side may be silent.
const IDLE: Duration = Duration::from_mins(2);

/// Why there is no client.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The machine has no CA certificates, or the system is otherwise not fit for TLS.
    #[error("cannot set up TLS ({0}); are CA certificates installed (package `ca-certificates`)?")]
    Tls(String),
    /// The client could not be built.
    #[error("cannot set up HTTP ({0})")]
    Plain(String),
}

/// How patient the clients are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For connecting.
    pub(crate) connect: Duration,
    /// Between two bytes, and until the answer begins.
    pub(crate) idle: Duration,
}

/// A pair of clients, each built at its first use.
#[derive(Debug)]
pub(crate) struct Clients {
    patience: Patience,
    tls: OnceLock<Result<reqwest::Client, HttpError>>,
    plain: OnceLock<Result<reqwest::Client, HttpError>>,
}

impl Clients {
    pub(crate) const fn new(patience: Patience) -> Self {
        Self { patience, tls: OnceLock::new(), plain: OnceLock::new() }
    }

    /// How patient they are.
    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// The client for `url`.
    pub(crate) fn for_url(&self, url: &str) -> Result<reqwest::Client, HttpError> {
        let is_plain = url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
        if is_plain {
            self.plain.get_or_init(|| self.build_plain()).clone()
        } else {
            self.tls.get_or_init(|| self.build_tls()).clone()
        }
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        builder()
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.idle)
            .pool_idle_timeout(IDLE_CONNECTION)
            .tcp_keepalive(KEEPALIVE)
    }

    fn build_tls(&self) -> Result<reqwest::Client, HttpError> {
        self.builder().build().map_err(|error| HttpError::Tls(innermost(&error)))
    }

    fn build_plain(&self) -> Result<reqwest::Client, HttpError> {
        self.builder()
            .no_proxy()
            .tls_certs_only([])
            .build()
            .map_err(|error| HttpError::Plain(innermost(&error)))
    }
}

/// The beginning of a client: ready for TLS, follows no redirects, takes nothing compressed.
pub fn builder() -> reqwest::ClientBuilder {
    // Whoever runs `main` has installed a provider; a test may not have.
    if CryptoProvider::get_default().is_none() {
        // Losing the race to another thread leaves the same provider in place.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        // Compressing servers hold tokens back, and what is small may unfold to anything.
        .gzip(false)
        .brotli(false)
        .user_agent(concat!("openclaw/", env!("CARGO_PKG_VERSION")))
}

/// The shared client for `url`, with standard patience.
///
/// # Errors
///
/// When the machine cannot do TLS and `url` asks for it.
pub fn client(url: &str) -> Result<reqwest::Client, HttpError> {
    static CLIENTS: Clients = Clients::new(STANDARD);
    CLIENTS.for_url(url)
}

/// Patience that suits model APIs.
pub(crate) const STANDARD: Patience = Patience { connect: CONNECT, idle: IDLE };

/// The text of the deepest cause.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_needs_no_ca_certificates() {
        let clients = Clients::new(STANDARD);

        assert!(clients.for_url("http://127.0.0.1:1/v1").is_ok());
        assert!(clients.tls.get().is_none(), "the TLS client is not built before it is needed");
    }
}
