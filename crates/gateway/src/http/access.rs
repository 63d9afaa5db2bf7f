//! Who may use the API over HTTP: a shared secret as bearer token.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use domain::Scope;
use serde_json::json;

use super::reply::{self, Kind, Reply};
use crate::{
    auth::{Proof, Refused},
    origin,
    remote::{Claims, Remote},
    state::Gateway,
};

/// Someone who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Entrant {
    /// How they proved themselves.
    pub(crate) proof: Proof,
    /// Who they are, where a proxy says so.
    pub(crate) user: Option<String>,
    /// The most that they may do; `None` sets no limit.
    scopes: Option<Vec<String>>,
}

impl Entrant {
    /// How they are turned away who may not do what `scope` stands for.
    pub(crate) fn lacking(&self, scope: Scope) -> Option<Reply> {
        let held = self.scopes.as_ref()?;
        (!policy::scope::covers(held, scope.as_str())).then(|| missing(scope))
    }

    /// The same for what a bare secret does not suffice for, as everyone who holds it is alike.
    pub(crate) fn lacking_as_person(&self, scope: Scope) -> Option<Reply> {
        match self.proof {
            Proof::Token | Proof::Password | Proof::DeviceToken => Some(missing(scope)),
            Proof::TrustedProxy | Proof::None => self.lacking(scope),
        }
    }
}

fn missing(scope: Scope) -> Reply {
    let name = scope.as_str();
    let body = json!({
        "ok": false,
        "error": {
            "type": "forbidden",
            "message": format!("missing scope: {name}"),
            "details": {
                "code": "MISSING_SCOPE",
                "missingScope": name,
                "requiredScopes": [name],
            },
        },
    });
    reply::json(StatusCode::FORBIDDEN, &body)
}

/// How the caller is turned away; `None` lets it in.
pub(crate) fn refusal(gateway: &Gateway, remote: &Remote, headers: &HeaderMap) -> Option<Reply> {
    admitted(gateway, remote, headers).err().map(|refused| *refused)
}

/// Lets the caller in, or says how it is turned away.
pub(crate) fn admitted(
    gateway: &Gateway,
    remote: &Remote,
    headers: &HeaderMap,
) -> Result<Entrant, Box<Reply>> {
    let config = gateway.config();
    if let Err(refused) = origin::check_host(remote, &config.gateway) {
        return Err(Box::new(reply::error(StatusCode::FORBIDDEN, Kind::Forbidden, refused)));
    }
    let outcome = gateway.gate.verify(&config.gateway.auth, &[bearer(headers)], remote);
    let refusal = match outcome.map_err(Refused::wait) {
        // Where no secret is sent, nothing but the origin tells a page of a stranger from the
        // owner: a browser adds what the proxy needs by itself.
        Ok(proof @ (Proof::None | Proof::TrustedProxy)) => {
            let page = remote.origin.as_deref();
            match page.map(|origin| origin::check_page(origin, remote, &config.gateway)) {
                Some(Err(refused)) => reply::error(StatusCode::FORBIDDEN, Kind::Forbidden, refused),
                Some(Ok(())) | None => return Ok(entrant(proof, remote)),
            }
        }
        Ok(proof @ (Proof::Token | Proof::Password | Proof::DeviceToken)) => {
            return Ok(Entrant { proof, user: None, scopes: None });
        }
        Err(Some(wait)) => {
            let text = "Too many failed authentication attempts. Please try again later.";
            let mut reply = reply::error(StatusCode::TOO_MANY_REQUESTS, Kind::RateLimited, text);
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            reply.headers_mut().insert(header::RETRY_AFTER, seconds);
            reply
        }
        Err(None) => reply::error(StatusCode::UNAUTHORIZED, Kind::Unauthorized, "Unauthorized"),
    };
    Err(Box::new(refusal))
}

fn entrant(proof: Proof, remote: &Remote) -> Entrant {
    match remote.claims.as_deref() {
        Some(Claims::Proxy(Ok(vouched))) if proof == Proof::TrustedProxy => {
            Entrant { proof, user: Some(vouched.user.clone()), scopes: vouched.scopes.clone() }
        }
        Some(Claims::Proxy(_) | Claims::Tailscale { .. }) | None => {
            Entrant { proof, user: None, scopes: None }
        }
    }
}

/// Whether the caller may see more than strangers: one on this machine, or with the secret.
/// A wrong secret counts as a failure, no secret does not.
pub(crate) fn is_trusted(gateway: &Gateway, remote: &Remote, headers: &HeaderMap) -> bool {
    remote.is_local || (bearer(headers).is_some() && refusal(gateway, remote, headers).is_none())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_secrets_count() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            bearer(&headers).map(str::to_owned)
        };

        assert_eq!(of("Bearer tok").as_deref(), Some("tok"));
        assert_eq!(of("bearer  tok ").as_deref(), Some("tok"));
        assert_eq!(of("Basic dG9r"), None);
        assert_eq!(of("tok"), None);
    }
}
