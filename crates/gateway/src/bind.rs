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

/// The address of this machine towards the outside, if there is one. Sends nothing.
pub(crate) fn outward_address() -> Option<IpAddr> {
    // An address for documentation (RFC 5737): it only makes the system choose a route.
    let elsewhere = (Ipv4Addr::new(192, 0, 2, 1), 9);
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect(elsewhere).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

/// How many connections there may be at once: at most `wanted`, and at most half of the files
/// that may be open, so that transcripts, models and commands find room beside them.
pub(crate) fn connections_max(wanted: usize) -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files / 2).unwrap_or(wanted).clamp(1, wanted)
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
