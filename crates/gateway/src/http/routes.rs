//! Which endpoint answers: path first, then method, then who asks, then the body.

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{Method, Request, StatusCode},
};
use futures_util::FutureExt as _;
use tracing::{debug, error};

use super::{
    access, completions, models,
    probes::Probe,
    reply::{self, Reply},
    responses, ui,
};
use crate::{remote::Remote, state::Gateway};

/// Answers any request that is no WebSocket.
pub(crate) async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Extension(remote): Extension<Remote>,
    request: Request<Body>,
) -> Reply {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answered = AssertUnwindSafe(route(gateway, &remote, request)).catch_unwind().await;
    let mut reply = answered.unwrap_or_else(|_| {
        error!(%method, path, "endpoint panicked");
        reply::text(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    });
    reply::guard(reply.headers_mut());
    debug!(%method, path, status = reply.status().as_u16(), "answered");
    reply
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
        if let Some(refused) = access::refusal(&gateway, remote, &head.headers) {
            return refused;
        }
        return model.map_or_else(|| models::list(&gateway), |id| models::one(&gateway, id));
    }
    if serves_chat && path == "/v1/chat/completions" {
        if head.method != Method::POST {
            return reply::method_not_allowed("POST");
        }
        if let Some(refused) = access::refusal(&gateway, remote, &head.headers) {
            return refused;
        }
        return completions::answer(gateway, head.headers, body).await;
    }
    if config.gateway.responses && path == "/v1/responses" {
        if head.method != Method::POST {
            return reply::method_not_allowed("POST");
        }
        if let Some(refused) = access::refusal(&gateway, remote, &head.headers) {
            return refused;
        }
        return responses::answer(gateway, head.headers, body).await;
    }
    ui::answer(&gateway, remote, &head).await.unwrap_or_else(reply::not_found)
}
