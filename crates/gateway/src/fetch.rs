//! Fetches what others name: files and images by URL, from the public network only.
//!
//! The address that is connected to is one of those that were looked at: names are looked up here,
//! and a name of which any address is not public is refused. Redirects are followed here, too, so
//! that each place is looked at. No proxy of the environment is asked, as it would do the looking
//! up. Size, time and the number of places are bounded.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use policy::reach;
use reqwest::{
    StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, LOCATION},
};
use tokio::time::timeout;

/// How much is fetched, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes_max: usize,
    pub(crate) redirects_max: usize,
    /// For all of it.
    pub(crate) patience: Duration,
    /// Hosts that may be asked; empty is any.
    pub(crate) hosts: Vec<String>,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    /// As the server says, in lower case and without parameters; may be empty.
    pub(crate) mime_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// Why nothing came. Says nothing of what is inside our network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("is no http or https URL")]
    NoUrl,
    #[error("the host `{0}` is not on the list of those that may be asked")]
    NotListed(String),
    #[error("the host `{0}` is not on the public network")]
    NotPublic(String),
    #[error("is larger than {0} bytes")]
    TooLarge(usize),
    #[error("took too long")]
    TooSlow,
    #[error("leads on too often")]
    TooManyRedirects,
    #[error("was answered with status {0}")]
    Status(u16),
    #[error("cannot be reached")]
    Unreachable(#[source] Option<reqwest::Error>),
}

/// Fetches. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    reach: Reach,
}

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those of the public network.
    Public,
    /// Those of this machine as well: for tests of what comes after.
    #[cfg(test)]
    Local,
}

impl Reach {
    fn allows(self, address: SocketAddr) -> bool {
        match self {
            Self::Public => reach::is_public(address.ip()),
            #[cfg(test)]
            Self::Local => true,
        }
    }
}

impl Fetcher {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach }
    }

    /// Fetches what is at `url`.
    ///
    /// # Errors
    ///
    /// [`FetchError`], worded for whoever named the URL.
    pub(crate) async fn get(&self, url: &str, limits: &Limits) -> Result<Fetched, FetchError> {
        match timeout(limits.patience, self.follow(url, limits)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::TooSlow),
        }
    }

    async fn follow(&self, url: &str, limits: &Limits) -> Result<Fetched, FetchError> {
        let client = models::http::builder()
            .no_proxy()
            .dns_resolver(Arc::new(Guarded(self.reach)))
            .build()
            .map_err(|error| FetchError::Unreachable(Some(error)))?;
        let mut url = Url::parse(url).map_err(|_| FetchError::NoUrl)?;
        for _ in 0..=limits.redirects_max {
            self.check(&url, limits)?;
            let answer = client.get(url.clone()).send().await;
            let answer = answer.map_err(|error| unreachable(error, &url))?;
            if !answer.status().is_redirection() {
                return read(answer, limits.bytes_max).await;
            }
            let next = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok());
            url = next.and_then(|next| url.join(next).ok()).ok_or(FetchError::NoUrl)?;
        }
        Err(FetchError::TooManyRedirects)
    }

    /// Refuses what can be refused without looking up a name.
    fn check(&self, url: &Url, limits: &Limits) -> Result<(), FetchError> {
        let has_secret = !url.username().is_empty() || url.password().is_some();
        if !matches!(url.scheme(), "http" | "https") || has_secret {
            return Err(FetchError::NoUrl);
        }
        let host = url.host_str().ok_or(FetchError::NoUrl)?;
        if !reach::is_listed(host, &limits.hosts) {
            return Err(FetchError::NotListed(host.to_owned()));
        }
        // A number is not looked up, and so not seen by the one who does.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse() {
            Ok(ip) if !self.reach.allows(SocketAddr::new(ip, 0)) => {
                Err(FetchError::NotPublic(host.to_owned()))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

async fn read(mut answer: reqwest::Response, bytes_max: usize) -> Result<Fetched, FetchError> {
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    let mime_type = kind.trim().to_ascii_lowercase();
    let mut bytes = Vec::new();
    let broken = |error| FetchError::Unreachable(Some(error));
    while let Some(piece) = answer.chunk().await.map_err(broken)? {
        if bytes.len() + piece.len() > bytes_max {
            return Err(FetchError::TooLarge(bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(Fetched { mime_type, bytes })
}

fn unreachable(error: reqwest::Error, url: &Url) -> FetchError {
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<Refused>() {
            return FetchError::NotPublic(url.host_str().unwrap_or_default().to_owned());
        }
        cause = inner.source();
    }
    FetchError::Unreachable(Some(error))
}

/// Looks names up, and refuses those that lead to us.
struct Guarded(Reach);

/// A name leads to an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not public")]
struct Refused;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(io::Error::from(io::ErrorKind::NotFound).into());
            }
            if !found.iter().all(|address| reach.allows(*address)) {
                return Err(Refused.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, response::Redirect, routing::get};
    use tokio::{net::TcpListener, task::JoinSet};

    use super::*;

    fn limits() -> Limits {
        let patience = Duration::from_secs(20);
        Limits { bytes_max: 1000, redirects_max: 2, patience, hosts: Vec::new() }
    }

    /// A server on this machine; it ends with the set.
    async fn server() -> (String, JoinSet<()>) {
        let text = |body: &'static str| async move { ([(CONTENT_TYPE, "Text/Plain; x=y")], body) };
        let router = Router::new()
            .route("/a", get(move || text("hello")))
            .route("/big", get(|| async { "x".repeat(1001) }))
            .route("/to-a", get(|| async { Redirect::temporary("/a") }))
            .route("/loop", get(|| async { Redirect::temporary("/loop") }))
            .route("/to-file", get(|| async { Redirect::temporary("file:///etc/passwd") }))
            .route("/slow", get(std::future::pending::<&'static str>));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        (base, tasks)
    }

    #[tokio::test]
    async fn what_is_there_comes_within_its_bounds() {
        let (base, _server) = server().await;
        let fetcher = Fetcher::new(Reach::Local);
        let get = |path: &'static str, limits: Limits| {
            let (fetcher, url) = (fetcher.clone(), format!("{base}{path}"));
            async move { fetcher.get(&url, &limits).await }
        };

        let whole = Fetched { mime_type: "text/plain".to_owned(), bytes: b"hello".to_vec() };
        assert_eq!(get("/a", limits()).await.unwrap(), whole);
        assert_eq!(get("/to-a", limits()).await.unwrap(), whole);
        assert!(matches!(get("/big", limits()).await, Err(FetchError::TooLarge(1000))));
        assert!(matches!(get("/loop", limits()).await, Err(FetchError::TooManyRedirects)));
        assert!(matches!(get("/to-file", limits()).await, Err(FetchError::NoUrl)));
        assert!(matches!(get("/none", limits()).await, Err(FetchError::Status(404))));
        let hasty = Limits { patience: Duration::from_millis(50), ..limits() };
        assert!(matches!(get("/slow", hasty).await, Err(FetchError::TooSlow)));
        let strict = Limits { hosts: vec!["example.org".to_owned()], ..limits() };
        assert!(matches!(get("/a", strict).await, Err(FetchError::NotListed(_))));
    }

    #[tokio::test]
    async fn what_is_near_us_is_not_asked() {
        let (base, _server) = server().await;
        let port = base.rsplit(':').next().unwrap();
        let fetcher = Fetcher::new(Reach::Public);

        for host in
            ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"]
        {
            let refused = fetcher.get(&format!("http://{host}:{port}/a"), &limits()).await;
            assert!(matches!(refused, Err(FetchError::NotPublic(_))), "{host}: {refused:?}");
        }
        for url in ["file:///etc/passwd", "ftp://example.org/", "http://me:pw@example.org/", "x"] {
            let refused = fetcher.get(url, &limits()).await;
            assert!(matches!(refused, Err(FetchError::NoUrl)), "{url}: {refused:?}");
        }
    }
}
