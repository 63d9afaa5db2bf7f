//! One WebSocket client, from its first byte to its last: one task per connection.
//!
//! ```text
//!  upgrade ─► Unproven ──connect──► Connected ──► closed
//!                │ refused, timeout     │ slow consumer, restart, silence
//!                └──────────────────────┴──► closed
//! ```
//!
//! Only [`Connected`] reaches the router. Requests are polled once where they arrive, so that
//! quick ones are answered in order; the others go on in a [`JoinSet`]. Answers are gathered and
//! sent when no more input is at hand.

use std::{future::Future, ops::ControlFlow, sync::Arc, time::Duration};

use domain::ConnId;
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use protocol::{
    Error, Version,
    frame::{self, Parsed, Request},
    handshake::Connect,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{
    self, Message, Utf8Bytes,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use tracing::{debug, info};

use crate::{
    approvals,
    auth::Principal,
    events::Watching,
    presence,
    rpc::{Answer, Cx, RpcError},
    state::Gateway,
};

mod outbox;
mod socket;
mod unproven;

pub(crate) use outbox::Outbox;
pub(crate) use socket::MESSAGE_BYTES_MAX;
pub(crate) use unproven::serve;

use outbox::Item;
use socket::Socket;

/// Unsent bytes after which a connection counts as too slow.
pub(crate) const BUFFERED_BYTES_MAX: usize = 50 << 20;
/// Requests of one connection that may be under way.
const PENDING_MAX: usize = 256;
/// Messages handled before answers are sent, at most.
const BATCH_MAX: usize = 128;
/// Silence after which a ping is sent, and after which the client counts as gone.
const PING_AFTER: Duration = Duration::from_secs(25);
/// How long the closing handshake may take.
const CLOSE_PATIENCE: Duration = Duration::from_millis(500);
/// Longest close reason, in bytes.
const REASON_BYTES_MAX: usize = 120;

/// Who is at the other end of a connection that was let in.
pub(crate) struct Caller {
    /// The connection.
    pub(crate) conn: ConnId,
    /// The version it speaks.
    pub(crate) version: Version,
    /// What it is and what it may do.
    pub(crate) principal: Principal,
    /// What a node said of itself: capabilities, commands, permissions. Without its secrets.
    pub(crate) node: Option<Box<Connect>>,
    /// Its address.
    pub(crate) ip: std::net::IpAddr,
    /// Which program it is, such as `cli`.
    pub(crate) client_id: String,
    /// What it is there for, such as `webchat`.
    pub(crate) client_mode: String,
    /// Whether it asked for tool events.
    pub(crate) wants_tool_events: bool,
    /// What it wants to hear of conversations.
    pub(crate) watching: Watching,
    /// Key of its presence entry, if it has one.
    presence_key: Option<String>,
    /// What waits to be sent to it.
    pub(crate) outbox: Outbox,
}

/// A client that was let in.
struct Connected {
    gateway: Arc<Gateway>,
    caller: Arc<Caller>,
    socket: Socket,
    jobs: JoinSet<(String, Answer)>,
    seq: u64,
    heard: Instant,
    pinged: bool,
}

/// Why a connection ends.
enum End {
    /// The client went, or the wire broke.
    Gone,
    /// We close it.
    Close(u16, String),
}

type Step = ControlFlow<End>;

impl Connected {
    async fn run(mut self) {
        self.gateway.events.join(&self.caller);
        self.gateway.devices.recheck(&self.caller);
        self.gateway.nodes.join(&self.caller);
        approvals::remind(&self.gateway, &self.caller).await;
        let end = self.serve().await;
        self.gateway.events.leave(&self.caller);
        self.gateway.nodes.leave(&self.caller);
        self.jobs.abort_all();
        presence::left(&self.gateway, self.caller.presence_key.as_deref());
        if let End::Close(code, reason) = end {
            debug!(code, reason, "closing");
            close(&mut self.socket, code, &reason).await;
        }
        info!(conn = %self.caller.conn, client = %self.caller.client_id, "disconnected");
    }

    async fn serve(&mut self) -> End {
        loop {
            match self.step().await {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(end) => return end,
            }
        }
    }

    async fn step(&mut self) -> Step {
        let hard = self.gateway.lifecycle.hard.clone();
        let caller = Arc::clone(&self.caller);
        let ping_at = self.heard + PING_AFTER * if self.pinged { 2 } else { 1 };
        tokio::select! {
            biased;
            () = hard.cancelled() => return ControlFlow::Break(restarting()),
            () = caller.outbox.overflowed() => return ControlFlow::Break(too_slow()),
            () = caller.outbox.filled() => {}
            Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => {
                if let Ok((id, answer)) = done {
                    self.answer(&id, answer).await?;
                }
            }
            message = self.socket.next() => self.hear(message).await?,
            () = sleep_until(ping_at) => self.ping().await?,
        }
        self.hear_more().await?;
        self.drain_outbox().await?;
        self.flush().await
    }

    /// Handles what else has arrived, so that many answers go out with one write.
    async fn hear_more(&mut self) -> Step {
        for _ in 0..BATCH_MAX {
            match self.socket.next().now_or_never() {
                Some(message) => self.hear(message).await?,
                None => break,
            }
        }
        while let Some(Ok((id, answer))) = self.jobs.try_join_next() {
            self.answer(&id, answer).await?;
        }
        ControlFlow::Continue(())
    }

    async fn hear(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Step {
        self.heard = Instant::now();
        self.pinged = false;
        match message {
            Some(Ok(Message::Text(text))) => self.request(&text).await,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => ControlFlow::Continue(()),
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                debug!("binary message ignored");
                ControlFlow::Continue(())
            }
            Some(Err(tungstenite::Error::Capacity(error))) => {
                debug!(%error, "message too big");
                ControlFlow::Break(End::Close(1009, "message too big".to_owned()))
            }
            Some(Ok(Message::Close(_))) => {
                socket::agree(&mut self.socket).await;
                ControlFlow::Break(End::Gone)
            }
            Some(Err(_)) | None => ControlFlow::Break(End::Gone),
        }
    }

    async fn request(&mut self, text: &Utf8Bytes) -> Step {
        match frame::parse(text) {
            Parsed::Request(request) => self.dispatch(&request).await,
            Parsed::NotARequest { id, problems } => {
                let error = Error::invalid(format!("invalid request frame: {problems}"));
                self.answer(&id, Err(error.into())).await
            }
            Parsed::NotJson => {
                debug!(bytes = text.len(), "text that is no JSON ignored");
                ControlFlow::Continue(())
            }
        }
    }

    async fn dispatch(&mut self, request: &Request<'_>) -> Step {
        let cx = Cx::new(Arc::clone(&self.gateway), Arc::clone(&self.caller), &request.id);
        let router = &self.gateway.router;
        let mut answer = router.dispatch(cx, &request.method, request.params);
        if let Some(answer) = (&mut answer).now_or_never() {
            return self.answer(&request.id, answer).await;
        }
        if self.jobs.len() >= PENDING_MAX {
            let error = Error::unavailable("too many pending requests on this connection");
            return self.answer(&request.id, Err(error.into())).await;
        }
        let id = request.id.clone().into_owned();
        if self.gateway.router.must_finish(&request.method) {
            // What changes something is not dropped half-way when the client goes.
            let answer = self.gateway.lifecycle.clients.spawn(answer);
            self.jobs.spawn(async move {
                let broken = |_| Err(RpcError::unavailable("internal error"));
                (id, answer.await.unwrap_or_else(broken))
            });
        } else {
            self.jobs.spawn(async move { (id, answer.await) });
        }
        ControlFlow::Continue(())
    }

    /// Sends an answer after the events that came before it.
    async fn answer(&mut self, id: &str, answer: Answer) -> Step {
        self.drain_outbox().await?;
        let text = match answer {
            Ok(payload) => frame::answer(id, &payload),
            Err(RpcError { error, payload }) => {
                frame::refusal(id, &error.shaped(self.caller.version), payload.as_deref())
            }
        };
        self.feed(text).await
    }

    async fn drain_outbox(&mut self) -> Step {
        while let Some(item) = self.caller.outbox.take() {
            let text = match item {
                Item::Event { text, is_numbered } => {
                    self.seq += u64::from(is_numbered);
                    text.numbered(is_numbered.then_some(self.seq))
                }
                Item::Text(text) => text,
                Item::Close(code, reason) => {
                    return ControlFlow::Break(End::Close(code, reason.to_owned()));
                }
            };
            self.feed(text).await?;
        }
        ControlFlow::Continue(())
    }

    async fn feed(&mut self, text: String) -> Step {
        let caller = Arc::clone(&self.caller);
        let fed = socket::feed(&mut self.socket, text);
        unless_too_slow(&caller, fed).await
    }

    async fn flush(&mut self) -> Step {
        let caller = Arc::clone(&self.caller);
        unless_too_slow(&caller, self.socket.flush()).await
    }

    async fn ping(&mut self) -> Step {
        if self.pinged {
            debug!("no sign of life");
            return ControlFlow::Break(End::Gone);
        }
        self.pinged = true;
        let caller = Arc::clone(&self.caller);
        let fed = self.socket.feed(Message::Ping(bytes::Bytes::new()));
        unless_too_slow(&caller, fed).await
    }
}

/// Waits for a write, but not for a client whose outbox overflows meanwhile.
async fn unless_too_slow(
    caller: &Caller,
    write: impl Future<Output = Result<(), tungstenite::Error>>,
) -> Step {
    tokio::select! {
        biased;
        written = write => match written {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(End::Gone),
        },
        () = caller.outbox.overflowed() => ControlFlow::Break(too_slow()),
    }
}

fn too_slow() -> End {
    End::Close(1008, "slow consumer".to_owned())
}

fn restarting() -> End {
    End::Close(1012, "service restart".to_owned())
}

/// Closes with a code and waits a moment for the other side to agree.
async fn close(socket: &mut Socket, code: u16, reason: &str) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: clipped(reason).into() };
    let farewell = async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _a_client_may_not_answer = timeout(CLOSE_PATIENCE, farewell).await;
}

fn clipped(reason: &str) -> &str {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default()
}
