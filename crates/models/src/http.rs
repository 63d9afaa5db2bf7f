//! The HTTP clients that all model requests share.
//!
//! Clients are built when first needed: for TLS, which needs the machine's CA certificates, and
//! for plain HTTP, which works without any. Servers on this machine and in private networks are
//! reached directly, all others by the proxy of the environment, if it names one. No client
//! follows redirects, since a redirect would carry the key to another place, and none has a
//! total time limit.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::OnceLock,
    time::Duration,
};

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

/// One client, built at its first use.
type Client = OnceLock<Result<reqwest::Client, HttpError>>;

/// The clients.
#[derive(Debug)]
pub(crate) struct Clients {
    patience: Patience,
    tls: Client,
    tls_near: Client,
    plain: Client,
    plain_near: Client,
}

impl Clients {
    pub(crate) const fn new(patience: Patience) -> Self {
        Self {
            patience,
            tls: OnceLock::new(),
            tls_near: OnceLock::new(),
            plain: OnceLock::new(),
            plain_near: OnceLock::new(),
        }
    }

    /// How patient they are.
    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// The client for `url`.
    pub(crate) fn for_url(&self, url: &str) -> Result<reqwest::Client, HttpError> {
        let is_plain = url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
        match (is_plain, is_near(url)) {
            (true, true) => self.plain_near.get_or_init(|| plain(self.builder().no_proxy())),
            (true, false) => self.plain.get_or_init(|| {
                // A proxy may want TLS; without certificates there is still one without.
                tls(self.builder()).or_else(|_| plain(self.builder()))
            }),
            (false, true) => self.tls_near.get_or_init(|| tls(self.builder().no_proxy())),
            (false, false) => self.tls.get_or_init(|| tls(self.builder())),
        }
        .clone()
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        builder()
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.idle)
            .pool_idle_timeout(IDLE_CONNECTION)
            .tcp_keepalive(KEEPALIVE)
    }
}

fn tls(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, HttpError> {
    builder.build().map_err(|error| HttpError::Tls(innermost(&error)))
}

fn plain(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, HttpError> {
    builder.tls_certs_only([]).build().map_err(|error| HttpError::Plain(innermost(&error)))
}

/// Whether `url` is on this machine or in a private network, by its name or address alone.
fn is_near(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return true };
    match url.host() {
        None => true,
        Some(url::Host::Ipv4(address)) => is_near_address(address.into()),
        Some(url::Host::Ipv6(address)) => is_near_address(address.into()),
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let last = name.rsplit('.').next().unwrap_or(name);
            !name.contains('.')
                || ["localhost", "local", "internal", "lan"].contains(&last)
                || name.ends_with(".home.arpa")
        }
    }
}

fn is_near_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            let is_shared = u32::from(it) >> 22 == u32::from(Ipv4Addr::new(100, 64, 0, 0)) >> 22;
            it.is_loopback()
                || it.is_private()
                || it.is_link_local()
                || it.is_unspecified()
                || is_shared
        }
        IpAddr::V6(it) => match it.to_ipv4_mapped() {
            Some(it) => is_near_address(it.into()),
            None => {
                it.is_loopback()
                    || it.is_unique_local()
                    || it.is_unicast_link_local()
                    || it.is_unspecified()
            }
        },
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

    #[test]
    fn this_machine_and_private_networks_are_near() {
        for url in [
            "http://127.0.0.1:1/v1",
            "http://localhost/v1",
            "http://ollama:11434",
            "https://10.1.2.3/v1",
            "http://192.168.0.2",
            "http://172.31.0.1",
            "http://100.100.1.1",
            "http://[::1]:80",
            "http://[fd00::1]",
            "http://box.local",
            "http://host.docker.internal:1234",
        ] {
            assert!(is_near(url), "{url}");
        }
        for url in [
            "http://llm.corp.example/v1",
            "http://8.8.8.8",
            "https://api.openai.com",
            "http://172.32.0.1",
        ] {
            assert!(!is_near(url), "{url}");
        }
    }
}
