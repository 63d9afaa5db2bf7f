//! Where to listen.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use config::Bind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tracing::{debug, warn};

/// The address that `bind` stands for before anything is tried.
pub(crate) fn address(bind: &Bind) -> IpAddr {
    match bind {
        Bind::Loopback | Bind::Auto => Ipv4Addr::LOCALHOST.into(),
        Bind::Lan => Ipv4Addr::UNSPECIFIED.into(),
        Bind::Tailnet => {
            warn!("tailnet binding is not built yet; listening on loopback");
            Ipv4Addr::LOCALHOST.into()
        }
        Bind::Custom(ip) => *ip,
    }
}

/// Whether `bind` may be reached from other machines.
pub(crate) fn is_open_to_others(bind: &Bind) -> bool {
    !address(bind).is_loopback()
}

/// Listens.
pub(crate) async fn listen(bind: &Bind, port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::new(address(bind), port)).await
}

/// Raises the limit of open files as far as the system lets us: every client is one.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
    {
        debug!(%error, "file limit stays as it is");
    }
}
