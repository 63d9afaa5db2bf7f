//! Probes for supervisors: does it live, is it ready, has it started.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use super::{
    access,
    reply::{self, Reply},
};
use crate::{app::VERSION, remote::Remote, state::Gateway};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Does the process answer?
    Live,
    /// Does it take work?
    Ready,
    /// Has it begun to?
    Started,
}

#[derive(Serialize)]
struct Live {
    ok: bool,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_ms: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    ok: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uptime_ms: Option<u64>,
}

impl Probe {
    /// The probe under `path`, which must match as a whole.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path {
            "/healthz" | "/health" => Some(Self::Live),
            "/readyz" | "/ready" => Some(Self::Ready),
            "/startupz" | "/startup" => Some(Self::Started),
            _ => None,
        }
    }

    /// Answers. Strangers learn no more than yes or no.
    pub(crate) fn answer(
        self,
        gateway: &Gateway,
        remote: &Remote,
        method: &Method,
        headers: &HeaderMap,
    ) -> Reply {
        if *method != Method::GET && *method != Method::HEAD {
            return reply::method_not_allowed("GET, HEAD");
        }
        let may_see = access::is_trusted(gateway, remote, headers);
        let uptime_ms = may_see.then(|| gateway.uptime_ms());
        let draining = gateway.lifecycle.is_draining();
        let status = match self {
            Self::Ready | Self::Started if draining => StatusCode::SERVICE_UNAVAILABLE,
            Self::Live | Self::Ready | Self::Started => StatusCode::OK,
        };
        let mut reply = match self {
            Self::Live => reply::json(status, &Live { ok: true, status: "live" }),
            Self::Ready => {
                let failing = if draining { vec!["draining"] } else { Vec::new() };
                let failing = may_see.then_some(failing);
                reply::json(status, &Readiness { ready: !draining, failing, uptime_ms })
            }
            Self::Started => {
                let status_text = if draining { "draining" } else { "started" };
                let version = may_see.then_some(VERSION);
                let body = Started { ok: !draining, status: status_text, version, uptime_ms };
                reply::json(status, &body)
            }
        };
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply
    }
}
