//! The paths of the Control UI: its files, the page for every deep link, its settings, avatars.
//!
//! What a file is and where it lies is told by [`super::assets`]. Without a built page the plain
//! one of [`super::page`] stands in for it, under the same paths.

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::IntoResponse as _,
};
use config::ControlUi;

use super::{
    access,
    assets::{Asset, Encodings, Source},
    page,
    reply::{self, Reply},
    ui_avatar, ui_config, ui_index,
};
use crate::{remote::Remote, state::Gateway};

/// How long browsers may keep files whose names change with their content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// What the page may ask the browser for.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "camera=(), microphone=(self), geolocation=(), clipboard-write=(self)",
);

/// What is asked for, below the base path.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    /// The base path without its slash.
    Bare,
    /// The settings of the page.
    Config,
    /// The picture of an agent.
    Avatar(&'a str),
    /// A file; a deep link when it is none.
    File(&'a str),
    /// A deep link, or the page itself.
    Page,
    /// Nothing of ours.
    Nothing,
}

/// Answers for the paths of the page; `None` when the request is for none of them.
pub(crate) async fn answer(gateway: &Arc<Gateway>, remote: &Remote, head: &Parts) -> Option<Reply> {
    let config = gateway.config();
    let ui = &config.gateway.control_ui;
    if !ui.enabled {
        return None;
    }
    let wanted = wanted(&ui.base_path, head.uri.path())?;
    if wanted == Wanted::Nothing {
        return None;
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        let is_known = matches!(wanted, Wanted::Bare | Wanted::Config | Wanted::Avatar(_))
            || head.uri.path() == format!("{}/", ui.base_path);
        return is_known.then(|| reply::method_not_allowed("GET, HEAD"));
    }
    Some(match wanted {
        Wanted::Bare => redirect(&ui.base_path, &head.uri),
        Wanted::Config => match access::refusal(gateway, remote, &head.headers) {
            Some(refused) => refused,
            None => reply::json(StatusCode::OK, &ui_config::of(&config)),
        },
        Wanted::Avatar(agent) => match access::refusal(gateway, remote, &head.headers) {
            Some(refused) => refused,
            None => ui_avatar::answer(&config, agent, head.uri.query()).await,
        },
        Wanted::File(name) => file(ui, name, head).await?,
        Wanted::Page => index(ui, head).await?,
        Wanted::Nothing => return None,
    })
}

/// Beginnings of paths that are no deep links: who asks there wants something else than a page.
const OF_OTHERS: [&str; 9] = [
    "api/",
    "v1/",
    "__openclaw__/",
    "healthz/",
    "health/",
    "readyz/",
    "ready/",
    "startupz/",
    "startup/",
];

fn wanted<'a>(base: &str, path: &'a str) -> Option<Wanted<'a>> {
    let rest = path.strip_prefix(base)?;
    if rest.is_empty() {
        return Some(Wanted::Bare);
    }
    let rest = rest.strip_prefix('/')?;
    let is_config = matches!(
        rest,
        "control-ui-config.json"
            | "__openclaw/control-ui-config.json"
            | "__openclaw__/control-ui-config.json"
    );
    Some(match rest {
        _ if is_config => Wanted::Config,
        "" | "index.html" => Wanted::Page,
        _ if OF_OTHERS.iter().any(|it| rest.starts_with(it)) => Wanted::Nothing,
        _ => match (rest.strip_prefix("avatar/"), rest.rfind("assets/")) {
            (Some(agent), _) if !agent.is_empty() && !agent.contains('/') => Wanted::Avatar(agent),
            // A deep link is no folder: its relative links mean the folder of the page.
            (_, Some(at)) if at == 0 || rest.as_bytes().get(at - 1) == Some(&b'/') => {
                Wanted::File(rest.get(at..).unwrap_or_default())
            }
            _ if rest.rsplit('/').next().is_some_and(|last| last.contains('.')) => {
                Wanted::File(rest)
            }
            _ => Wanted::Page,
        },
    })
}

fn source(ui: &ControlUi) -> Source {
    ui.root.clone().map_or(Source::Built, Source::Folder)
}

async fn file(ui: &ControlUi, name: &str, head: &Parts) -> Option<Reply> {
    let (source, takes) = (source(ui), Encodings::of(&head.headers));
    let wanted = name.to_owned();
    let look = move || (source.find(&wanted, takes), source.is_empty());
    match blocking(look).await? {
        (Some(asset), _) => Some(whole(asset, name, &head.headers)),
        (None, true) => page::file(name),
        (None, false) => None,
    }
}

fn whole(asset: Asset, name: &str, headers: &HeaderMap) -> Reply {
    let is_hashed = name.starts_with("assets/");
    let cache = if is_hashed { FOREVER } else { NO_CACHE };
    let seen = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_seen = seen.is_some_and(|seen| seen.split(',').any(|it| it.trim() == asset.etag));
    let mut reply = if is_seen {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::from_static(asset.kind);
        (StatusCode::OK, [(header::CONTENT_TYPE, kind)], axum::body::Bytes::from_owner(asset.bytes))
            .into_response()
    };
    let sent = reply.headers_mut();
    if let Some(encoding) = asset.encoding.filter(|_| !is_seen) {
        sent.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if let Ok(etag) = HeaderValue::try_from(asset.etag) {
        sent.insert(header::ETAG, etag);
    }
    sent.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    sent.insert(header::CACHE_CONTROL, cache);
    // A picture with script in it must stay a picture when it is opened by itself.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    if asset.kind == "image/svg+xml" {
        sent.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    sent.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    reply
}

async fn index(ui: &ControlUi, head: &Parts) -> Option<Reply> {
    let source = source(ui);
    let is_ours = source == Source::Built;
    let Some(text) = blocking(move || source.index()).await? else {
        return Some(page::plain(&ui.base_path, &head.headers));
    };
    let made = if is_ours {
        ui_index::ours(&text, &ui.base_path)
    } else {
        ui_index::foreign(&text, &ui.base_path)
    };
    let policy = HeaderValue::try_from(made.policy).ok()?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, NO_CACHE),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    Some((StatusCode::OK, headers, made.text).into_response())
}

/// From `<base>` to `<base>/`, the query kept.
fn redirect(base: &str, uri: &Uri) -> Reply {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    match HeaderValue::try_from(format!("{base}/{query}")) {
        Ok(place) => (StatusCode::FOUND, [(header::LOCATION, place)]).into_response(),
        Err(_) => reply::not_found(),
    }
}

/// Does what reads the disk where that holds up nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_below_the_base_has_its_meaning() {
        let cases = [
            ("/ui", Some(Wanted::Bare)),
            ("/ui/", Some(Wanted::Page)),
            ("/uix", None),
            ("/", None),
            ("/ui/sessions/agent:main:main", Some(Wanted::Page)),
            ("/ui/chat/assets/a.js", Some(Wanted::File("assets/a.js"))),
            ("/ui/favicon.svg", Some(Wanted::File("favicon.svg"))),
            ("/ui/control-ui-config.json", Some(Wanted::Config)),
            ("/ui/avatar/main", Some(Wanted::Avatar("main"))),
            ("/ui/avatar/", Some(Wanted::Page)),
            ("/ui/v1/nothing", Some(Wanted::Nothing)),
            ("/ui/api/nothing", Some(Wanted::Nothing)),
        ];

        for (path, expected) in cases {
            assert_eq!(wanted("/ui", path), expected, "{path}");
        }
        assert_eq!(wanted("", "/"), Some(Wanted::Page));
        assert_eq!(wanted("", "/ui"), Some(Wanted::Page));
    }
}
