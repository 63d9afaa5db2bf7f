//! Who is at the other end of the wire: address, and whether it is this machine.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header};
use config::AuthMode;

/// Headers that say a proxy stands between.
const FORWARDING: [&str; 3] = ["x-forwarded-for", "x-real-ip", "x-forwarded-host"];

/// By these headers Tailscale tells who sits behind its proxy.
const TAILSCALE_LOGIN: &str = "tailscale-user-login";
const TAILSCALE_PROXY: [&str; 3] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
/// By this one a trusted proxy narrows what its user may do.
const PROXY_SCOPES: &str = "x-openclaw-scopes";

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    /// The client's address, as far as trusted proxies tell.
    pub(crate) ip: IpAddr,
    /// Whether the client is on this machine and came straight here.
    pub(crate) is_local: bool,
    /// Whether headers say that a proxy stands between.
    pub(crate) is_proxied: bool,
    /// The `Host` header.
    pub(crate) host: Option<String>,
    /// The `Origin` header.
    pub(crate) origin: Option<String>,
    /// What headers claim of who it is; `None` when none do, or none would be heard.
    pub(crate) claims: Option<Box<Claims>>,
}

/// What headers claim of who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// What a trusted proxy says, or why it is not heard.
    Proxy(Result<Vouched, Unheard>),
    /// A Tailscale login, and whether it came the way that Tailscale sends it.
    Tailscale {
        /// Whether all headers are there and the peer is this machine's own proxy.
        is_complete: bool,
    },
}

/// Someone whom a trusted proxy vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// The name.
    pub(crate) user: String,
    /// The most that they may do; `None` sets no limit.
    pub(crate) scopes: Option<Vec<String>>,
}

/// Why a proxy's word does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unheard {
    /// The peer is none of the trusted proxies.
    Stranger,
    /// A header that must be there is not.
    HeaderMissing,
    /// It names nobody.
    UserMissing,
    /// It names someone who is not on the list.
    UserNotAllowed,
}

impl Remote {
    /// Reads the headers of a request that came from `peer`.
    pub(crate) fn of(peer: SocketAddr, headers: &HeaderMap, gateway: &config::Gateway) -> Self {
        let trusted_proxies = &gateway.trusted_proxies;
        let peer = peer.ip().to_canonical();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_proxied = FORWARDING.iter().any(|name| headers.contains_key(*name));
        let is_trusted = trusted_proxies.iter().any(|block| contains(block, peer));
        // Each proxy adds the hop before it at the end, so only what stands right of the last
        // stranger can be believed.
        let hops: Vec<IpAddr> = text("x-forwarded-for")
            .or_else(|| text("x-real-ip"))
            .map(|hops| hops.split(',').map_while(|hop| hop.trim().parse().ok()).collect())
            .unwrap_or_default();
        let is_stranger = |ip: &&IpAddr| !trusted_proxies.iter().any(|it| contains(it, **ip));
        let forwarded = hops.iter().rev().find(is_stranger).or_else(|| hops.first());
        let ip = match forwarded {
            Some(ip) if is_trusted => ip.to_canonical(),
            Some(_) | None => peer,
        };
        let host = text(header::HOST.as_str()).map(str::to_owned);
        let is_local = ip.is_loopback()
            && host.as_deref().is_some_and(|host| is_local_name(host_name(host)))
            && !is_proxied;
        let origin = text(header::ORIGIN.as_str()).map(str::to_owned);
        let claims = match gateway.auth.mode {
            AuthMode::TrustedProxy => {
                Some(Claims::Proxy(vouched(&gateway.auth, headers, (peer, is_trusted))))
            }
            AuthMode::Token | AuthMode::Password | AuthMode::None => (gateway.auth.tailscale
                && !is_local
                && headers.contains_key(TAILSCALE_LOGIN))
            .then(|| Claims::Tailscale {
                is_complete: peer.is_loopback()
                    && TAILSCALE_PROXY.iter().all(|name| headers.contains_key(*name)),
            }),
        };
        Self { ip, is_local, is_proxied, host, origin, claims: claims.map(Box::new) }
    }
}

/// Whom a proxy vouches for.
fn vouched(
    auth: &config::Auth,
    headers: &HeaderMap,
    (peer, is_trusted): (IpAddr, bool),
) -> Result<Vouched, Unheard> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(proxy) = &auth.trusted_proxy else { return Err(Unheard::Stranger) };
    if !is_trusted || (peer.is_loopback() && !proxy.allow_loopback) {
        return Err(Unheard::Stranger);
    }
    let is_there = |name: &String| text(name).is_some_and(|value| !value.trim().is_empty());
    if !proxy.required_headers.iter().all(is_there) {
        return Err(Unheard::HeaderMissing);
    }
    let user = text(&proxy.user_header).unwrap_or_default().trim();
    if user.is_empty() {
        return Err(Unheard::UserMissing);
    }
    if !proxy.allow_users.is_empty() && !proxy.allow_users.iter().any(|name| name == user) {
        return Err(Unheard::UserNotAllowed);
    }
    let scopes = text(PROXY_SCOPES).map(|scopes| {
        let names = scopes.split([',', ' ']).map(str::trim);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    });
    Ok(Vouched { user: user.to_owned(), scopes })
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
        let mut gateway = config::Gateway::of(config::Auth::of(AuthMode::Token));
        gateway.trusted_proxies = trusted;
        Remote::of(peer.parse().unwrap(), &headers, &gateway)
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
        let headers =
            [("host", "localhost"), ("x-forwarded-for", "127.0.0.1, 198.51.100.7, 10.1.0.1")];

        let by_stranger = remote("10.1.2.3:5", &headers, &["10.2.0.0/16"]);
        let by_proxy = remote("10.1.2.3:5", &headers, &["10.1.0.0/16"]);

        assert_eq!(by_stranger.ip.to_string(), "10.1.2.3");
        assert_eq!(by_proxy.ip.to_string(), "198.51.100.7");
        assert!(!by_proxy.is_local);
    }

    #[test]
    fn a_proxy_vouches_only_by_the_configured_headers() {
        let trusted = "10.1.2.3:5";
        let full = vec![("x-user", "mo"), ("x-verified", "1"), ("x-openclaw-scopes", "a b,c")];
        let cases = [
            (trusted, full.clone(), Ok("mo")),
            ("10.9.9.9:5", full.clone(), Err(Unheard::Stranger)),
            ("127.0.0.1:5", full.clone(), Err(Unheard::Stranger)),
            (trusted, vec![("x-user", "mo")], Err(Unheard::HeaderMissing)),
            (trusted, vec![("x-verified", "1"), ("x-user", " ")], Err(Unheard::UserMissing)),
            (trusted, vec![("x-verified", "1"), ("x-user", "eve")], Err(Unheard::UserNotAllowed)),
        ];
        let mut gateway = config::Gateway::of(config::Auth::of(AuthMode::TrustedProxy));
        gateway.trusted_proxies = vec!["10.1.2.3".to_owned(), "127.0.0.1".to_owned()];
        gateway.auth.trusted_proxy = Some(config::TrustedProxy {
            user_header: "x-user".to_owned(),
            required_headers: vec!["x-verified".to_owned()],
            allow_users: vec!["mo".to_owned()],
            allow_loopback: false,
            auto_approve: None,
        });

        for (peer, headers, expected) in cases {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            let remote = Remote::of(peer.parse().unwrap(), &headers, &gateway);
            let Some(Claims::Proxy(heard)) = remote.claims.as_deref() else { panic!("{peer}") };
            let user = heard.as_ref().map(|it| it.user.as_str()).map_err(|refused| *refused);
            assert_eq!(user, expected, "{peer} {headers:?}");
            if let Ok(vouched) = heard {
                assert_eq!(vouched.scopes.as_deref().unwrap(), ["a", "b", "c"]);
            }
        }
    }
}
