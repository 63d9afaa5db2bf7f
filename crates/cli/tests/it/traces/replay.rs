//! Sends the recorded requests to a gateway and keeps all that it says.
//!
//! A request is sent once the gateway has said what matters of what the recording has before
//! it: answers, ends of turns, a first piece of a text. So a replay needs no clock, and what
//! never comes is a difference and not a hang.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::{Gateway, WsClient};

use super::{
    device,
    node::Node,
    recording::{Line, Trace, with_token},
};

/// How long something may take that the recording has.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same where a recording is of something that takes its time.
const LONG_PATIENCE: Duration = Duration::from_secs(40);

/// The id of our own last request; its answer ends a replay.
const LAST: &str = "replay-ends";

/// What the gateway said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// All frames, oldest first.
    pub(crate) frames: Vec<Value>,
    /// All frames that a node beside was told.
    pub(crate) node_frames: Vec<Value>,
    /// Code and reason of its close frame.
    pub(crate) closed: Option<(u16, String)>,
}

/// Replays `trace`; texts of ours name the home as `~`, like the recording.
pub(crate) async fn replay(gateway: &Gateway, home: &str, trace: &Trace) -> Heard {
    let mut replay = Replay {
        client: connect(gateway, trace).await,
        heard: Heard::default(),
        claimed: Vec::new(),
        wanted: Vec::new(),
        home: home.to_owned(),
        patience: if takes_its_time(trace) { LONG_PATIENCE } else { PATIENCE },
    };
    let recorded = challenge_of(trace.lines.iter().filter_map(|line| match line {
        Line::Receive(frame) => Some(frame),
        Line::Send(_)
        | Line::NodeReceive(_)
        | Line::NodeSend(_)
        | Line::Close(..)
        | Line::Note(_) => None,
    }));
    let has_node = trace.name.ends_with("/node-invoke");
    let mut beside =
        if has_node { Some(Node::connect(gateway, trace.version).await) } else { None };
    let mut connected = !is_handshake(trace);
    let mut closes = false;
    for line in &trace.lines {
        match line {
            Line::Receive(frame) => {
                connected |= frame["payload"]["type"] == "hello-ok";
                let ticks = trace.name.ends_with("/tick") && frame["event"] == "tick";
                let tick = ticks.then(|| Landmark::Event("tick".to_owned()));
                if let Some(landmark) = tick.or_else(|| Landmark::of(frame)) {
                    replay.want(landmark);
                }
            }
            Line::Send(frame) => {
                replay.catch_up().await;
                let text = if let Some(text) = frame.as_str() {
                    text.to_owned()
                } else {
                    let frame = with_token(frame, gateway.token());
                    let frame = beside.as_ref().map_or(frame.clone(), |node| node.meant(&frame));
                    device::signed(&trace.name, frame, &recorded, &replay.challenge()).to_string()
                };
                replay.client.send_text(text).await.unwrap();
            }
            Line::Note(note) if note.starts_with("SIGTERM") => gateway.terminate().unwrap(),
            Line::NodeReceive(frame) => beside.as_mut().unwrap().await_like(frame).await,
            Line::NodeSend(frame) => beside.as_mut().unwrap().answer(frame).await,
            Line::Close(code, _) => closes = *code != 1005,
            Line::Note(_) => {}
        }
    }
    replay.catch_up().await;
    if let Some(node) = beside {
        replay.heard.node_frames = node.leave();
    }
    if closes {
        let end = tokio::time::timeout(replay.patience, replay.client.closed()).await;
        replay.heard.closed = end.ok().and_then(Result::ok).flatten();
        let rest = replay.client.take_backlog();
        for frame in rest {
            replay.keep(frame);
        }
    } else if connected {
        replay.flush().await;
    }
    replay.heard
}

fn takes_its_time(trace: &Trace) -> bool {
    ["/tick", "/connect-timeout-no-frame"].iter().any(|name| trace.name.ends_with(name))
}

fn is_handshake(trace: &Trace) -> bool {
    trace.name.contains("/connect-")
}

async fn connect(gateway: &Gateway, trace: &Trace) -> WsClient {
    if is_handshake(trace) {
        return WsClient::open(&gateway.ws_url()).await.unwrap();
    }
    let caps =
        if trace.name.ends_with("no-tool-events-cap") { json!([]) } else { json!(["tool-events"]) };
    let params = json!({
        "minProtocol": trace.version,
        "maxProtocol": trace.version,
        "client": {
            "id": "gateway-client", "version": "1.0.0", "platform": "linux", "mode": "backend",
        },
        "role": "operator",
        "scopes": [
            "operator.admin", "operator.read", "operator.write",
            "operator.approvals", "operator.pairing",
        ],
        "caps": caps,
        "auth": { "token": gateway.token() },
    });
    WsClient::connect_with(&gateway.ws_url(), params).await.unwrap()
}

/// The challenge among frames; null when there is none.
fn challenge_of<'a>(mut frames: impl Iterator<Item = &'a Value>) -> Value {
    frames.find(|frame| frame["event"] == "connect.challenge").cloned().unwrap_or_default()
}

struct Replay {
    client: WsClient,
    heard: Heard,
    /// Numbers of the frames that were some landmark.
    claimed: Vec<usize>,
    wanted: Vec<Landmark>,
    home: String,
    patience: Duration,
}

impl Replay {
    fn challenge(&self) -> Value {
        challenge_of(self.heard.frames.iter())
    }

    /// Adds a landmark, unless it was heard already or is one of many like it.
    fn want(&mut self, landmark: Landmark) {
        let again = matches!(landmark, Landmark::Delta(_) | Landmark::LifecycleEnd(_));
        if again && self.wanted.contains(&landmark) {
            return;
        }
        let mut heard = self.heard.frames.iter().enumerate();
        match heard.find(|(at, frame)| landmark.is(frame) && (again || !self.claimed.contains(at)))
        {
            Some((at, _)) => self.claimed.push(at),
            None => self.wanted.push(landmark),
        }
    }

    /// Listens until all that is wanted was heard, or for as long as patience lasts.
    async fn catch_up(&mut self) {
        while !self.wanted.is_empty() {
            let Ok(frame) = self.client.wait_for(self.patience, |_| true).await else {
                self.wanted.clear();
                return;
            };
            self.keep(frame);
        }
    }

    async fn flush(&mut self) {
        let request = json!({ "type": "req", "id": LAST, "method": "health", "params": {} });
        self.client.send_text(request.to_string()).await.unwrap();
        while let Ok(frame) = self.client.wait_for(self.patience, |_| true).await {
            if frame["id"] == LAST {
                return;
            }
            self.keep(frame);
        }
    }

    fn keep(&mut self, frame: Value) {
        let text = frame.to_string().replace(&self.home, "~");
        let frame = serde_json::from_str(&text).unwrap_or(frame);
        if let Some(at) = self.wanted.iter().position(|landmark| landmark.is(&frame)) {
            self.wanted.remove(at);
            self.claimed.push(self.heard.frames.len());
        }
        self.heard.frames.push(frame);
    }
}

/// What must be heard before the next request.
#[derive(Debug, PartialEq)]
enum Landmark {
    Event(String),
    Response(Value),
    Delta(Value),
    TurnEnd(Value),
    LifecycleEnd(Value),
}

impl Landmark {
    fn of(frame: &Value) -> Option<Self> {
        if frame["type"] == "res" {
            return Some(Self::Response(frame["id"].clone()));
        }
        let payload = &frame["payload"];
        let run = payload["runId"].clone();
        match frame["event"].as_str().unwrap_or_default() {
            name @ ("connect.challenge" | "shutdown") => Some(Self::Event(name.to_owned())),
            "chat" if is_turn_end(payload) => Some(Self::TurnEnd(run)),
            "chat" if payload["state"] == "delta" && payload["deltaText"] != "" => {
                Some(Self::Delta(run))
            }
            "agent" if is_lifecycle_end(payload) => Some(Self::LifecycleEnd(run)),
            _ => None,
        }
    }

    fn is(&self, frame: &Value) -> bool {
        let payload = &frame["payload"];
        match self {
            Self::Event(name) => frame["event"] == **name,
            Self::Response(id) => frame["type"] == "res" && frame["id"] == *id,
            Self::Delta(run) => payload["state"] == "delta" && payload["runId"] == *run,
            Self::TurnEnd(run) => {
                let injected = run.as_str().is_some_and(|run| run.starts_with("inject-"));
                is_turn_end(payload) && (injected || payload["runId"] == *run)
            }
            Self::LifecycleEnd(run) => is_lifecycle_end(payload) && payload["runId"] == *run,
        }
    }
}

fn is_turn_end(payload: &Value) -> bool {
    ["final", "aborted", "error"].iter().any(|state| payload["state"] == *state)
}

fn is_lifecycle_end(payload: &Value) -> bool {
    payload["stream"] == "lifecycle"
        && ["end", "error"].iter().any(|phase| payload["data"]["phase"] == *phase)
}
