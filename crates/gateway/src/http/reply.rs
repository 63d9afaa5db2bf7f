//! Answers in the forms that HTTP clients know: plain text, JSON, the error bodies of the API.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, header},
    response::IntoResponse as _,
};
use serde::Serialize;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer.
pub(crate) type Reply = Response<Body>;

/// Which sort of API error; OpenAI's clients look at it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The request makes no sense.
    InvalidRequestError,
    /// We failed.
    ApiError,
    /// No secret, or a wrong one.
    Unauthorized,
    /// A page of a stranger.
    Forbidden,
    /// Too many wrong secrets.
    RateLimited,
    /// The model server refused our key.
    AuthenticationError,
    /// The model server asks to wait.
    RateLimitError,
    /// The model server has too much to do.
    OverloadedError,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: Fault<'a>,
}

#[derive(Serialize)]
struct Fault<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: Kind,
}

/// Plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<Body>) -> Reply {
    (status, [(header::CONTENT_TYPE, TEXT)], text.into()).into_response()
}

/// JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(header::CONTENT_TYPE, JSON)], body).into_response(),
        Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
    }
}

/// An error of the API.
pub(crate) fn error(status: StatusCode, kind: Kind, message: &str) -> Reply {
    json(status, &error_body(kind, message))
}

/// The body of an error of the API.
pub(crate) fn error_body(kind: Kind, message: &str) -> impl Serialize {
    ErrorBody { error: Fault { message, kind } }
}

/// Server-sent events.
pub(crate) fn event_stream(body: Body) -> Reply {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONNECTION, HeaderValue::from_static("keep-alive")),
    ];
    (StatusCode::OK, headers, body).into_response()
}

/// There is nothing under this path.
pub(crate) fn not_found() -> Reply {
    text(StatusCode::NOT_FOUND, "Not Found")
}

/// The path takes other methods only: `allowed`.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Reply {
    let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    reply
}

/// Adds what every answer carries, unless the endpoint has said otherwise.
pub(crate) fn guard(headers: &mut HeaderMap) {
    const ALWAYS: [(header::HeaderName, HeaderValue); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), microphone=(self), geolocation=()"),
        ),
    ];
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
}
