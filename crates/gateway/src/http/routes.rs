//! Which endpoint answers: path first, then method, then who asks, then the body.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{Method, Request, StatusCode, request::Parts},
};
use domain::Scope;
use futures_util::FutureExt as _;
use tokio::time::Instant;
use tracing::{debug, error};

use super::{
    access, completions,
    history::{self, Verb},
    metrics, models,
    probes::Probe,
    reply::{self, Reply},
    responses, tools_invoke, ui,
};
use crate::{
    audit::{Deed, LetIn, Target},
    remote::Remote,
    state::Gateway,
};

/// Answers any request that is no WebSocket.
pub(crate) async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Extension(remote): Extension<Remote>,
    request: Request<Body>,
) -> Reply {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let keeper = Arc::clone(&gateway);
    let began = Instant::now();
    let answered = AssertUnwindSafe(route(gateway, &remote, request)).catch_unwind().await;
    let mut reply = answered.unwrap_or_else(|_| {
        error!(%method, path, "endpoint panicked");
        reply::text(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    });
    let let_in = reply.extensions().get::<LetIn>().cloned();
    if let Some(caller) = let_in.filter(|_| method == Method::POST) {
        let target = reply.extensions().get::<Target>().cloned();
        note(&keeper, &remote, (&path, began), (reply.status(), target, caller)).await;
    }
    reply::guard(reply.headers_mut());
    debug!(%method, path, status = reply.status().as_u16(), "answered");
    reply
}

/// Records a request that may have changed something.
async fn note(
    gateway: &Gateway,
    remote: &Remote,
    (path, began): (&str, Instant),
    (code, target, caller): (StatusCode, Option<Target>, LetIn),
) {
    let status = match code {
        _ if code.is_success() => "succeeded",
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => "refused",
        _ => "failed",
    };
    let deed = Deed {
        action: &format!("POST {path}"),
        target: target.map(|target| target.0),
        at: gateway.clock.now(),
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        status,
        code: (!code.is_success()).then(|| code.as_u16().to_string()),
        reason: None,
    };
    gateway.audit.by_request(caller.0.as_deref(), remote.ip, deed).await;
}

async fn route(gateway: Arc<Gateway>, remote: &Remote, request: Request<Body>) -> Reply {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if let Some(probe) = Probe::of(path) {
        return probe.answer(&gateway, remote, &head.method, &head.headers);
    }
    let config = gateway.config();
    let serves_chat = config.gateway.chat_completions;
    let serves_models = serves_chat || config.gateway.responses;
    let model = path.strip_prefix("/v1/models/").filter(|id| !id.is_empty());
    if serves_models && (path == "/v1/models" || model.is_some()) {
        if head.method != Method::GET {
            return reply::method_not_allowed("GET");
        }
        if let Err(refused) = entered(&gateway, remote, &head, Scope::Read) {
            return *refused;
        }
        return model.map_or_else(|| models::list(&gateway), |id| models::one(&gateway, id));
    }
    if serves_chat && path == "/v1/chat/completions" {
        if head.method != Method::POST {
            return reply::method_not_allowed("POST");
        }
        let user = match entered(&gateway, remote, &head, Scope::Write) {
            Ok(user) => user,
            Err(refused) => return *refused,
        };
        return marked(completions::answer(gateway, head.headers, body).await, user);
    }
    if config.gateway.responses && path == "/v1/responses" {
        if head.method != Method::POST {
            return reply::method_not_allowed("POST");
        }
        let user = match entered(&gateway, remote, &head, Scope::Write) {
            Ok(user) => user,
            Err(refused) => return *refused,
        };
        return marked(responses::answer(gateway, head.headers, body).await, user);
    }
    if let Some(reply) = own(&gateway, remote, &head, body).await {
        return reply;
    }
    ui::answer(&gateway, remote, &head).await.unwrap_or_else(reply::not_found)
}

/// Lets someone in who may do what `scope` stands for; gives who they are, where a proxy says so.
fn entered(
    gateway: &Gateway,
    remote: &Remote,
    head: &Parts,
    scope: Scope,
) -> Result<Option<String>, Box<Reply>> {
    let entrant = access::admitted(gateway, remote, &head.headers)?;
    match entrant.lacking(scope) {
        Some(refused) => Err(Box::new(marked(refused, entrant.user))),
        None => Ok(entrant.user),
    }
}

/// Endpoints of our own API; `None` when there is none under this path.
async fn own(gateway: &Arc<Gateway>, remote: &Remote, head: &Parts, body: Body) -> Option<Reply> {
    let path = head.uri.path();
    let serves_metrics = gateway.config().gateway.metrics;
    let session = history::of(path);
    let (method, scope) = match (path, &session) {
        (_, Some((_, Verb::History))) => (Method::GET, Scope::Read),
        (_, Some((_, Verb::Kill))) => (Method::POST, Scope::Admin),
        ("/tools/invoke", None) => (Method::POST, Scope::Write),
        ("/api/diagnostics/prometheus", None) if serves_metrics => (Method::GET, Scope::Read),
        _ => return None,
    };
    if head.method != method {
        let allowed = if method == Method::POST { "POST" } else { "GET" };
        return Some(reply::method_not_allowed(allowed));
    }
    let entrant = match access::admitted(gateway, remote, &head.headers) {
        Ok(entrant) => entrant,
        Err(refused) => return Some(*refused),
    };
    let lacking = if scope == Scope::Admin {
        entrant.lacking_as_person(scope)
    } else {
        entrant.lacking(scope)
    };
    if let Some(refused) = lacking {
        return Some(marked(refused, entrant.user));
    }
    let query = head.uri.query().unwrap_or_default();
    let reply = match (path, session) {
        (_, Some((key, Verb::Kill))) => history::kill(gateway, &key).await,
        (_, Some((key, Verb::History))) => history::read(gateway, &key, query, &head.headers).await,
        ("/tools/invoke", None) => {
            let user = entrant.user.as_deref();
            tools_invoke::answer(gateway, user, (&head.headers, body)).await
        }
        _ => metrics::answer(gateway).await,
    };
    Some(marked(reply, entrant.user))
}

/// Marks an answer to someone who was let in.
fn marked(mut reply: Reply, user: Option<String>) -> Reply {
    reply.extensions_mut().insert(LetIn(user));
    reply
}
