//! The port: accepts connections and tells WebSocket clients from HTTP ones.
//!
//! Any path upgrades; everything else goes to the HTTP router. One task accepts, one task
//! serves each connection.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header},
    response::IntoResponse as _,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tower::ServiceExt as _;
use tracing::{Instrument as _, debug, info_span, warn};

use crate::{bind, conn, remote::Remote, state::Gateway};

mod access;
mod assets;
mod client_tools;
mod completions;
mod history;
mod lenient;
mod metrics;
mod models;
mod page;
mod pieces;
mod probes;
pub(crate) mod reply;
mod responses;
mod routes;
mod run;
mod target;
mod tools_invoke;
mod transcript;
mod ui;
mod ui_avatar;
mod ui_config;
mod ui_index;
mod waiting;

pub(crate) use probes::Probe;
pub(crate) use responses::Recent;
pub(crate) use tools_invoke::Calls;
pub(crate) use waiting::Ticket;
use waiting::Waiting;

/// How long a client may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(15);
/// Connections at once; more wait in the listen queue of the system.
const CONNECTIONS_MAX: usize = 16_384;
/// How long to rest when the system cannot give us another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The HTTP side: every path that is no WebSocket.
fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().fallback(routes::answer).with_state(gateway)
}

/// Accepts connections until the gateway drains.
pub(crate) async fn accept(gateway: Arc<Gateway>, listener: TcpListener) {
    let soft = gateway.lifecycle.soft.clone();
    let permits = Arc::new(Semaphore::new(bind::connections_max(CONNECTIONS_MAX)));
    let router = router(Arc::clone(&gateway));
    let waiting = Waiting::default();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { break };
        let accepted = tokio::select! {
            biased;
            () = soft.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    debug!(%error, "cannot set TCP_NODELAY");
                }
                let door = Door {
                    gateway: Arc::clone(&gateway),
                    router: router.clone(),
                    waiting: waiting.clone(),
                    permit: Arc::new(permit),
                    peer,
                };
                let task = serve(door, stream).instrument(info_span!("http", %peer));
                gateway.lifecycle.clients.spawn(task);
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What one connection needs.
#[derive(Clone)]
struct Door {
    gateway: Arc<Gateway>,
    router: Router,
    waiting: Waiting,
    permit: Arc<OwnedSemaphorePermit>,
    peer: SocketAddr,
}

async fn serve(door: Door, stream: TcpStream) {
    let hard = door.gateway.lifecycle.hard.clone();
    let soft = door.gateway.lifecycle.soft.clone();
    let service = service_fn(move |request| door.clone().answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let served = tokio::select! {
        biased;
        () = hard.cancelled() => return,
        served = &mut connection => served,
        () = soft.cancelled() => {
            // Lets the request under way finish and takes no further one.
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                biased;
                () = hard.cancelled() => return,
                served = connection => served,
            }
        }
    };
    if let Err(error) = served {
        debug!(%error, "connection broke");
    }
}

impl Door {
    async fn answer(self, mut request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let config = self.gateway.config();
        let remote = Remote::of(self.peer, request.headers(), &config.gateway);
        if is_upgrade(&request) {
            return Ok(self.upgrade(&mut request, remote));
        }
        request.extensions_mut().insert(remote);
        let router = self.router.clone();
        router.oneshot(request.map(Body::new)).await
    }

    fn upgrade(self, request: &mut Request<Incoming>, remote: Remote) -> Response<Body> {
        let headers = request.headers();
        let version = headers.get(header::SEC_WEBSOCKET_VERSION);
        if version.is_none_or(|version| version != "13") {
            let supported = [(header::SEC_WEBSOCKET_VERSION, "13")];
            return (StatusCode::UPGRADE_REQUIRED, supported).into_response();
        }
        let Some(key) = headers.get(header::SEC_WEBSOCKET_KEY) else {
            return (StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is missing").into_response();
        };
        let accept = derive_accept_key(key.as_bytes());
        let Some(ticket) = self.waiting.enter(remote.ip) else {
            return (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests").into_response();
        };
        let upgraded = hyper::upgrade::on(request);
        let Self { gateway, permit, .. } = self;
        let tasks = gateway.lifecycle.clients.clone();
        let client = async move {
            let Ok(upgraded) = upgraded.await else { return };
            if let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() {
                let (stream, ahead) = (parts.io.into_inner(), parts.read_buf.to_vec());
                conn::serve(gateway, stream, ahead, (remote, ticket)).await;
            }
            drop(permit);
        };
        tasks.spawn(client.instrument(info_span!("conn", peer = %self.peer)));
        let Ok(accept) = HeaderValue::from_str(&accept) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_ACCEPT, accept),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }
}

fn is_upgrade(request: &Request<Incoming>) -> bool {
    request.method() == Method::GET
        && names(request.headers(), header::CONNECTION, "upgrade")
        && names(request.headers(), header::UPGRADE, "websocket")
}

fn names(headers: &HeaderMap, header: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
}
