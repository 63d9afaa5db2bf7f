//! Calls on an open connection, and the task that owns its socket.
//!
//! ```text
//! Client ──Mail──► Task ──frames──► gateway
//!   ▲               │
//!   └── oneshot ◄───┴──► events::Queue
//! ```
//!
//! The task ends when the gateway hangs up or the [`Client`] is dropped; every call that
//! waits then learns how the connection ended.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt};
use protocol::frame::{self, FromServer};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::{CallError, Closed, Event, Refusal, connect::Socket, events::Queue};

/// Calls that may wait for the socket; callers beyond that wait in [`Client::call`].
const MAIL_MAX: usize = 256;

/// Calls whose future was dropped are swept out when this many are open.
const SWEEP_AT: usize = 64;

/// An open connection. Dropping it closes the socket.
#[derive(Debug)]
pub struct Client {
    mailbox: mpsc::Sender<Mail>,
    hello: Arc<Value>,
    closed: Arc<OnceLock<Closed>>,
    calls: AtomicU64,
    task: JoinSet<()>,
}

enum Mail {
    Call { id: String, frame: String, wait: Wait, reply: Reply },
    Close,
}

type Reply = oneshot::Sender<Result<Value, CallError>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    FirstResponse,
    FinalResponse,
}

struct Task {
    socket: Socket,
    inbox: mpsc::Receiver<Mail>,
    events: Arc<Queue>,
    closed: Arc<OnceLock<Closed>>,
    open: HashMap<String, (Wait, Reply)>,
}

impl Client {
    /// What the gateway said in `hello-ok`.
    pub fn hello(&self) -> &Value {
        &self.hello
    }

    /// Calls `method` and gives the first response.
    ///
    /// # Errors
    ///
    /// [`CallError::Refused`] when the gateway refuses it, [`CallError::Closed`] when the
    /// connection ends first.
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, CallError> {
        self.send(method, params, Wait::FirstResponse).await
    }

    /// Calls `method` and gives its final response: one with the status `accepted` is skipped.
    ///
    /// # Errors
    ///
    /// As [`Client::call`].
    pub async fn call_expecting_final(
        &self,
        method: &str,
        params: Value,
    ) -> Result<Value, CallError> {
        self.send(method, params, Wait::FinalResponse).await
    }

    /// Returns when the connection is over, and tells how it ended.
    pub async fn closed(&self) -> Closed {
        self.mailbox.closed().await;
        self.closed.get().cloned().unwrap_or_else(|| Closed::abnormal(""))
    }

    /// Says goodbye and waits until the socket is closed.
    pub async fn close(mut self) {
        if self.mailbox.send(Mail::Close).await.is_ok() {
            drop(self.task.join_next().await);
        }
    }

    /// The same for a connection that others hold, too; their calls fail.
    pub async fn hang_up(&self) {
        if self.mailbox.send(Mail::Close).await.is_ok() {
            self.mailbox.closed().await;
        }
    }

    async fn send(&self, method: &str, params: Value, wait: Wait) -> Result<Value, CallError> {
        let id = format!("r{}", self.calls.fetch_add(1, Ordering::Relaxed));
        let frame = request(&id, method, &params);
        let (reply, answer) = oneshot::channel();
        if self.mailbox.send(Mail::Call { id, frame, wait, reply }).await.is_err() {
            return Err(self.ended());
        }
        answer.await.unwrap_or_else(|_| Err(self.ended()))
    }

    fn ended(&self) -> CallError {
        let closed = self.closed.get().cloned();
        CallError::Closed(closed.unwrap_or_else(|| Closed::abnormal("")))
    }
}

pub(crate) fn start(socket: Socket, hello: Arc<Value>, events: Arc<Queue>) -> Client {
    let (mailbox, inbox) = mpsc::channel(MAIL_MAX);
    let closed = Arc::new(OnceLock::new());
    let mut task = JoinSet::new();
    task.spawn(
        Task { socket, inbox, events, closed: Arc::clone(&closed), open: HashMap::new() }.run(),
    );
    Client { mailbox, hello, closed, calls: AtomicU64::new(1), task }
}

impl Task {
    async fn run(mut self) {
        let closed = loop {
            let step = tokio::select! {
                biased;
                message = self.socket.next() => self.hear(message),
                mail = self.inbox.recv() => self.speak(mail).await,
            };
            if let Err(closed) = step {
                break closed;
            }
        };
        self.closed.set(closed.clone()).ok();
        self.events.end();
        for (_, (_, reply)) in self.open.drain() {
            reply.send(Err(CallError::Closed(closed.clone()))).ok();
        }
        // The other side may be gone already; then there is nobody to say goodbye to.
        self.socket.close(None).await.ok();
    }

    fn hear(&mut self, message: Option<Result<Message, WsError>>) -> Result<(), Closed> {
        match read(message)? {
            Some(Inbound::Event(event)) => self.events.push(event),
            Some(Inbound::Response(response)) => self.answer(response),
            None => {}
        }
        Ok(())
    }

    fn answer(&mut self, response: Response) {
        let Some((wait, reply)) = self.open.remove(&response.id) else { return };
        if wait == Wait::FinalResponse && response.is_interim() {
            self.open.insert(response.id, (wait, reply));
            return;
        }
        let result = response.result.map_err(CallError::Refused);
        // A caller that has gone away needs no answer.
        reply.send(result).ok();
    }

    /// Writes what waits in the mailbox, then flushes once.
    async fn speak(&mut self, first: Option<Mail>) -> Result<(), Closed> {
        let mut next = first;
        loop {
            match next {
                Some(Mail::Call { id, frame, wait, reply }) => {
                    self.remember(id, wait, reply);
                    self.socket.feed(Message::text(frame)).await.map_err(|e| broken(&e))?;
                }
                Some(Mail::Close) | None => {
                    return Err(Closed { code: 1000, reason: "closed by this program".to_owned() });
                }
            }
            match self.inbox.try_recv() {
                Ok(mail) => next = Some(mail),
                Err(_) => return self.socket.flush().await.map_err(|e| broken(&e)),
            }
        }
    }

    fn remember(&mut self, id: String, wait: Wait, reply: Reply) {
        if self.open.len() >= SWEEP_AT {
            self.open.retain(|_, (_, reply)| !reply.is_closed());
        }
        self.open.insert(id, (wait, reply));
    }
}

/// A frame of the gateway.
pub(crate) enum Inbound {
    Response(Response),
    Event(Event),
}

pub(crate) struct Response {
    pub(crate) id: String,
    pub(crate) result: Result<Value, Box<Refusal>>,
}

impl Response {
    fn is_interim(&self) -> bool {
        self.result.as_ref().is_ok_and(|payload| payload["status"] == "accepted")
    }
}

pub(crate) fn request(id: &str, method: &str, params: &Value) -> String {
    #[expect(clippy::expect_used, reason = "a JSON value always has a text")]
    let params = to_raw_value(params).expect("a value is JSON already");
    frame::request(id, method, &params)
}

/// What a message means; `None` when it means nothing to us.
pub(crate) fn read(message: Option<Result<Message, WsError>>) -> Result<Option<Inbound>, Closed> {
    match message {
        Some(Ok(Message::Text(text))) => Ok(parse(&text)),
        Some(Ok(Message::Close(Some(frame)))) => {
            Err(Closed { code: frame.code.into(), reason: frame.reason.to_string() })
        }
        Some(Ok(Message::Close(None))) => Err(Closed { code: 1005, reason: String::new() }),
        Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
            Ok(None)
        }
        Some(Err(error)) => Err(broken(&error)),
        None => Err(Closed::abnormal("")),
    }
}

fn parse(text: &str) -> Option<Inbound> {
    let Some(frame) = frame::parse_from_server(text) else {
        tracing::debug!(bytes = text.len(), "frame not understood");
        return None;
    };
    Some(match frame {
        FromServer::Response { id, result } => {
            let result = match result {
                Ok(payload) => Ok(value(payload)),
                Err((error, payload)) => {
                    Err(Box::new(Refusal { error, payload: payload.map(|it| value(Some(it))) }))
                }
            };
            Inbound::Response(Response { id: id.into_owned(), result })
        }
        FromServer::Event { event, payload, seq, .. } => {
            Inbound::Event(Event { name: event.into_owned(), payload: value(payload), seq })
        }
    })
}

/// Raw JSON was read as part of a frame, so it is JSON; absent is `null`.
fn value(raw: Option<&RawValue>) -> Value {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn broken(error: &WsError) -> Closed {
    if matches!(error, WsError::ConnectionClosed | WsError::AlreadyClosed) {
        return Closed::abnormal("");
    }
    Closed::abnormal(error.to_string())
}
