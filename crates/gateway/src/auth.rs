//! Finds out who is at the other end: secrets, a proxy's word, and their failures.
//!
//! What a principal may *do* is not decided here. Signatures and tokens of devices are checked in
//! [`crate::handshake`].

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use config::{AuthMode, RateLimit};
use domain::Secret;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use crate::remote::{Claims, Remote, Unheard};

mod principal;

pub(crate) use principal::{Principal, Unscoped};

/// Addresses remembered at once. When they are more, those that are neither locked out nor
/// recent go; an attacker with that many addresses is not stopped by counting anyway.
const ADDRESSES_MAX: usize = 10_000;

/// How someone proved themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// By the shared token.
    Token,
    /// By the shared password.
    Password,
    /// By the token of a device, and its signature.
    DeviceToken,
    /// By the word of a trusted proxy.
    TrustedProxy,
    /// No proof is asked for.
    None,
}

impl Proof {
    /// The name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
            Self::DeviceToken => "device-token",
            Self::TrustedProxy => "trusted-proxy",
            Self::None => "none",
        }
    }
}

/// Why someone is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No token was sent.
    TokenMissing,
    /// Another token was sent.
    TokenMismatch,
    /// The gateway has no token.
    TokenNotConfigured,
    /// No password was sent.
    PasswordMissing,
    /// Another password was sent.
    PasswordMismatch,
    /// The gateway has no password.
    PasswordNotConfigured,
    /// Too many failures from this address. Try again after this long.
    RateLimited(Duration),
    /// A proxy should have said who it is, and did not.
    Proxy(Unheard),
    /// A Tailscale login came, but not the way that Tailscale's own proxy sends it.
    TailscaleProxyMissing,
    /// A Tailscale login came that cannot be asked about here.
    TailscaleUnverified,
    /// The token of a device was sent that is not, or no longer, its own.
    DeviceTokenMismatch,
    /// The token of a device does not cover the scopes that it asks for.
    DeviceTokenScope,
}

impl Refused {
    /// How long to wait before another try, if that is all there is to do.
    pub(crate) fn wait(self) -> Option<Duration> {
        if let Self::RateLimited(wait) = self { Some(wait) } else { None }
    }

    /// Whether something was sent that is wrong, as against nothing at all.
    fn is_failure(self) -> bool {
        matches!(
            self,
            Self::TokenMismatch
                | Self::PasswordMismatch
                | Self::DeviceTokenMismatch
                | Self::DeviceTokenScope
        )
    }
}

/// Checks secrets and counts failures.
#[derive(Default)]
pub(crate) struct Gate {
    failures: Mutex<BTreeMap<IpAddr, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    since: Instant,
    locked_until: Option<Instant>,
}

impl Gate {
    /// Checks the secrets that a client sent, in whichever field, and counts the outcome.
    pub(crate) fn verify(
        &self,
        auth: &config::Auth,
        sent: &[Option<&str>],
        remote: &Remote,
    ) -> Result<Proof, Refused> {
        let outcome = self.check(auth, sent, remote);
        self.count(&auth.rate_limit, outcome.err(), remote);
        outcome
    }

    /// Checks the secrets that a client sent, and counts nothing.
    pub(crate) fn check(
        &self,
        auth: &config::Auth,
        sent: &[Option<&str>],
        remote: &Remote,
    ) -> Result<Proof, Refused> {
        let sent: Vec<&str> =
            sent.iter().flatten().copied().filter(|text| !text.is_empty()).collect();
        let (expected, proof) = match auth.mode {
            AuthMode::None => return Ok(Proof::None),
            AuthMode::Token => (auth.token.as_ref(), Proof::Token),
            AuthMode::Password => (auth.password.as_ref(), Proof::Password),
            AuthMode::TrustedProxy => match vouched(remote) {
                // Programs on this machine have no proxy before them.
                Err(_) if remote.is_local && auth.password.is_some() => {
                    (auth.password.as_ref(), Proof::Password)
                }
                Err(unheard) => return Err(Refused::Proxy(unheard)),
                Ok(()) => return Ok(Proof::TrustedProxy),
            },
        };
        let is_password = proof == Proof::Password;
        let Some(expected) = expected else {
            let refused = if is_password {
                Refused::PasswordNotConfigured
            } else {
                Refused::TokenNotConfigured
            };
            return Err(refused);
        };
        if sent.is_empty() {
            return Err(missing(is_password, remote));
        }
        self.check_lock(&auth.rate_limit, remote)?;
        if sent.iter().any(|secret| is_equal(secret, expected)) {
            return Ok(proof);
        }
        Err(if is_password { Refused::PasswordMismatch } else { Refused::TokenMismatch })
    }

    /// Counts how a try ended: a failure against its address, a success in its favour.
    pub(crate) fn count(&self, limit: &RateLimit, refused: Option<Refused>, remote: &Remote) {
        match refused {
            Some(refused) if refused.is_failure() => self.count_failure(limit, remote),
            Some(_) => {}
            None => {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.remove(&network(remote.ip));
            }
        }
    }

    fn check_lock(&self, limit: &RateLimit, remote: &Remote) -> Result<(), Refused> {
        if is_exempt(limit, remote) {
            return Ok(());
        }
        let now = Instant::now();
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(&network(remote.ip)).and_then(|it| it.locked_until) {
            Some(until) if until > now => Err(Refused::RateLimited(until - now)),
            Some(_) | None => Ok(()),
        }
    }

    fn count_failure(&self, limit: &RateLimit, remote: &Remote) {
        if is_exempt(limit, remote) {
            return;
        }
        let now = Instant::now();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX {
            failures.retain(|_, it| !it.is_over(limit, now));
        }
        if failures.len() >= ADDRESSES_MAX {
            failures.retain(|_, it| it.locked_until.is_some());
        }
        if failures.len() >= ADDRESSES_MAX {
            failures.clear();
        }
        let fresh = Failures { count: 0, since: now, locked_until: None };
        let entry = failures.entry(network(remote.ip)).or_insert(fresh);
        if entry.is_over(limit, now) {
            *entry = fresh;
        }
        entry.count += 1;
        if entry.count >= limit.failures_max {
            entry.locked_until = Some(now + limit.lockout);
        }
    }
}

impl Failures {
    /// Whether it no longer matters.
    fn is_over(&self, limit: &RateLimit, now: Instant) -> bool {
        match self.locked_until {
            Some(until) => until <= now,
            None => now.duration_since(self.since) > limit.window,
        }
    }
}

/// What is told to someone who sent no secret.
fn missing(is_password: bool, remote: &Remote) -> Refused {
    match remote.claims.as_deref() {
        Some(Claims::Tailscale { is_complete: true }) => Refused::TailscaleUnverified,
        Some(Claims::Tailscale { is_complete: false }) => Refused::TailscaleProxyMissing,
        Some(Claims::Proxy(_)) | None if is_password => Refused::PasswordMissing,
        Some(Claims::Proxy(_)) | None => Refused::TokenMissing,
    }
}

fn vouched(remote: &Remote) -> Result<(), Unheard> {
    match remote.claims.as_deref() {
        Some(Claims::Proxy(heard)) => heard.as_ref().map(|_| ()).map_err(|unheard| *unheard),
        Some(Claims::Tailscale { .. }) | None => Err(Unheard::Stranger),
    }
}

/// This machine itself, straight and by its own name; what a proxy on it sends is not.
fn is_exempt(limit: &RateLimit, remote: &Remote) -> bool {
    limit.exempts_loopback && remote.is_local
}

/// What is locked out together: one address of version 4, or the /64 that one host gets in 6.
fn network(ip: IpAddr) -> IpAddr {
    const HOST_BITS: u32 = 64;
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            IpAddr::V6(Ipv6Addr::from((bits >> HOST_BITS) << HOST_BITS))
        }
    }
}

fn is_equal(sent: &str, expected: &Secret) -> bool {
    bool::from(sent.as_bytes().ct_eq(expected.expose().as_bytes()))
}

#[cfg(test)]
mod tests;
