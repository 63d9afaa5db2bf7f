//! `GET /sessions/{key}/history` and `POST /sessions/{key}/kill`: a conversation over HTTP.
//!
//! A reader that takes server-sent events gets the newest page and then every message as it is
//! written, until it goes or the gateway stops.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use agent::Aborted;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode, header},
};
use domain::{EntryId, SessionKey};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};
use store::Span;
use tokio::{sync::mpsc, time::timeout};
use tracing::warn;

use super::reply::{self, Kind, Reply};
use crate::{
    audit::Target,
    rpc::{error::chain, shown_message},
    state::Gateway,
};

/// Messages given when the client does not say how many.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 1000;
/// Most text of messages in one page, in bytes.
const BYTES_MAX: usize = 6 << 20;
/// Silence after which a sign of life is sent.
const QUIET: Duration = Duration::from_secs(15);

/// What is done with a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// It is read.
    History,
    /// What runs in it is stopped.
    Kill,
}

/// Which page of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wish {
    limit: usize,
    /// How many of the newest messages to pass over.
    skip: usize,
    with_tools: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    session_key: &'a SessionKey,
    items: &'a [Message],
    messages: &'a [Message],
    has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Message {
    json: Box<RawValue>,
    #[serde(skip)]
    id: Option<EntryId>,
    #[serde(skip)]
    is_shown: bool,
}

#[derive(Deserialize)]
struct Spoken<'a> {
    #[serde(borrow)]
    role: std::borrow::Cow<'a, str>,
}

/// Reads `/sessions/{key}/{verb}`; the key may be percent-encoded.
pub(crate) fn of(path: &str) -> Option<(String, Verb)> {
    let (key, verb) = path.strip_prefix("/sessions/")?.rsplit_once('/')?;
    let verb = match verb {
        "history" => Verb::History,
        "kill" => Verb::Kill,
        _ => return None,
    };
    let key = decoded(key)?;
    (!key.trim().is_empty()).then_some((key, verb))
}

/// Stops what runs in a conversation.
pub(crate) async fn kill(gateway: &Gateway, key: &str) -> Reply {
    let session = gateway.session_key(key, None);
    if gateway.sessions_of(&session).get(&session).is_none() {
        return unknown(key);
    }
    let stopped = match gateway.sessions.abort(&session, None).await {
        Aborted::Turns(turns) => turns,
        Aborted::OtherSession => Vec::new(),
    };
    let mut reply =
        reply::json(StatusCode::OK, &json!({"ok": true, "killed": !stopped.is_empty()}));
    reply.extensions_mut().insert(Target(session.to_string()));
    reply
}

/// Gives a page of a conversation, or all that is said in it from now on.
pub(crate) async fn read(
    gateway: &Arc<Gateway>,
    key: &str,
    query: &str,
    headers: &HeaderMap,
) -> Reply {
    let session = gateway.session_key(key, None);
    let wish = Wish::of(query);
    // Before the page is read, so that nothing falls between the two.
    let woken = takes_events(headers).then(|| gateway.readers.follow(&session));
    let (messages, has_more) = match page(gateway, &session, wish).await {
        Ok(Some(page)) => page,
        Ok(None) => return unknown(key),
        Err(error) => {
            warn!(error = chain(&error), "cannot read the conversation");
            let text = "cannot read the conversation";
            return reply::error(StatusCode::INTERNAL_SERVER_ERROR, Kind::ApiError, text);
        }
    };
    let next = has_more.then(|| (wish.skip + messages.len()).to_string());
    let last = messages.iter().rev().find_map(|message| message.id.clone());
    let shown: Vec<Message> = messages.into_iter().filter(|it| it.is_shown).collect();
    let page = Page {
        session_key: &session,
        items: &shown,
        messages: &shown,
        has_more,
        next_cursor: next,
    };
    let Some(woken) = woken else { return reply::json(StatusCode::OK, &page) };
    let first = format!("retry: 1000\n\n{}", event("history", &page));
    let gateway = Arc::clone(gateway);
    let ready = VecDeque::from([first]);
    let following = Following { gateway, session, wish, last, woken, ready };
    let pieces = stream::unfold(following, |mut it| async move {
        let piece = it.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), it))
    });
    reply::event_stream(Body::from_stream(pieces))
}

/// A reader that stays.
struct Following {
    gateway: Arc<Gateway>,
    session: SessionKey,
    wish: Wish,
    /// The newest message that was sent.
    last: Option<EntryId>,
    woken: mpsc::Receiver<()>,
    ready: VecDeque<String>,
}

impl Following {
    async fn next(&mut self) -> Option<String> {
        let soft = self.gateway.lifecycle.soft.clone();
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            let woken = tokio::select! {
                biased;
                () = soft.cancelled() => return None,
                woken = timeout(QUIET, self.woken.recv()) => woken,
            };
            match woken {
                Ok(Some(())) => self.catch_up().await?,
                Ok(None) => return None,
                Err(_) => return Some(": still there\n\n".to_owned()),
            }
        }
    }

    /// Readies what was written since. `None` when the conversation is gone.
    async fn catch_up(&mut self) -> Option<()> {
        let wish = Wish { skip: 0, limit: LIMIT_MAX, ..self.wish };
        let (messages, _) = page(&self.gateway, &self.session, wish).await.ok()??;
        // A message that is not there any more was of a conversation that began afresh.
        let known = messages.iter().rposition(|it| it.id.is_some() && it.id == self.last);
        for message in messages.into_iter().skip(known.map_or(0, |at| at + 1)) {
            if message.is_shown {
                let body = json!({
                    "sessionKey": self.session,
                    "messageId": message.id,
                    "message": message.json,
                });
                self.ready.push_back(event("message", &body));
            }
            self.last = message.id.or_else(|| self.last.take());
        }
        Some(())
    }
}

/// Some messages, oldest first, and whether there are older ones.
type Found = (Vec<Message>, bool);

async fn page(
    gateway: &Gateway,
    session: &SessionKey,
    wish: Wish,
) -> Result<Option<Found>, store::StoreError> {
    let index = gateway.sessions_of(session);
    let Some(entry) = index.get(session) else { return Ok(None) };
    let span = Span::Newest { skip: wish.skip, limit: wish.limit };
    let page = index.page(&entry, span, BYTES_MAX).await?.unwrap_or_default();
    let messages = page.messages.into_iter().map(|line| {
        let spoken = serde_json::from_str::<Spoken<'_>>(line.message.get());
        let is_talk = spoken.is_ok_and(|it| matches!(&*it.role, "user" | "assistant"));
        let id = line.id.clone();
        Message {
            json: shown_message(line, &entry.session_id),
            id,
            is_shown: wish.with_tools || is_talk,
        }
    });
    Ok(Some((messages.collect(), page.before > 0)))
}

impl Wish {
    fn of(query: &str) -> Self {
        let value = |name: &str| {
            query.split('&').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                (key == name).then_some(value)
            })
        };
        let number = |name: &str| value(name).and_then(|text| text.parse::<usize>().ok());
        Self {
            limit: number("limit").unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
            skip: number("cursor").unwrap_or(0),
            with_tools: matches!(value("includeTools"), Some("1" | "true")),
        }
    }
}

fn takes_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

fn event<T: Serialize>(name: &str, data: &T) -> String {
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n")
}

fn unknown(key: &str) -> Reply {
    let message = format!("Session not found: {key}");
    let body = json!({"ok": false, "error": {"type": "not_found", "message": message}});
    reply::json(StatusCode::NOT_FOUND, &body)
}

/// Takes percent-encoding off. `None` when what is left is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        if let Some(byte) = code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_conversation_and_what_is_done_with_it() {
        let history = |key: &str| Some((key.to_owned(), Verb::History));

        assert_eq!(of("/sessions/agent%3Amain%3Amain/history"), history("agent:main:main"));
        assert_eq!(of("/sessions/agent:main:a%2Fb/history"), history("agent:main:a/b"));
        assert_eq!(of("/sessions/main/kill"), Some(("main".to_owned(), Verb::Kill)));
        for other in ["/sessions/main", "/sessions//kill", "/sessions/main/x", "/sessions/%FF/kill"]
        {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(decoded("%zz%4").as_deref(), Some("%zz%4"));
    }

    #[test]
    fn wishes_are_bounded() {
        let of = |query: &str| Wish::of(query);

        assert_eq!(of(""), Wish { limit: 50, skip: 0, with_tools: false });
        let all = of("limit=99999&cursor=7&includeTools=1");
        assert_eq!(all, Wish { limit: 1000, skip: 7, with_tools: true });
        assert_eq!(of("limit=0&cursor=x"), Wish { limit: 1, skip: 0, with_tools: false });
    }
}
