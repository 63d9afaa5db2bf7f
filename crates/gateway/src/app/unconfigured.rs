//! A gateway that cannot start with its config, or has none: it answers probes, says what is
//! wrong, and waits for the file to change.
//!
//! In a container a start that fails is repeated for ever, and the command that makes or mends the
//! config wants the container of the gateway to be there. So the port is open meanwhile, and
//! nothing is behind it but the probes and a text: no token exists that could be asked for.

use std::{
    convert::Infallible, os::unix::fs::MetadataExt as _, path::Path, sync::Arc, time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, Response, StatusCode, header},
};
use config::{Config, Env, Loaded, Locations};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::{JoinSet, spawn_blocking},
    time::{MissedTickBehavior, interval, sleep},
};
use tracing::{debug, info, warn};

use super::{App, Options, StartError};
use crate::{
    bind,
    http::{
        Probe,
        reply::{self, Reply},
    },
};

/// How often the file is looked for. Some mounts tell of no changes, so nothing else is relied on.
const POLL: Duration = Duration::from_millis(200);
/// How long a client may take to send the head of a request.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// Clients at once; more wait in the listen queue of the system.
const CONNECTIONS_MAX: usize = 64;
/// How long to rest when the system cannot give us another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The answer to anything but a probe while there is no config.
const NO_CONFIG: &str = "This gateway has no config yet. Make one with `openclaw onboard`, \
                         in Docker: docker compose run --rm openclaw-cli onboard\n";

/// Problems that are listed; more are counted.
const PROBLEMS_MAX: usize = 20;

impl App {
    /// Why no gateway can start with this config, if that is so. Opens nothing.
    ///
    /// # Errors
    ///
    /// The first thing that stands against it.
    pub fn check_config(options: &Options) -> Result<(), StartError> {
        super::admit(&options.loaded, options).map(drop)
    }

    /// Waits until there is a config that a gateway can start with. Meanwhile it listens where
    /// `config` says, answers probes, and tells everybody else why it waits, which is `reason`.
    /// The port is free again when this returned or was dropped.
    ///
    /// # Errors
    ///
    /// When the port cannot be had.
    pub async fn wait_for_config(
        options: &Options,
        config: &Config,
        reason: &StartError,
    ) -> Result<(), StartError> {
        let gateway = options.overrides.applied(config).gateway;
        let port = gateway.port;
        let listener = bind::listen(&gateway.bind, port)
            .await
            .map_err(|source| StartError::Listen { port, source })?;
        info!(port, %reason, "waiting for a config to start with");
        tokio::select! {
            biased;
            () = appearance(options) => Ok(()),
            never = serve(listener, Why::of(reason)) => match never {},
        }
    }
}

/// Why there is no gateway, for probes and for people.
#[derive(Clone, Debug)]
struct Why {
    /// Word for the probes.
    status: &'static str,
    /// What is said to people.
    text: String,
}

impl Why {
    fn of(reason: &StartError) -> Arc<Self> {
        if matches!(reason, StartError::MissingConfig) {
            return Arc::new(Self { status: "unconfigured", text: NO_CONFIG.to_owned() });
        }
        let mut lines = vec![format!("This gateway cannot start: {reason}")];
        if let StartError::InvalidConfig { problems } = reason {
            lines.extend(problems.iter().take(PROBLEMS_MAX).map(|it| format!("  - {it}")));
            let more = problems.len().saturating_sub(PROBLEMS_MAX);
            if more > 0 {
                lines.push(format!("  and {more} more"));
            }
        }
        lines.push(
            "It starts by itself once the file is mended. `openclaw doctor` helps, in Docker: \
             docker compose run --rm openclaw-cli doctor"
                .to_owned(),
        );
        Arc::new(Self { status: "invalid-config", text: lines.join("\n") + "\n" })
    }
}

/// Returns when the file is there and lets a gateway start.
async fn appearance(options: &Options) {
    let mut poll = interval(POLL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The file as it was at the start did not do.
    let mut seen = sight(&options.locations.config_path).filter(|_| options.loaded.snapshot.exists);
    loop {
        poll.tick().await;
        let now = sight(&options.locations.config_path);
        if now.is_none() || now == seen {
            continue;
        }
        let Some(loaded) = load(options.locations.clone(), options.env.clone()).await else {
            continue;
        };
        match super::admit(&loaded, options) {
            Ok(_) => return,
            Err(error) => warn!(%error, "there is a config, but no gateway can start with it yet"),
        }
        seen = now;
    }
}

/// Which file it is, when it was last changed and how long it is.
fn sight(path: &Path) -> Option<(u64, u64, i64, i64, u64)> {
    let meta = path.metadata().ok()?;
    Some((meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.len()))
}

async fn load(locations: Locations, env: Env) -> Option<Loaded> {
    spawn_blocking(move || config::load(&locations, &env)).await.ok()
}

/// Answers probes for ever. Its clients go with it.
async fn serve(listener: TcpListener, why: Arc<Why>) -> Infallible {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut clients = JoinSet::new();
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        while clients.try_join_next().is_some() {}
        let why = Arc::clone(&why);
        clients.spawn(async move {
            let answer = |request: Request<Incoming>| {
                let reply = answer(request.method(), request.uri().path(), &why);
                std::future::ready(Ok::<_, Infallible>(reply))
            };
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .await;
            if let Err(error) = served {
                debug!(%error, "connection broke");
            }
            drop(permit);
        });
    }
}

fn answer(method: &Method, path: &str, why: &Why) -> Response<Body> {
    let mut reply = route(method, path, why);
    reply::guard(reply.headers_mut());
    reply
}

fn route(method: &Method, path: &str, why: &Why) -> Reply {
    let Some(probe) = Probe::of(path) else {
        return reply::text(StatusCode::SERVICE_UNAVAILABLE, why.text.clone());
    };
    if *method != Method::GET && *method != Method::HEAD {
        return reply::method_not_allowed("GET, HEAD");
    }
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let mut reply = match probe {
        Probe::Live => reply::json(StatusCode::OK, &json!({"ok": true, "status": "live"})),
        Probe::Ready => reply::json(unavailable, &json!({"ready": false, "failing": [why.status]})),
        Probe::Started => reply::json(unavailable, &json!({"ok": false, "status": why.status})),
    };
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}
