//! One model behind one key: sends a request, retries it, reads the reply.
//!
//! ```text
//! Send ──answer──► Read ──whole──► Over
//!  ▲  │             │ └──fault after text was shown──► Over
//!  ├──┴──wait◄──────┤ fault before any text, if `retry` says so
//!  └──written anew◄─┘ refusal that teaches something, by `quirks`
//! ```
//!
//! After the whole reply, polling once more reads the answer to its end, so that the connection
//! serves the next request. Dropping the stream drops the request. Dialects decide what the bytes mean.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{Assistant, Clock, Content, Part, StopReason, UnixMillis};
use futures_util::{FutureExt, StreamExt, stream::BoxStream};
use reqwest::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    Delta, ErrorKind, Limits, ModelError, Provider, Request,
    dialect::{Decoder, Dialect, Progress, Reply, Route, put_bearer, put_secret},
    draft::any_number,
    fault::{Fault, shown},
    http::{Clients, innermost},
    quirks::{Learned, Quirk},
    retry,
    sse::{Events, SseError},
};

/// Most bytes of an error body that are looked at.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// Longest wait for an error body.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Most lessons that one request takes.
const LESSONS_MAX: u32 = 8;

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
    /// What its servers turned out not to take.
    pub(crate) learned: Arc<Learned>,
    /// Dates the reply.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Provider for Endpoint {
    fn stream(&self, request: Request) -> BoxStream<'static, Result<Delta, ModelError>> {
        let mut endpoint = self.clone();
        let quirks = self.learned.of(&self.route.base_url, &request.model.id);
        if quirks != self.route.quirks {
            Arc::make_mut(&mut endpoint.route).quirks = quirks;
        }
        let run = Run {
            started: self.clock.now(),
            endpoint,
            request,
            phase: Phase::Write,
            body: Bytes::new(),
            ready: VecDeque::new(),
            shown: false,
            attempts: 0,
            lessons: 0,
        };
        futures_util::stream::unfold(run, Run::next).boxed()
    }
}

/// A request on its way.
struct Run {
    endpoint: Endpoint,
    request: Request,
    body: Bytes,
    started: UnixMillis,
    phase: Phase,
    /// Deltas that were read but not yet handed on; at most those of one event.
    ready: VecDeque<Delta>,
    /// Whether text was handed on; from then on nothing is sent again.
    shown: bool,
    attempts: u32,
    lessons: u32,
}

enum Phase {
    Write,
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
    /// Whether any event was one of the dialect.
    understood: bool,
    /// When the answer began.
    begun: Instant,
    /// When a piece of the reply last came.
    progressed: Instant,
}

impl Run {
    async fn next(mut self) -> Option<(Result<Delta, ModelError>, Self)> {
        loop {
            if let Some(delta) = self.ready.pop_front() {
                self.shown |= matches!(delta, Delta::Text(_));
                return Some((Ok(delta), self));
            }
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Over => return None,
                Phase::Write => {
                    self.phase = match self.write() {
                        Ok(body) => {
                            self.body = body;
                            Phase::Send
                        }
                        Err(fault) => Phase::Failed(fault),
                    };
                }
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
                    drop(timeout(DRAIN_MAX, end).await);
                }
                Phase::Failed(fault) => {
                    if self.learn(&fault) {
                        self.attempts -= 1;
                        self.phase = Phase::Write;
                    } else if let Some(wait) = self.wait(&fault) {
                        tracing::debug!(?wait, fault = %fault.text, "model request is sent again");
                        tokio::time::sleep(wait).await;
                        self.phase = Phase::Send;
                    } else {
                        let key = self.endpoint.route.key.as_ref();
                        let error = fault.at(&self.request.model, key);
                        return Some((Err(error), self));
                    }
                }
            }
        }
    }

    fn write(&self) -> Result<Bytes, Fault> {
        let body = (self.endpoint.dialect.encode)(&self.request, &self.endpoint.route);
        body.map(Bytes::from)
            .map_err(|error| Fault::new(ErrorKind::Format, format!("cannot write it: {error}")))
    }

    /// Whether the fault teaches how to write the request so that it is taken.
    fn learn(&mut self, fault: &Fault) -> bool {
        if self.shown || self.lessons >= LESSONS_MAX {
            return false;
        }
        let route = Arc::make_mut(&mut self.endpoint.route);
        let Some(quirks) = route.quirks.learn(fault) else { return false };
        tracing::debug!(?quirks, fault = %fault.text, "model request is written anew");
        route.quirks = quirks;
        self.endpoint.learned.note(&route.base_url, &self.request.model.id, quirks);
        self.lessons += 1;
        true
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
        let event = next_event(&mut reader, self.endpoint.limits);
        let event = event.await.unwrap_or_else(|error| Err(self.endpoint.broken(error)));
        let progress = match event {
            Ok(Some(data)) => reader.decoder.event(&data, &mut reader.fresh),
            Ok(None) if reader.understood => reader.decoder.end().map(|()| Progress::Whole),
            Ok(None) => Err(Fault::garbage("the answer is no reply and no stream of one")),
            Err(fault) => Err(fault),
        };
        reader.understood |= matches!(progress, Ok(Progress::More | Progress::Whole));
        if !reader.fresh.is_empty() {
            reader.events.progressed();
            reader.progressed = Instant::now();
        }
        let phase = match progress {
            Ok(Progress::More | Progress::Skipped) => None,
            Ok(Progress::Whole) => {
                let reply = reader.decoder.reply(&mut reader.fresh);
                Some(reply.and_then(|reply| said_something(reply).map(|it| self.done(it))))
            }
            Err(fault) => Some(Err(fault)),
        };
        if reader.fresh.contains(&Delta::TextWasThinking) {
            self.note_opened_thinking();
        }
        self.ready.extend(reader.fresh.drain(..));
        match phase {
            None => Phase::Read(reader),
            Some(Ok(done)) => {
                self.ready.push_back(done);
                end_is_near(reader.events).await
            }
            Some(Err(fault)) => Phase::Failed(fault),
        }
    }

    /// Remembers that this model's thinking begins without a tag.
    fn note_opened_thinking(&mut self) {
        let route = Arc::make_mut(&mut self.endpoint.route);
        if let Some(quirks) = route.quirks.with(Quirk::OpensThinking) {
            route.quirks = quirks;
            self.endpoint.learned.note(&route.base_url, &self.request.model.id, quirks);
        }
    }

    fn done(&self, reply: Reply) -> Delta {
        let model = &self.request.model;
        Delta::Done(Box::new(Assistant {
            content: Content(reply.parts),
            api: self.endpoint.dialect.api.as_str().to_owned(),
            provider: model.provider.clone(),
            model: model.id.clone(),
            usage: reply.usage.priced(&model.prices),
            stop_reason: reply.stop,
            error_message: None,
            timestamp: self.started,
        }))
    }
}

/// The next event, in time.
async fn next_event(
    reader: &mut Reader,
    limits: Limits,
) -> Result<Result<Option<String>, Fault>, SseError> {
    let next_by = reader.progressed + limits.progress_timeout;
    let end_by = reader.begun + limits.reply_timeout;
    Ok(match timeout_at(next_by.min(end_by), reader.events.next()).await {
        Ok(Some(data)) => Ok(Some(data?)),
        Ok(None) => Ok(None),
        Err(_) if end_by <= next_by => Err(Fault::too_large(format!(
            "the reply was cut: it took longer than {} s",
            limits.reply_timeout.as_secs_f64()
        ))),
        Err(_) => Err(Fault::without_progress(limits.progress_timeout)),
    })
}

/// A reply that says something or calls a tool; any other is no success.
fn said_something(reply: Reply) -> Result<Reply, Fault> {
    let says = |part: &Part| match part {
        Part::Text { text, .. } => !text.trim().is_empty(),
        Part::ToolCall { .. } => true,
        Part::Thinking { .. } | Part::Image { .. } => false,
    };
    if reply.parts.iter().any(says) {
        return Ok(reply);
    }
    let thought = reply.parts.iter().any(|part| matches!(part, Part::Thinking { .. }));
    Err(match (reply.stop, thought) {
        (StopReason::Length, _) => Fault::garbage(
            "the model reached its output limit before it said anything; is `maxTokens` too small?",
        ),
        (_, true) => Fault::empty("the model thought, and then ended its reply without a word"),
        (_, false) => Fault::empty("the model ended its reply without a word"),
    })
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
        let url = address(&self.route.base_url, self.dialect.path);
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
        let header = |name| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_ascii_lowercase()
        };
        if header(CONTENT_TYPE).starts_with("text/html") {
            return Err(Fault::garbage(SseError::WebPage.to_string()));
        }
        let encoding = header(CONTENT_ENCODING);
        if !matches!(&*encoding, "" | "identity") {
            let text = format!("the server compressed its answer unasked (`{encoding}`)");
            return Err(Fault::garbage(shown(&text)));
        }
        let now = Instant::now();
        Ok(Reader {
            events: Events::new(response.bytes_stream()),
            decoder: (self.dialect.decoder)(self.route.quirks),
            fresh: Vec::new(),
            understood: false,
            begun: now,
            progressed: now,
        })
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = (self.dialect.headers)(&self.route);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accept = if self.route.streams { "text/event-stream" } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
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
        let is_plain = response.headers().get(CONTENT_ENCODING).is_none_or(|it| it == "identity");
        let body = if is_plain { read_some(response).await } else { Vec::new() };
        Fault::of_answer(status.as_u16(), &body, retry_after)
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
        let cause = innermost(error);
        // What cannot be read now is no better the next time.
        let is_nonsense = ["message head is too large", "invalid HTTP", "parsed"]
            .iter()
            .any(|words| cause.contains(words));
        let kind = if is_nonsense { ErrorKind::Garbage } else { ErrorKind::Timeout };
        Fault::new(kind, format!("the request broke off: {cause}"))
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
            SseError::TooLarge | SseError::NoProgress => Fault::too_large(error.to_string()),
            SseError::WebPage => Fault::garbage(error.to_string()),
        }
    }
}

/// The address of `path` below `base`, whose query stays at the end.
fn address(base: &str, path: &str) -> String {
    let end = base.find(['?', '#']).unwrap_or(base.len());
    let (place, query) = base.split_at(end);
    let query = query.split('#').next().unwrap_or_default();
    let place = place.trim_end_matches('/');
    if place.ends_with(path) {
        return format!("{place}{query}");
    }
    // `…/v1` stands in many files though the dialect adds it.
    let first = path.split_inclusive('/').take(2).collect::<String>();
    let first = first.trim_end_matches('/');
    let is_version = first.starts_with("/v") && place.ends_with(first);
    let place = if is_version { place.strip_suffix(first).unwrap_or(place) } else { place };
    format!("{place}{path}{query}")
}

/// The beginning of an error body; what cannot be read is left out.
async fn read_some(mut response: reqwest::Response) -> Vec<u8> {
    let mut body = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = ERROR_BYTES_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == ERROR_BYTES_MAX {
                break;
            }
        }
    };
    // What came in time is enough.
    drop(timeout(ERROR_BODY_TIMEOUT, reading).await);
    body
}

/// Reads `bytes`, cut into pieces of `sizes` again and again, as a reply of `dialect`.
#[cfg(test)]
pub(crate) fn decode_all(dialect: &Dialect, bytes: &[u8], sizes: &[usize]) -> Result<Reply, Fault> {
    let mut rest = Bytes::copy_from_slice(bytes);
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        chunks.push(Ok::<_, std::io::Error>(rest.split_to((*size).min(rest.len()))));
    }
    let mut events = Events::new(futures_util::stream::iter(chunks));
    let mut decoder = (dialect.decoder)(crate::quirks::Quirks::default());
    let mut deltas = Vec::new();
    let reading = async {
        while let Some(event) = events.next().await {
            let data = event.map_err(|error| Fault::garbage(error.to_string()))?;
            if decoder.event(&data, &mut deltas)? == Progress::Whole {
                return decoder.reply(&mut deltas);
            }
        }
        decoder.end()?;
        decoder.reply(&mut deltas)
    };
    reading.now_or_never().unwrap_or_else(|| Err(Fault::cut_short()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_before_the_query_and_is_not_repeated() {
        let chat = |base| address(base, "/chat/completions");

        assert_eq!(chat("http://h/v1"), "http://h/v1/chat/completions");
        assert_eq!(chat("http://h/d/?api-version=1"), "http://h/d/chat/completions?api-version=1");
        assert_eq!(chat("http://h/d?a=b/c#x"), "http://h/d/chat/completions?a=b/c");
        assert_eq!(chat("http://h/v1/chat/completions"), "http://h/v1/chat/completions");
        assert_eq!(address("http://h/v1", "/v1/messages"), "http://h/v1/messages");
        assert_eq!(address("http://h/x", "/v1/messages"), "http://h/x/v1/messages");
    }
}
