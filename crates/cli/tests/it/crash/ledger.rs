//! What a client saw acknowledged, and whether it is still there.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use testkit::gateway::WsClient;

/// How long a dead gateway's last frames may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything acknowledged so far, by session, as texts that its history must hold.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    acknowledged: BTreeMap<usize, BTreeSet<String>>,
    requests: BTreeMap<String, (usize, String)>,
    runs: BTreeMap<String, usize>,
    /// Turns that were acknowledged and whose end was not heard of.
    open: BTreeSet<String>,
    /// Labels that were asked for, by request.
    asked: BTreeMap<String, (usize, String)>,
    /// The label that a session has, and those it may have.
    labels: BTreeMap<usize, Vec<Option<String>>>,
    /// Whether a request may be refused, since the gateway was asked to stop.
    stopping: bool,
}

impl Ledger {
    /// Notes that a message was sent with request `id`.
    pub(crate) fn sent(&mut self, id: &str, session: usize, name: &str) {
        self.requests.insert(id.to_owned(), (session, name.to_owned()));
        self.runs.insert(format!("run-{session}-{name}"), session);
    }

    /// Notes that a label was asked for with request `id`.
    pub(crate) fn labelled(&mut self, id: &str, session: usize, label: &str) {
        self.asked.insert(id.to_owned(), (session, label.to_owned()));
        let labels = self.labels.entry(session).or_insert_with(|| vec![None]);
        labels.push(Some(label.to_owned()));
    }

    /// Notes that the gateway was asked to stop.
    pub(crate) fn may_be_refused(&mut self) {
        self.stopping = true;
    }

    /// Notes what `frame` acknowledges; gives the session whose turn it ends.
    pub(crate) fn heard(&mut self, frame: &Value) -> Option<usize> {
        let payload = &frame["payload"];
        if frame["type"] == "res" {
            let is_refused = self.stopping && frame["error"]["code"] == "UNAVAILABLE";
            assert!(frame["ok"] == true || is_refused, "{frame}");
            if let Some((session, label)) = self.asked.remove(frame["id"].as_str()?) {
                if !is_refused {
                    self.labels.insert(session, vec![Some(label)]);
                }
                return None;
            }
            let (session, name) = self.requests.remove(frame["id"].as_str()?)?;
            if payload["status"] == "started" {
                self.acknowledge(session, format!("<{name}>"));
                self.open.insert(format!("run-{session}-{name}"));
            }
            return None;
        }
        let session = *self.runs.get(payload["runId"].as_str()?)?;
        if payload["stream"] == "tool" && payload["data"]["phase"] == "result" {
            let result = payload["data"]["result"]["content"][0]["text"].as_str()?;
            self.acknowledge(session, result.trim().to_owned());
        }
        // A turn that does not end in the time that a stop leaves it is stopped; its message stays.
        let is_stopped = self.stopping && payload["stopReason"] == "shutdown";
        let failed = ["error", "aborted"].iter().any(|state| payload["state"] == *state);
        assert!(!failed || is_stopped, "a turn failed: {frame}");
        if payload["state"] != "final" {
            return None;
        }
        self.open.remove(payload["runId"].as_str()?);
        let text = payload["message"]["content"][0]["text"].as_str()?;
        self.acknowledge(session, text.to_owned());
        Some(session)
    }

    /// Hears what was said before the end and not yet read.
    pub(crate) async fn drain(&mut self, client: &mut WsClient) {
        while let Ok(frame) = client.wait_for(PATIENCE, |_| true).await {
            self.heard(&frame);
        }
        self.requests.clear();
        self.runs.clear();
        self.asked.clear();
        self.stopping = false;
    }

    /// Waits for the turns that were not over, and asks for the history of every session, which
    /// must hold all that was acknowledged.
    pub(crate) async fn check(&mut self, client: &mut WsClient) {
        for run in std::mem::take(&mut self.open) {
            // A turn that ran when the gateway was killed is not known any more.
            let params = json!({ "runId": run, "timeoutMs": 20_000 });
            let waited = client.call("agent.wait", params).await.unwrap();
            assert_ne!(waited["status"], "error", "{run}: {waited}");
        }
        let list = client.call("sessions.list", json!({})).await.unwrap();
        for (session, labels) in &self.labels {
            let rows = list["sessions"].as_array().unwrap();
            let row = rows.iter().find(|it| it["key"] == super::key(*session));
            let label = row.and_then(|it| it["label"].as_str()).map(str::to_owned);
            let is_known = labels.contains(&label);
            assert!(is_known, "session {session} has {label:?} and not one of {labels:?}");
        }
        for (session, texts) in &self.acknowledged {
            let params = json!({ "sessionKey": super::key(*session), "limit": 1000 });
            let history = client.call("chat.history", params).await.unwrap();
            let messages = history["messages"].as_array().unwrap();
            let told: Vec<&str> = messages.iter().flat_map(texts_of).collect();
            for text in texts {
                let found = told.iter().any(|it| it.contains(text.as_str()));
                assert!(found, "`{text}` is lost; there is {told:#?}");
            }
        }
    }

    /// Sessions of which something was acknowledged.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = usize> {
        self.acknowledged.keys().copied()
    }

    /// How many things were acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.acknowledged.values().map(BTreeSet::len).sum()
    }

    fn acknowledge(&mut self, session: usize, text: String) {
        self.acknowledged.entry(session).or_default().insert(text);
    }
}

fn texts_of(message: &Value) -> Vec<&str> {
    let content = &message["content"];
    let blocks = content.as_array().into_iter().flatten();
    content.as_str().into_iter().chain(blocks.filter_map(|it| it["text"].as_str())).collect()
}
