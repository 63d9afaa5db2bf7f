//! Who is at the other end of the wire: address, and whether it is this machine.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};

/// Headers that say a proxy stands between.
const FORWARDING: [&str; 3] = ["x-forwarded-for", "x-real-ip", "x-forwarded-host"];

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The client's address, as far as trusted proxies tell.
    pub(crate) ip: IpAddr,
    /// Whether the client is on this machine and came straight here.
    pub(crate) is_local: bool,
    /// The `Host` header.
    pub(crate) host: Option<String>,
    /// The `Origin` header.
    pub(crate) origin: Option<String>,
}

impl Remote {
    /// Reads the headers of a request that came from `peer`.
    pub(crate) fn of(peer: SocketAddr, headers: &HeaderMap, trusted_proxies: &[String]) -> Self {
        let peer = peer.ip().to_canonical();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_proxied = FORWARDING.iter().any(|name| headers.contains_key(*name));
        let is_trusted = trusted_proxies.iter().any(|block| contains(block, peer));
        let forwarded = text("x-forwarded-for")
            .and_then(|hops| hops.split(',').next())
            .or_else(|| text("x-real-ip"))
            .and_then(|ip| ip.trim().parse::<IpAddr>().ok());
        let ip = match forwarded {
            Some(ip) if is_trusted => ip.to_canonical(),
            Some(_) | None => peer,
        };
        let host = text(header::HOST.as_str()).map(str::to_owned);
        let is_local = ip.is_loopback()
            && host.as_deref().is_some_and(|host| is_local_name(host_name(host)))
            && (!is_proxied || is_trusted);
        let origin = text(header::ORIGIN.as_str()).map(str::to_owned);
        Self { ip, is_local, host, origin }
    }
}

/// `host` of `host:port`, brackets removed.
pub(crate) fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match host.rsplit_once(':') {
        Some((name, _)) if !name.contains(':') => name,
        Some(_) | None => host,
    }
}

fn is_local_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(&*name, "localhost" | "127.0.0.1" | "::1") || name.ends_with(".ts.net")
}

/// Whether `block`, an address or a CIDR block, contains `ip`.
fn contains(block: &str, ip: IpAddr) -> bool {
    let (network, bits) = match block.split_once('/') {
        Some((network, bits)) => (network, bits.trim().parse::<u32>().ok()),
        None => (block, None),
    };
    let Ok(network) = network.trim().parse::<IpAddr>() else { return false };
    match (network.to_canonical(), ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let shift = 32_u32.saturating_sub(bits.unwrap_or(32));
            let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
            u32::from(network) & mask == u32::from(ip) & mask
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let shift = 128_u32.saturating_sub(bits.unwrap_or(128));
            let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
            u128::from(network) & mask == u128::from(ip) & mask
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(peer: &str, headers: &[(&'static str, &str)], trusted: &[&str]) -> Remote {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let trusted: Vec<String> = trusted.iter().map(|text| (*text).to_owned()).collect();
        Remote::of(peer.parse().unwrap(), &headers, &trusted)
    }

    #[test]
    fn local_means_loopback_by_a_local_name_without_a_proxy() {
        let here = "127.0.0.1:5";
        let cases = [
            (here, vec![("host", "localhost:18789")], true),
            (here, vec![("host", "127.0.0.1:18789")], true),
            ("[::1]:5", vec![("host", "[::1]:18789")], true),
            (here, vec![("host", "evil.example")], false),
            (here, vec![], false),
            ("192.0.2.1:5", vec![("host", "localhost")], false),
            (here, vec![("host", "localhost"), ("x-forwarded-for", "192.0.2.9")], false),
        ];

        for (peer, headers, expected) in cases {
            assert_eq!(remote(peer, &headers, &[]).is_local, expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let headers = [("host", "localhost"), ("x-forwarded-for", "198.51.100.7, 10.0.0.1")];

        let by_stranger = remote("10.1.2.3:5", &headers, &["10.2.0.0/16"]);
        let by_proxy = remote("10.1.2.3:5", &headers, &["10.1.0.0/16"]);

        assert_eq!(by_stranger.ip.to_string(), "10.1.2.3");
        assert_eq!(by_proxy.ip.to_string(), "198.51.100.7");
        assert!(!by_proxy.is_local);
    }
}
