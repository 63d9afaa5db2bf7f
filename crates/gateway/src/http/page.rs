//! The plain page, for gateways that were built without the Control UI: that the gateway runs, how
//! to talk to it, and how to get the other page, in English and Chinese.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse as _,
};

use super::reply::Reply;
use crate::app::VERSION;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The plain page itself.
pub(super) fn plain(base: &str, headers: &HeaderMap) -> Reply {
    sent(page(base, headers), "text/html; charset=utf-8")
}

/// A file of the plain page.
pub(super) fn file(name: &str) -> Option<Reply> {
    (name == "page.css").then(|| sent(STYLE.to_owned(), "text/css; charset=utf-8"))
}

fn sent(body: String, kind: &'static str) -> Reply {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    (StatusCode::OK, headers, body).into_response()
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
