//! The node that a recording had beside its client.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::gateway::{Gateway, WsClient};

use super::{
    device,
    recording::{self, Line, with_token},
};

/// How long the gateway may take to tell the node something.
const PATIENCE: Duration = Duration::from_secs(5);

/// A node that declares what the recorded one did.
pub(crate) struct Node {
    client: WsClient,
    heard: Vec<Value>,
    /// The recorded device and ours.
    ids: (String, String),
    /// The call that waits for an answer.
    call: Value,
}

impl Node {
    /// Connects as the device of the recording of a node's handshake.
    pub(crate) async fn connect(gateway: &Gateway, version: u32) -> Self {
        let trace = recording::read(version, "connect-node-role");
        let (mut connect, mut recorded) = (None, None);
        for line in &trace.lines {
            if let Line::Send(frame) = line
                && frame["method"] == "connect"
            {
                connect = Some(frame);
            }
            if let Line::Receive(frame) = line
                && frame["event"] == "connect.challenge"
            {
                recorded = Some(frame);
            }
        }
        let mut frame = with_token(connect.unwrap(), gateway.token());
        frame["id"] = json!("connect");
        frame["params"]["commands"] = json!(["system.which", "system.notify"]);
        let theirs = frame["params"]["device"]["id"].as_str().unwrap().to_owned();
        let mut client = WsClient::open(&gateway.ws_url()).await.unwrap();
        let challenge = client.wait_for(PATIENCE, |it| it["event"] == "connect.challenge");
        let challenge = challenge.await.unwrap();
        let frame = device::signed(&trace.name, frame, recorded.unwrap(), &challenge);
        let ours = frame["params"]["device"]["id"].as_str().unwrap().to_owned();
        client.send_text(frame.to_string()).await.unwrap();
        let hello = client.wait_for(PATIENCE, |it| it["id"] == "connect").await.unwrap();
        assert_eq!(hello["ok"], true, "{hello}");
        // Whoever is answered is in the list of nodes.
        client.send("skills.bins", json!({})).await.unwrap();
        client.wait_for(PATIENCE, |it| it["type"] == "res").await.unwrap();
        Self { client, heard: Vec::new(), ids: (theirs, ours), call: Value::Null }
    }

    /// `frame` with our device in place of the recorded one.
    pub(crate) fn meant(&self, frame: &Value) -> Value {
        let text = frame.to_string().replace(&self.ids.0, &self.ids.1);
        serde_json::from_str(&text).unwrap()
    }

    /// Waits for a call or an answer like `recorded`. Other events come when they come.
    pub(crate) async fn await_like(&mut self, recorded: &Value) {
        let is_call = recorded["event"] == "node.invoke.request";
        if !is_call && recorded["type"] != "res" {
            return;
        }
        let wanted = (recorded["type"].clone(), recorded["event"].clone());
        while let Ok(frame) = self.client.wait_for(PATIENCE, |_| true).await {
            self.heard.push(frame.clone());
            if (frame["type"].clone(), frame["event"].clone()) == wanted {
                if is_call {
                    self.call = frame["payload"]["id"].clone();
                }
                return;
            }
        }
    }

    /// Says what the recorded node said to the call that waits.
    pub(crate) async fn answer(&mut self, recorded: &Value) {
        let mut frame = self.meant(recorded);
        frame["type"] = json!("req");
        frame["id"] = json!("answer");
        frame["params"]["id"] = self.call.clone();
        self.client.send_text(frame.to_string()).await.unwrap();
    }

    /// Goes; all that it was told.
    pub(crate) fn leave(mut self) -> Vec<Value> {
        self.heard.extend(self.client.take_backlog());
        self.heard
    }
}
