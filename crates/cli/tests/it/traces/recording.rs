//! Reads the recordings of the reference.

use std::{fs, path::PathBuf};

use serde_json::{Map, Value, json};

/// Where they are; `README.md` there says how they were made.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/recordings/traces");

/// One recorded conversation.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// Such as `v3/chat-abort`.
    pub(crate) name: String,
    /// Protocol version.
    pub(crate) version: u32,
    /// What happened, in order.
    pub(crate) lines: Vec<Line>,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// The client sent this frame.
    Send(Value),
    /// The gateway sent this frame.
    Receive(Value),
    /// The socket was closed with this code and reason.
    Close(u64, String),
    /// The gateway sent this frame to the node that the recorder had beside.
    NodeReceive(Value),
    /// That node sent this.
    NodeSend(Value),
    /// What the recorder did beside.
    Note(String),
}

/// Reads `<version>/<name>.jsonl`.
pub(crate) fn read(version: u32, name: &str) -> Trace {
    let lines = lines(version, name).iter().map(line).collect();
    Trace { name: format!("v{version}/{name}"), version, lines }
}

/// The lines of `<version>/<name>.jsonl` as they are.
pub(crate) fn lines(version: u32, name: &str) -> Vec<Value> {
    let path = folder(version).join(format!("{name}.jsonl"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The names of all recordings of `version`, sorted.
pub(crate) fn names(version: u32) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder(version))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".jsonl").map(str::to_owned))
        .collect();
    names.sort_unstable();
    names
}

fn folder(version: u32) -> PathBuf {
    PathBuf::from(FOLDER).join(format!("v{version}"))
}

fn line(line: &Value) -> Line {
    let frame = &line["frame"];
    match line["dir"].as_str().unwrap() {
        "send" => Line::Send(frame.clone()),
        "recv" => Line::Receive(uncut(frame)),
        "close" => {
            Line::Close(frame["code"].as_u64().unwrap(), frame["reason"].as_str().unwrap().into())
        }
        "node-recv" => Line::NodeReceive(frame.clone()),
        "node-send" => Line::NodeSend(frame.clone()),
        "note" => Line::Note(frame.as_str().unwrap().to_owned()),
        other => panic!("a line of sort `{other}`"),
    }
}

/// The frame as it was before the recorder cut a schema that was too long for it.
fn uncut(frame: &Value) -> Value {
    let cut = &frame["payload"];
    let Some(tops) = cut["schemaTopLevel"].as_array() else { return frame.clone() };
    let properties: Map<String, Value> =
        tops.iter().filter_map(|top| Some((top.as_str()?.to_owned(), json!({})))).collect();
    let mut whole = frame.clone();
    whole["payload"] = json!({
        "schema": { "properties": properties },
        "uiHints": cut["uiHintsSample"],
        "version": cut["version"],
        "generatedAt": cut["generatedAt"],
    });
    whole
}

/// `frame` with the token of the gateway under test.
pub(crate) fn with_token(frame: &Value, token: &str) -> Value {
    let text = frame.to_string().replace("<token>", token);
    serde_json::from_str(&text).unwrap_or_else(|_| json!(frame))
}
