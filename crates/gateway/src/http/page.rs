//! The page at the root, until there is a control UI: that the gateway runs, and how to talk
//! to it, in English and Chinese.

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::IntoResponse as _,
};

use super::reply::{self, Reply};
use crate::{app::VERSION, state::Gateway};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Answers for the paths of the page; `None` when `uri` is not one of them.
pub(crate) fn answer(
    gateway: &Gateway,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Option<Reply> {
    let config = gateway.config();
    let ui = &config.gateway.control_ui;
    if !ui.enabled {
        return None;
    }
    let base = ui.base_path.as_str();
    let rest = uri.path().strip_prefix(base)?;
    let (body, kind) = match rest {
        "" if !base.is_empty() => return Some(redirect(base, method, uri)),
        "/" => (page(base, headers), "text/html; charset=utf-8"),
        "/page.css" => (STYLE.to_owned(), "text/css; charset=utf-8"),
        _ => return None,
    };
    if *method != Method::GET && *method != Method::HEAD {
        return Some(reply::method_not_allowed("GET, HEAD"));
    }
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    Some((StatusCode::OK, headers, body).into_response())
}

/// From `<base>` to `<base>/`, the query kept.
fn redirect(base: &str, method: &Method, uri: &Uri) -> Reply {
    if *method != Method::GET && *method != Method::HEAD {
        return reply::method_not_allowed("GET, HEAD");
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    match HeaderValue::try_from(format!("{base}/{query}")) {
        Ok(place) => (StatusCode::FOUND, [(header::LOCATION, place)]).into_response(),
        Err(_) => reply::not_found(),
    }
}

fn page(base: &str, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| is_host(host)).unwrap_or("127.0.0.1:18789");
    let proto = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    let scheme = if proto { "wss" } else { "ws" };
    PAGE.replace("{version}", VERSION)
        .replace("{ws}", &format!("{scheme}://{host}{base}/"))
        .replace("{base}", base)
}

/// Whether it can stand in a page as it is.
fn is_host(host: &str) -> bool {
    host.len() <= 255
        && host.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_where_to_connect_and_trusts_no_header() {
        let of = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            page("/ui", &headers)
        };

        assert!(of("gw.lan:18789").contains("<code>ws://gw.lan:18789/ui/</code>"));
        assert!(of("gw.lan").contains("href=\"/ui/page.css\""));
        assert!(!of("<script>").contains("<script"));
        assert!(!of("x").contains('{'));
    }
}
