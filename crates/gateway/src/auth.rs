//! Finds out who is at the other end: secrets and their failures.
//!
//! What a principal may *do* is not decided here.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use config::AuthMode;
use domain::Secret;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use crate::remote::Remote;

mod principal;

pub(crate) use principal::Principal;

const FAILURES_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_mins(1);
const LOCKOUT: Duration = Duration::from_mins(5);
/// Addresses remembered at once; beyond it the table starts anew, as an attacker with that many
/// addresses is not stopped by counting anyway.
const ADDRESSES_MAX: usize = 10_000;

/// How someone proved themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// By the shared token.
    Token,
    /// By the shared password.
    Password,
    /// No proof is asked for.
    None,
}

impl Proof {
    /// The name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Password => "password",
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
    /// The configured way to prove oneself is not built.
    Unsupported,
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
    /// Checks the secrets that a client sent, in whichever field.
    pub(crate) fn verify(
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
            AuthMode::TrustedProxy => return Err(Refused::Unsupported),
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
            return Err(if is_password { Refused::PasswordMissing } else { Refused::TokenMissing });
        }
        self.check_lock(remote)?;
        if sent.iter().any(|secret| is_equal(secret, expected)) {
            self.forget(remote);
            return Ok(proof);
        }
        self.count_failure(remote);
        Err(if is_password { Refused::PasswordMismatch } else { Refused::TokenMismatch })
    }

    fn check_lock(&self, remote: &Remote) -> Result<(), Refused> {
        let now = Instant::now();
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        match failures.get(&remote.ip).and_then(|it| it.locked_until) {
            Some(until) if until > now => Err(Refused::RateLimited(until - now)),
            Some(_) | None => Ok(()),
        }
    }

    fn count_failure(&self, remote: &Remote) {
        if remote.ip.is_loopback() {
            return;
        }
        let now = Instant::now();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES_MAX {
            failures.clear();
        }
        let fresh = Failures { count: 0, since: now, locked_until: None };
        let entry = failures.entry(remote.ip).or_insert(fresh);
        if now.duration_since(entry.since) > WINDOW && entry.locked_until.is_none_or(|it| it <= now)
        {
            *entry = fresh;
        }
        entry.count += 1;
        if entry.count >= FAILURES_MAX {
            entry.locked_until = Some(now + LOCKOUT);
        }
    }

    fn forget(&self, remote: &Remote) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&remote.ip);
    }
}

fn is_equal(sent: &str, expected: &Secret) -> bool {
    bool::from(sent.as_bytes().ct_eq(expected.expose().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(mode: AuthMode) -> config::Auth {
        let (token, password) = (Some(Secret::new("tok")), Some(Secret::new("pass")));
        config::Auth { token, password, ..config::Auth::of(mode) }
    }

    fn remote(ip: &str) -> Remote {
        Remote { ip: ip.parse().unwrap(), is_local: false, host: None, origin: None }
    }

    #[test]
    fn a_secret_counts_in_either_field() {
        let gate = Gate::default();
        let here = remote("127.0.0.1");
        let verify = |mode, sent: &[Option<&str>]| gate.verify(&auth(mode), sent, &here);

        assert_eq!(verify(AuthMode::Token, &[Some("tok"), None]), Ok(Proof::Token));
        assert_eq!(verify(AuthMode::Token, &[None, Some("tok")]), Ok(Proof::Token));
        assert_eq!(verify(AuthMode::Password, &[Some("pass"), None]), Ok(Proof::Password));
        assert_eq!(verify(AuthMode::Token, &[None, None]), Err(Refused::TokenMissing));
        assert_eq!(verify(AuthMode::Token, &[Some(""), None]), Err(Refused::TokenMissing));
        assert_eq!(verify(AuthMode::Token, &[Some("pass"), None]), Err(Refused::TokenMismatch));
        assert_eq!(verify(AuthMode::Password, &[Some("tok")]), Err(Refused::PasswordMismatch));
        assert_eq!(verify(AuthMode::None, &[]), Ok(Proof::None));
    }

    #[tokio::test(start_paused = true)]
    async fn ten_failures_lock_an_address_for_five_minutes() {
        let gate = Gate::default();
        let (there, elsewhere) = (remote("192.0.2.1"), remote("192.0.2.2"));
        let auth = auth(AuthMode::Token);

        for _ in 0..10 {
            assert_eq!(gate.verify(&auth, &[Some("x")], &there), Err(Refused::TokenMismatch));
        }

        let refused = gate.verify(&auth, &[Some("tok")], &there);
        assert_eq!(refused, Err(Refused::RateLimited(LOCKOUT)));
        assert_eq!(gate.verify(&auth, &[Some("tok")], &elsewhere), Ok(Proof::Token));
        tokio::time::advance(LOCKOUT + Duration::from_secs(1)).await;
        assert_eq!(gate.verify(&auth, &[Some("tok")], &there), Ok(Proof::Token));
    }

    #[test]
    fn loopback_is_never_locked_out() {
        let gate = Gate::default();
        let here = remote("127.0.0.1");
        let auth = auth(AuthMode::Token);

        for _ in 0..50 {
            assert_eq!(gate.verify(&auth, &[Some("x")], &here), Err(Refused::TokenMismatch));
        }

        assert_eq!(gate.verify(&auth, &[Some("tok")], &here), Ok(Proof::Token));
    }
}
