//! Who may use the API over HTTP: a shared secret as bearer token.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::reply::{self, Kind, Reply};
use crate::{
    auth::{Proof, Refused},
    origin,
    remote::Remote,
    state::Gateway,
};

/// How the caller is turned away; `None` lets it in.
pub(crate) fn refusal(gateway: &Gateway, remote: &Remote, headers: &HeaderMap) -> Option<Reply> {
    let config = gateway.config();
    if let Err(refused) = origin::check_host(remote, &config.gateway) {
        return Some(reply::error(StatusCode::FORBIDDEN, Kind::Forbidden, refused));
    }
    let outcome = gateway.gate.verify(&config.gateway.auth, &[bearer(headers)], remote);
    match outcome.map_err(Refused::wait) {
        // Where no secret is sent, nothing but the origin tells a page of a stranger from the
        // owner: a browser adds what the proxy needs by itself.
        Ok(Proof::None | Proof::TrustedProxy) => {
            let origin = remote.origin.as_deref()?;
            let refused = origin::check_page(origin, remote, &config.gateway).err()?;
            Some(reply::error(StatusCode::FORBIDDEN, Kind::Forbidden, refused))
        }
        Ok(Proof::Token | Proof::Password | Proof::DeviceToken) => None,
        Err(Some(wait)) => {
            let text = "Too many failed authentication attempts. Please try again later.";
            let mut reply = reply::error(StatusCode::TOO_MANY_REQUESTS, Kind::RateLimited, text);
            let seconds = HeaderValue::from(wait.as_secs().max(1));
            reply.headers_mut().insert(header::RETRY_AFTER, seconds);
            Some(reply)
        }
        Err(None) => {
            Some(reply::error(StatusCode::UNAUTHORIZED, Kind::Unauthorized, "Unauthorized"))
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
