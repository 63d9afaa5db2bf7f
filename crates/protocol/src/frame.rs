//! Frames: one JSON object per text message.
//!
//! Reading is strict, as clients of the reference rely on the errors: text that is no JSON,
//! JSON that is no request, and a request are three different things. Writing builds the text
//! around payloads that are already JSON, so that one serialisation serves many connections.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use crate::Error;

/// Deepest nesting of objects and arrays in a frame. Far above any schema of ours, far below
/// what could exhaust a stack.
pub const DEPTH_MAX: usize = 96;

/// Id of the answer to a frame that has none.
const NO_ID: &str = "invalid";

/// A request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Names the answer.
    pub id: Cow<'a, str>,
    /// What to do.
    pub method: Cow<'a, str>,
    /// With what; `None` is the same as `{}`.
    pub params: Option<&'a RawValue>,
}

/// What a text message of a client turned out to be.
#[derive(Clone, Debug)]
pub enum Parsed<'a> {
    /// A request.
    Request(Request<'a>),
    /// JSON, but no request.
    NotARequest {
        /// Id for the answer.
        id: String,
        /// What is wrong with it.
        problems: String,
    },
    /// No JSON.
    NotJson,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "traceparent")]
    _traceparent: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "expectedProfileId")]
    _expected_profile_id: Option<Cow<'a, str>>,
}

/// Reads a text message of a client.
pub fn parse(text: &str) -> Parsed<'_> {
    if depth(text) > DEPTH_MAX {
        let problems = format!("nested deeper than {DEPTH_MAX} levels");
        return Parsed::NotARequest { id: NO_ID.to_owned(), problems };
    }
    match serde_json::from_str::<Wire<'_>>(text) {
        Ok(wire) if wire.kind == "req" && !wire.id.is_empty() && !wire.method.is_empty() => {
            Parsed::Request(Request { id: wire.id, method: wire.method, params: wire.params })
        }
        Ok(_) | Err(_) => explain(text),
    }
}

/// Deepest nesting of `text`, strings left out. Needs no valid JSON.
pub fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

fn explain(text: &str) -> Parsed<'_> {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Parsed::NotJson };
    let id = value.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let id = id.unwrap_or(NO_ID).to_owned();
    let Some(object) = value.as_object() else {
        return Parsed::NotARequest { id, problems: "must be object".to_owned() };
    };
    let mut problems: Vec<String> = ["type", "id", "method"]
        .into_iter()
        .filter(|name| !object.contains_key(*name))
        .map(|name| format!("must have required property '{name}'"))
        .collect();
    for (name, value) in object {
        match (name.as_str(), value) {
            ("type", Value::String(kind)) if kind == "req" => {}
            ("type", _) => problems.push("at /type: must be equal to constant".to_owned()),
            ("id" | "method", Value::String(text)) if !text.is_empty() => {}
            ("id" | "method", Value::String(_)) => {
                problems.push(format!("at /{name}: must NOT have fewer than 1 characters"));
            }
            ("traceparent" | "expectedProfileId", Value::String(_)) | ("params", _) => {}
            ("id" | "method" | "traceparent" | "expectedProfileId", _) => {
                problems.push(format!("at /{name}: must be string"));
            }
            _ => problems.push(format!("at root: unexpected property '{name}'")),
        }
    }
    if problems.is_empty() {
        problems.push("unknown validation error".to_owned());
    }
    Parsed::NotARequest { id, problems: problems.join("; ") }
}

/// Writes a request.
pub fn request(id: &str, method: &str, params: &RawValue) -> String {
    let mut text = String::with_capacity(64 + method.len() + params.get().len());
    text.push_str(r#"{"type":"req","id":"#);
    push_string(&mut text, id);
    text.push_str(r#","method":"#);
    push_string(&mut text, method);
    text.push_str(r#","params":"#);
    text.push_str(params.get());
    text.push('}');
    text
}

/// Writes a good answer.
pub fn answer(id: &str, payload: &RawValue) -> String {
    let mut text = String::with_capacity(48 + id.len() + payload.get().len());
    text.push_str(r#"{"type":"res","id":"#);
    push_string(&mut text, id);
    text.push_str(r#","ok":true,"payload":"#);
    text.push_str(payload.get());
    text.push('}');
    text
}

/// Writes a refusal. Method `agent` sends a payload along.
pub fn refusal(id: &str, error: &Error, payload: Option<&RawValue>) -> String {
    let mut text = String::from(r#"{"type":"res","id":"#);
    push_string(&mut text, id);
    text.push_str(r#","ok":false"#);
    if let Some(payload) = payload {
        text.push_str(r#","payload":"#);
        text.push_str(payload.get());
    }
    text.push_str(r#","error":"#);
    match serde_json::to_string(error) {
        Ok(error) => text.push_str(&error),
        Err(_) => text.push_str(r#"{"code":"UNAVAILABLE","message":"error"}"#),
    }
    text.push('}');
    text
}

/// Counters that ride on `presence` and `health` events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateVersion {
    /// Of the presence list.
    pub presence: u64,
    /// Of the health payload.
    pub health: u64,
}

/// An event without its number, which each connection counts for itself.
#[derive(Clone, Debug)]
pub struct EventText {
    head: String,
    tail: Option<StateVersion>,
}

impl EventText {
    /// Writes all of an event that is the same for everyone.
    pub fn new<P: Serialize + ?Sized>(
        event: &str,
        payload: &P,
        versions: Option<StateVersion>,
    ) -> Result<Self, serde_json::Error> {
        let mut head = String::from(r#"{"type":"event","event":"#);
        push_string(&mut head, event);
        head.push_str(r#","payload":"#);
        head.push_str(&serde_json::to_string(payload)?);
        Ok(Self { head, tail: versions })
    }

    /// Length of the text, but for the number.
    pub fn bytes(&self) -> usize {
        self.head.len() + 64
    }

    /// The whole frame with this number; `None` for events sent to one connection only.
    pub fn numbered(&self, seq: Option<u64>) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(self.bytes());
        text.push_str(&self.head);
        if let Some(seq) = seq {
            let _infallible = write!(text, r#","seq":{seq}"#);
        }
        if let Some(StateVersion { presence, health }) = self.tail {
            let _infallible =
                write!(text, r#","stateVersion":{{"presence":{presence},"health":{health}}}"#);
        }
        text.push('}');
        text
    }
}

/// A frame of a server, as a client reads it. Payloads stay text.
#[derive(Clone, Debug)]
pub enum FromServer<'a> {
    /// An answer. Method `agent` sends two with one id.
    Response {
        /// Id of the request.
        id: Cow<'a, str>,
        /// The payload; on a refusal the error, and perhaps a payload too.
        result: Result<Option<&'a RawValue>, (Error, Option<&'a RawValue>)>,
    },
    /// An event.
    Event {
        /// Its name.
        event: Cow<'a, str>,
        /// Its payload.
        payload: Option<&'a RawValue>,
        /// Its number on this connection.
        seq: Option<u64>,
        /// Counters of `presence` and `health`.
        versions: Option<StateVersion>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerWire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    ok: bool,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Error>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    state_version: Option<StateVersion>,
}

/// Reads a text message of a server; `None` when it is no frame. Unknown fields are skipped:
/// newer servers add some.
pub fn parse_from_server(text: &str) -> Option<FromServer<'_>> {
    if depth(text) > DEPTH_MAX {
        return None;
    }
    let wire: ServerWire<'_> = serde_json::from_str(text).ok()?;
    match &*wire.kind {
        "res" => {
            let result = if wire.ok {
                Ok(wire.payload)
            } else {
                let error =
                    wire.error.unwrap_or_else(|| Error::invalid("refused without a reason"));
                Err((error, wire.payload))
            };
            Some(FromServer::Response { id: wire.id?, result })
        }
        "event" => Some(FromServer::Event {
            event: wire.event?,
            payload: wire.payload,
            seq: wire.seq,
            versions: wire.state_version,
        }),
        _ => None,
    }
}

fn push_string(text: &mut String, value: &str) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if value.bytes().all(plain) {
        text.push('"');
        text.push_str(value);
        text.push('"');
    } else {
        text.push_str(&Value::from(value).to_string());
    }
}

#[cfg(test)]
mod tests;
