//! One model behind one key: sends a request, retries it, reads the reply.
//!
//! ```text
//! Send ──answer──► Read ──whole──► Over
//!  ▲  │             │ └──fault after a delta──► Over
//!  └──┴──wait◄──────┘ fault before any delta, if `retry` says so
//! ```
//!
//! After the whole reply, polling once more reads the answer to its end, so that the connection
//! serves the next request. Dropping the stream drops the request. Dialects decide what the bytes mean.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{Assistant, Clock, Content, UnixMillis};
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::{
    Delta, ErrorKind, Limits, Model, ModelError, Provider, Request,
    dialect::{Decoder, Dialect, Progress, Route, put_bearer, put_secret},
    draft::any_number,
    fault::Fault,
    http::{Clients, innermost},
    retry,
    sse::{Events, SseError},
};

/// Most bytes of an error body that are looked at.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Longest wait for the end of an answer whose reply is whole.
const DRAIN_MAX: Duration = Duration::from_millis(50);

/// How often the connection's task gets a turn to bring the end, before the reply is handed on.
const TURNS_FOR_END: usize = 3;

/// One model behind one key.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// How requests are written and replies read.
    pub(crate) dialect: &'static Dialect,
    /// Where they go.
    pub(crate) route: Arc<Route>,
    /// What carries them.
    pub(crate) clients: Arc<Clients>,
    /// How often they are tried.
    pub(crate) limits: Limits,
    /// Dates the reply.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Provider for Endpoint {
    fn stream(&self, request: Request) -> BoxStream<'static, Result<Delta, ModelError>> {
        let body = (self.dialect.encode)(&request, &self.route).map(Bytes::from);
        let (body, phase) = match body {
            Ok(body) => (body, Phase::Send),
            Err(error) => {
                let fault = Fault::new(ErrorKind::Format, format!("cannot write it: {error}"));
                (Bytes::new(), Phase::Failed(fault))
            }
        };
        let run = Run {
            started: self.clock.now(),
            endpoint: self.clone(),
            model: request.model,
            body,
            phase,
            ready: VecDeque::new(),
            shown: false,
            attempts: 0,
        };
        futures_util::stream::unfold(run, Run::next).boxed()
    }
}

/// A request on its way.
struct Run {
    endpoint: Endpoint,
    model: Arc<Model>,
    body: Bytes,
    started: UnixMillis,
    phase: Phase,
    /// Deltas that were read but not yet handed on; at most those of one event.
    ready: VecDeque<Delta>,
    /// Whether a delta was handed on; from then on nothing is sent again.
    shown: bool,
    attempts: u32,
}

enum Phase {
    Send,
    Read(Reader),
    /// The reply is whole, the end of the answer is not yet read.
    Drain(Events),
    Failed(Fault),
    Over,
}

/// An answer that is being read.
struct Reader {
    events: Events,
    decoder: Box<dyn Decoder>,
    fresh: Vec<Delta>,
}

impl Run {
    async fn next(mut self) -> Option<(Result<Delta, ModelError>, Self)> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                self.shown = true;
                return Some((Ok(delta), self));
            }
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Over => return None,
                Phase::Send => {
                    self.attempts += 1;
                    self.phase = match self.endpoint.send(self.body.clone()).await {
                        Ok(reader) => Phase::Read(reader),
                        Err(fault) => Phase::Failed(fault),
                    };
                }
                Phase::Read(reader) => self.phase = self.read(reader).await,
                Phase::Drain(mut events) => {
                    let end = async { while events.next().await.is_some() {} };
                    // A server that does not end its answer costs a connection, no more.
                    drop(tokio::time::timeout(DRAIN_MAX, end).await);
                }
                Phase::Failed(fault) => {
                    if let Some(wait) = self.wait(&fault) {
                        tracing::debug!(?wait, fault = %fault.text, "model request is sent again");
                        tokio::time::sleep(wait).await;
                        self.phase = Phase::Send;
                    } else {
                        let error = fault.at(&self.model, self.endpoint.route.key.as_ref());
                        return Some((Err(error), self));
                    }
                }
            }
        }
    }

    /// How long to wait before sending again; `None` when the fault is final.
    fn wait(&self, fault: &Fault) -> Option<Duration> {
        if self.shown {
            return None;
        }
        retry::wait(fault, self.attempts, self.endpoint.limits.attempts_max, any_number())
    }

    /// Reads one event and says what comes next.
    async fn read(&mut self, mut reader: Reader) -> Phase {
        let progress = match reader.events.next().await {
            Some(Ok(data)) => reader.decoder.event(&data, &mut reader.fresh),
            Some(Err(error)) => Err(self.endpoint.broken(error)),
            None => reader.decoder.end().map(|()| Progress::Whole),
        };
        self.ready.extend(reader.fresh.drain(..));
        match progress {
            Ok(Progress::More) => Phase::Read(reader),
            Ok(Progress::Whole) => {
                self.ready.push_back(self.done(reader.decoder.as_mut()));
                end_is_near(reader.events).await
            }
            Err(fault) => Phase::Failed(fault),
        }
    }

    fn done(&self, decoder: &mut dyn Decoder) -> Delta {
        let reply = decoder.reply();
        Delta::Done(Box::new(Assistant {
            content: Content(reply.parts),
            api: self.endpoint.dialect.api.as_str().to_owned(),
            provider: self.model.provider.clone(),
            model: self.model.id.clone(),
            usage: reply.usage.priced(&self.model.prices),
            stop_reason: reply.stop,
            error_message: None,
            timestamp: self.started,
        }))
    }
}

/// Reads to the end of a whole reply when it is there already, as it mostly is: a connection
/// whose answer was read to the end serves the next request.
async fn end_is_near(mut events: Events) -> Phase {
    for _ in 0..TURNS_FOR_END {
        if matches!(events.next().now_or_never(), Some(None)) {
            return Phase::Over;
        }
        tokio::task::yield_now().await;
    }
    Phase::Drain(events)
}

impl Endpoint {
    /// Sends `body` and waits for the answer to begin.
    async fn send(&self, body: Bytes) -> Result<Reader, Fault> {
        let url = format!("{}{}", self.route.base_url, self.dialect.path);
        let client = self.clients.for_url(&url).map_err(|error| Fault {
            stalled: true,
            ..Fault::new(ErrorKind::Timeout, error.to_string())
        })?;
        let request = client.post(&url).headers(self.headers()).body(body);
        let response = request.send().await.map_err(|error| self.unsent(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(response).await);
        }
        let content_type = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if content_type.starts_with("text/html") {
            let text = "the server answered with a web page; is `baseUrl` right?";
            return Err(Fault::garbage(text));
        }
        if content_type.starts_with("application/json") {
            return Err(not_a_stream(&read_some(response).await));
        }
        let events = Events::new(response.bytes_stream());
        Ok(Reader { events, decoder: (self.dialect.decoder)(), fresh: Vec::new() })
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = (self.dialect.headers)(&self.route);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        if let Some(key) = self.route.key.as_ref().filter(|_| self.route.auth_header) {
            put_bearer(&mut headers, key);
        }
        for (name, value) in &self.route.headers {
            if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
                put_secret(&mut headers, name, value.expose());
            } else {
                tracing::warn!(name, "configured header has no valid name");
            }
        }
        headers
    }

    /// The fault of an answer with a bad status.
    async fn refused(&self, response: reqwest::Response) -> Fault {
        let status = response.status();
        let retry_after = retry::retry_after(response.headers(), self.clock.now());
        if status.is_redirection() {
            let text = format!("HTTP {}: redirected; is `baseUrl` right?", status.as_u16());
            let mut fault = Fault::new(ErrorKind::Format, text);
            fault.status = Some(status.as_u16());
            return fault;
        }
        Fault::of_answer(status.as_u16(), &read_some(response).await, retry_after)
    }

    /// The fault of a request that got no answer.
    fn unsent(&self, error: &reqwest::Error) -> Fault {
        if error.is_connect() {
            let host = url::Url::parse(&self.route.base_url)
                .ok()
                .and_then(|url| {
                    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
                })
                .unwrap_or_else(|| "the server".to_owned());
            let text = format!("cannot connect to {host}: {}", innermost(error));
            return Fault::new(ErrorKind::Timeout, text);
        }
        if error.is_timeout() {
            return Fault::stalled(self.clients.patience().idle);
        }
        if error.is_builder() {
            let text =
                format!("cannot send the request; is `baseUrl` right? ({})", innermost(error));
            return Fault::new(ErrorKind::Format, text);
        }
        Fault::new(ErrorKind::Timeout, format!("the request broke off: {}", innermost(error)))
    }

    /// The fault of an answer that broke off.
    fn broken(&self, error: SseError) -> Fault {
        match error {
            SseError::Transport(cause) => {
                let is_timeout =
                    cause.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout);
                if is_timeout {
                    Fault::stalled(self.clients.patience().idle)
                } else {
                    Fault::cut_short()
                }
            }
            SseError::TooLarge | SseError::Malformed(_) => Fault::garbage(error.to_string()),
        }
    }
}

/// The beginning of a body that is no stream; what cannot be read is left out.
async fn read_some(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ERROR_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ERROR_BYTES_MAX {
            break;
        }
    }
    body
}

/// The fault of a plain JSON answer: some providers report errors with status 200.
fn not_a_stream(body: &[u8]) -> Fault {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) if value.get("error").is_some_and(|error| !error.is_null()) => {
            Fault::of_event(&value)
        }
        Ok(_) | Err(_) => Fault::garbage("the server answered with JSON, not with an event stream"),
    }
}

/// Reads `bytes`, cut into pieces of `sizes` again and again, as a reply of `dialect`.
#[cfg(test)]
pub(crate) fn decode_all(
    dialect: &Dialect,
    bytes: &[u8],
    sizes: &[usize],
) -> Result<crate::dialect::Reply, Fault> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        chunks.push(Ok::<_, std::io::Error>(rest.split_to((*size).min(rest.len()))));
    }
    let mut events = Events::new(futures_util::stream::iter(chunks));
    let mut decoder = (dialect.decoder)();
    let mut deltas = Vec::new();
    let reading = async {
        while let Some(event) = events.next().await {
            let data = event.map_err(|error| Fault::garbage(error.to_string()))?;
            if decoder.event(&data, &mut deltas)? == Progress::Whole {
                return Ok(decoder.reply());
            }
        }
        decoder.end()?;
        Ok(decoder.reply())
    };
    reading.now_or_never().unwrap_or_else(|| Err(Fault::cut_short()))
}
