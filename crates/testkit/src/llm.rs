//! A model server that follows a script, and refuses malformed requests.
//!
//! It speaks `OpenAI` chat completions, `OpenAI` responses and Anthropic messages, under any
//! base path, on a thread of its own: it serves sync tests and other processes as well, and
//! its timers are not those of a test with paused time. A request that a real provider would
//! refuse gets 400, is noted, and fails the test when the server is dropped, unless the test
//! looked at [`Llm::violations`].

mod law;
mod read;
mod steer;
mod step;
mod strict;
#[cfg(test)]
mod tests;
mod view;
mod wire;

use std::{
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::Response,
    serve::ListenerExt as _,
};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use self::wire::{Extent, Frame};
pub use self::{
    step::{
        Answer, Reply, Step, calls, calls_badly, calls_many, closes_mid_stream, fails, fails_with,
        floods, garbage, hangs, hangs_after, overflows, says, says_and_calls, slow, thinks_then,
    },
    view::{Dialect, RequestView, Seen, SeenCall},
};

/// Requests that are kept; older ones are forgotten, so that long benches do not grow.
const REQUESTS_KEPT_MAX: usize = 1024;

/// The model that [`Llm::provider_config`] names.
pub const MODEL: &str = "mock-1";

/// Longest wait of [`Llm::wait_for_requests`].
const PATIENCE: Duration = Duration::from_secs(20);

/// A scripted model server. Stops when dropped.
pub struct Llm {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    mind: Mind,
    log: Mutex<Log>,
    count: watch::Sender<usize>,
}

/// Where steps come from.
enum Mind {
    Script(Mutex<VecDeque<Step>>),
    Answer(Box<dyn Fn(&RequestView) -> Step + Send + Sync>),
}

#[derive(Default)]
struct Log {
    kept: VecDeque<Arc<RequestView>>,
    forgotten: usize,
    violations: Vec<String>,
}

impl Llm {
    /// Does one step for each request, in order; one more request is a violation.
    pub fn script(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::script_at(Ipv4Addr::LOCALHOST, steps)
    }

    /// [`Self::script`] on another address of this machine, such as that of a bridge whose
    /// containers ask it.
    pub fn script_at(address: Ipv4Addr, steps: impl IntoIterator<Item = Step>) -> Self {
        Self::start((address, 0), Mind::Script(Mutex::new(steps.into_iter().collect())))
    }

    /// Does for each request what `answer` says.
    pub fn respond_with(answer: impl Fn(&RequestView) -> Step + Send + Sync + 'static) -> Self {
        Self::start((Ipv4Addr::LOCALHOST, 0), Mind::Answer(Box::new(answer)))
    }

    /// Follows the steering words `REPLY:…` and `TOOL:…` in the newest message.
    pub fn steered() -> Self {
        Self::steered_at(0)
    }

    /// The same on a given port.
    pub fn steered_at(port: u16) -> Self {
        Self::start((Ipv4Addr::LOCALHOST, port), Mind::Answer(Box::new(steer::step)))
    }

    /// Adds steps to the script.
    ///
    /// # Panics
    ///
    /// When the model follows no script.
    pub fn then(&self, steps: impl IntoIterator<Item = Step>) {
        match &self.shared.mind {
            Mind::Script(script) => lock(script).extend(steps),
            Mind::Answer(_) => panic!("this model has no script"),
        }
    }

    /// Takes the next `count` steps off the script.
    ///
    /// # Panics
    ///
    /// When the model follows no script.
    pub fn skip(&self, count: usize) {
        match &self.shared.mind {
            Mind::Script(script) => {
                let mut script = lock(script);
                let end = count.min(script.len());
                drop(script.drain(..end));
            }
            Mind::Answer(_) => panic!("this model has no script"),
        }
    }

    /// Such as `http://127.0.0.1:4711`; `/v1` may follow, or not.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The block `models.providers.mock` of `openclaw.json`; its model is [`MODEL`].
    pub fn provider_config(&self, dialect: Dialect) -> Value {
        let base = match dialect {
            Dialect::Chat | Dialect::Responses => format!("{}/v1", self.base_url()),
            Dialect::Messages => self.base_url(),
        };
        json!({
            "baseUrl": base,
            "apiKey": "fake-key",
            "api": dialect.api(),
            "models": [{
                "id": MODEL, "name": MODEL, "reasoning": false, "input": ["text"],
                "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
                "contextWindow": 200_000, "maxTokens": 8192,
            }],
        })
    }

    /// How many requests arrived.
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// The requests that arrived, oldest first; only the newest of very many.
    pub fn requests(&self) -> Vec<Arc<RequestView>> {
        lock(&self.shared.log).kept.iter().cloned().collect()
    }

    /// Request `n`, counted from 0.
    ///
    /// # Panics
    ///
    /// When it did not arrive: the test expected it.
    pub fn request(&self, n: usize) -> Arc<RequestView> {
        let log = lock(&self.shared.log);
        let found = n.checked_sub(log.forgotten).and_then(|at| log.kept.get(at)).cloned();
        found.unwrap_or_else(|| panic!("no request {n}, only {}", log.kept.len()))
    }

    /// Waits until `n` requests have arrived in all.
    ///
    /// # Panics
    ///
    /// When they do not come in time.
    pub async fn wait_for_requests(&self, n: usize) {
        let mut count = self.shared.count.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, count.wait_for(|&count| count >= n)).await;
        assert!(matches!(arrived, Ok(Ok(_))), "{n} requests did not come in time");
    }

    /// Takes what was wrong with the requests so far; the drop no longer complains of it.
    pub fn violations(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.shared.log).violations)
    }

    fn start(at: (Ipv4Addr, u16), mind: Mind) -> Self {
        let (count, _) = watch::channel(0);
        let shared = Arc::new(Shared { mind, log: Mutex::default(), count });
        let stop = CancellationToken::new();
        let listener = std::net::TcpListener::bind(at)
            .unwrap_or_else(|error| panic!("{}:{} of this machine: {error}", at.0, at.1));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("a port: {error}"));
        let thread = std::thread::Builder::new().name("scripted-model".to_owned()).spawn({
            let (shared, stop) = (shared.clone(), stop.clone());
            move || {
                if let Err(error) = serve(listener, shared, &stop) {
                    panic!("the scripted model cannot serve: {error}");
                }
            }
        });
        let thread = thread.unwrap_or_else(|error| panic!("a thread: {error}"));
        Self { shared, address, stop, thread: Some(thread) }
    }
}

impl Drop for Llm {
    fn drop(&mut self) {
        self.stop.cancel();
        let died = self.thread.take().is_some_and(|thread| thread.join().is_err());
        let violations = self.violations();
        if !std::thread::panicking() {
            assert!(!died, "the scripted model panicked");
            assert!(violations.is_empty(), "requests broke the rules: {violations:#?}");
        }
    }
}

/// What of a request's body breaks the law of its dialect, the headers aside.
pub fn breaches(dialect: Dialect, body: Value) -> Vec<String> {
    let headers = ["authorization", "anthropic-version"].map(|it| (it.to_owned(), "x".to_owned()));
    let (view, mut broken) = RequestView::read(dialect, headers.into(), body);
    broken.extend(law::breaches(&view));
    broken
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until `stop`, then drops what still runs.
fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    stop: &CancellationToken,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?.tap_io(|connection| {
            // Without it small events wait for an acknowledgement.
            drop(connection.set_nodelay(true));
        });
        let app = axum::Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(shared)
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            served = axum::serve(listener, app).into_future() => served,
        }
    })
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let arrived = Instant::now();
    let (head, body) = request.into_parts();
    let Some(dialect) = Dialect::at(head.uri.path()) else { return unknown(&head.uri) };
    let body = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return refusal(&shared, vec![format!("the body broke off: {error}")]),
    };
    let parsed = match serde_json::from_slice::<Value>(&body) {
        Ok(parsed) => parsed,
        Err(error) => return refusal(&shared, vec![format!("the body is no JSON: {error}")]),
    };
    let (mut view, mut broken) = RequestView::read(dialect, names(&head.headers), parsed);
    (view.arrived, view.peer) = (arrived, Some(peer));
    broken.extend(law::breaches(&view));
    let view = Arc::new(view);
    let number = shared.note(view.clone());
    if !broken.is_empty() {
        return refusal(&shared, broken);
    }
    let step = match &shared.mind {
        Mind::Script(script) => lock(script).pop_front(),
        Mind::Answer(answer) => Some(answer(&view)),
    };
    let Some(step) = step else {
        return refusal(&shared, vec![format!("request {number} is beyond the script")]);
    };
    let input_tokens = body.len() / 4;
    let frame = Frame { dialect, model: view.model(), number, input_tokens };
    perform(&frame, step).await
}

impl Shared {
    /// Keeps `view` and returns its number, counted from 1.
    fn note(&self, view: Arc<RequestView>) -> usize {
        let mut log = lock(&self.log);
        log.kept.push_back(view);
        if log.kept.len() > REQUESTS_KEPT_MAX {
            log.kept.pop_front();
            log.forgotten += 1;
        }
        let number = log.forgotten + log.kept.len();
        self.count.send_replace(number);
        number
    }
}

async fn perform(frame: &Frame<'_>, step: Step) -> Response {
    match step {
        Step::Reply(reply) => stream_of(wire::write(frame, &reply, Extent::Whole), After::Ends),
        Step::Raw(bytes) => event_stream(Body::from(bytes)),
        Step::Sends(answer) => sends(answer),
        Step::Hangs(None) => std::future::pending().await,
        Step::Hangs(Some(reply)) => {
            stream_of(wire::write(frame, &reply, Extent::Cut), After::Hangs)
        }
        Step::ClosesMidStream => {
            let reply = Reply { text: vec!["This".to_owned()], ..Reply::default() };
            stream_of(wire::write(frame, &reply, Extent::Cut), After::Breaks)
        }
        Step::Fails { status, body, retry_after } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let is_page = body.starts_with('<');
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            let sort = if is_page { "text/html" } else { "application/json" };
            response.headers_mut().insert(header::CONTENT_TYPE, header_value(sort));
            if let Some(wait) = retry_after {
                let (name, value) = match wait.subsec_millis() {
                    0 => ("retry-after", wait.as_secs().to_string()),
                    _ => ("retry-after-ms", wait.as_millis().to_string()),
                };
                response.headers_mut().insert(name, header_value(&value));
            }
            response
        }
    }
}

fn sends(answer: Answer) -> Response {
    let head = stream::once(std::future::ready(answer.head));
    let body = if answer.repeated.is_empty() {
        Body::from_stream(head.map(Ok::<_, Infallible>))
    } else {
        Body::from_stream(head.chain(stream::repeat(answer.repeated)).map(Ok::<_, Infallible>))
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        response.headers_mut().append(name, header_value(&value));
    }
    response
}

/// What follows the last piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Ends,
    Hangs,
    Breaks,
}

fn stream_of(pieces: Vec<wire::Piece>, after: After) -> Response {
    let at_once = pieces.iter().all(|(delay, _)| delay.is_zero());
    if at_once && after == After::Ends {
        let all: String = pieces.into_iter().map(|(_, piece)| piece).collect();
        let once = stream::iter([Ok::<_, Infallible>(Bytes::from(all))]);
        return event_stream(Body::from_stream(once));
    }
    let pieces = stream::iter(pieces).then(|(delay, piece)| async move {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        Ok::<_, io::Error>(Bytes::from(piece))
    });
    let end = stream::once(async move {
        if after == After::Hangs {
            std::future::pending::<()>().await;
        }
        // Lets what was written before reach the other side.
        tokio::task::yield_now().await;
        Err(io::Error::other("scripted break"))
    });
    match after {
        After::Ends => event_stream(Body::from_stream(pieces)),
        After::Hangs | After::Breaks => event_stream(Body::from_stream(pieces.chain(end))),
    }
}

fn event_stream(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, header_value("text/event-stream"));
    response
}

fn unknown(uri: &Uri) -> Response {
    let mut response = Response::new(Body::from(format!(r#"{{"error":"nothing at {uri}"}}"#)));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn refusal(shared: &Shared, broken: Vec<String>) -> Response {
    let text = broken.join("; ");
    lock(&shared.log).violations.extend(broken);
    let body = json!({"error": {"message": text, "type": "invalid_request_error"}});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONTENT_TYPE, header_value("application/json"));
    response
}

fn header_value(text: &str) -> header::HeaderValue {
    header::HeaderValue::from_str(text).unwrap_or(header::HeaderValue::from_static("?"))
}

fn names(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
