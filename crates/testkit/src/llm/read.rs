//! Reads the conversation out of a request body, dialect by dialect, and notes what breaks
//! the rules that only one dialect has. Common rules are in `law`.

use serde_json::Value;

use super::view::{Dialect, Seen, SeenCall};

/// The system prompt and the conversation; complaints go to `broken`.
pub(super) fn conversation(
    dialect: Dialect,
    body: &Value,
    broken: &mut Vec<String>,
) -> (String, Vec<Seen>) {
    let mut reader = Reader { system: String::new(), seen: Vec::new(), broken };
    match dialect {
        Dialect::Chat => {
            for message in items(&body["messages"]) {
                reader.chat(message);
            }
        }
        Dialect::Responses => {
            body["instructions"].as_str().unwrap_or_default().clone_into(&mut reader.system);
            for item in items(&body["input"]) {
                reader.item(item);
            }
        }
        Dialect::Messages => {
            reader.system = texts(&body["system"]).0;
            let mut role_before = "";
            for message in items(&body["messages"]) {
                let role = message["role"].as_str().unwrap_or_default();
                if role == role_before {
                    reader.broken.push(format!("two messages of `{role}` in a row"));
                }
                role_before = role;
                reader.anthropic(role, message);
            }
        }
    }
    let mut seen = reader.seen;
    name_results(&mut seen);
    (reader.system, seen)
}

struct Reader<'a> {
    system: String,
    seen: Vec<Seen>,
    broken: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn chat(&mut self, message: &Value) {
        let (text, images) = texts(&message["content"]);
        match message["role"].as_str() {
            Some("system" | "developer") if self.seen.is_empty() => self.system.push_str(&text),
            Some("user") => self.seen.push(Seen::User { text, images }),
            Some("assistant") => {
                let calls = items(&message["tool_calls"]).iter().map(|call| {
                    let arguments = &call["function"]["arguments"];
                    read_call(&call["id"], &call["function"]["name"], arguments)
                });
                let calls: Vec<_> = calls.collect();
                let thinking = message["reasoning_content"].as_str().unwrap_or_default();
                let thinking = thinking.to_owned();
                self.complain_of(calls.iter());
                let calls = calls.into_iter().map(|(call, _)| call).collect();
                self.seen.push(Seen::Assistant { text, thinking, calls });
            }
            Some("tool") => {
                let id = message["tool_call_id"].as_str().unwrap_or_default().to_owned();
                if images > 0 {
                    self.broken.push("a tool message holds an image".to_owned());
                }
                self.seen.push(Seen::Result { id, name: String::new(), text, images });
            }
            other => self.broken.push(format!("unknown role {other:?} in this place")),
        }
    }

    fn complain_of<'c>(&mut self, calls: impl Iterator<Item = &'c (SeenCall, Option<String>)>) {
        self.broken.extend(calls.filter_map(|(_, complaint)| complaint.clone()));
    }

    fn item(&mut self, item: &Value) {
        let role = item["role"].as_str();
        let sort = item["type"].as_str().unwrap_or("message");
        match (sort, role) {
            ("message", Some("user")) => {
                let (text, images) = texts(&item["content"]);
                self.seen.push(Seen::User { text, images });
            }
            ("message", Some("assistant")) => {
                let (more, _) = texts(&item["content"]);
                self.assistant(|text, _, _| text.push_str(&more));
            }
            ("reasoning", _) => {
                let more = texts(&item["summary"]).0;
                self.assistant(|_, thinking, _| thinking.push_str(&more));
            }
            ("function_call", _) => {
                let call = read_call(&item["call_id"], &item["name"], &item["arguments"]);
                self.complain_of(std::iter::once(&call));
                self.assistant(|_, _, calls| calls.push(call.0));
            }
            ("function_call_output", _) => {
                let id = item["call_id"].as_str().unwrap_or_default().to_owned();
                let (text, images) = texts(&item["output"]);
                self.seen.push(Seen::Result { id, name: String::new(), text, images });
            }
            other => self.broken.push(format!("unknown item {other:?}")),
        }
    }

    /// Adds to the model's message at the end, or begins one.
    fn assistant(&mut self, add: impl FnOnce(&mut String, &mut String, &mut Vec<SeenCall>)) {
        if !matches!(self.seen.last(), Some(Seen::Assistant { .. })) {
            let (text, thinking, calls) = Default::default();
            self.seen.push(Seen::Assistant { text, thinking, calls });
        }
        if let Some(Seen::Assistant { text, thinking, calls }) = self.seen.last_mut() {
            add(text, thinking, calls);
        }
    }

    fn anthropic(&mut self, role: &str, message: &Value) {
        match role {
            "user" => {
                for block in items(&message["content"]) {
                    if block["type"] == "tool_result" {
                        let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
                        let (text, images) = texts(&block["content"]);
                        self.seen.push(Seen::Result { id, name: String::new(), text, images });
                    }
                }
                let (text, images) = texts(&message["content"]);
                let is_result = |block: &Value| block["type"] == "tool_result";
                let blocks = items(&message["content"]);
                if blocks.is_sorted_by_key(|block| !is_result(block)) {
                    if !blocks.iter().any(is_result) || !text.is_empty() || images > 0 {
                        self.seen.push(Seen::User { text, images });
                    }
                } else {
                    self.broken.push("a tool result does not come first".to_owned());
                }
            }
            "assistant" => {
                let mut calls = Vec::new();
                let mut thinking = String::new();
                for block in items(&message["content"]) {
                    self.anthropic_block(block, &mut thinking, &mut calls);
                }
                let text = texts(&message["content"]).0;
                self.seen.push(Seen::Assistant { text, thinking, calls });
            }
            other => self.broken.push(format!("unknown role `{other}`")),
        }
    }

    fn anthropic_block(&mut self, block: &Value, thinking: &mut String, calls: &mut Vec<SeenCall>) {
        let text = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
        match block["type"].as_str() {
            Some("tool_use") => {
                if !block["input"].is_object() {
                    self.broken.push("the input of a tool_use is no object".to_owned());
                }
                let arguments = block["input"].clone();
                calls.push(SeenCall { id: text("id"), name: text("name"), arguments });
            }
            Some("thinking") if text("signature").is_empty() => {
                self.broken.push("a thinking block has no signature".to_owned());
            }
            Some("thinking") => thinking.push_str(&text("thinking")),
            Some("redacted_thinking") if text("data").is_empty() => {
                self.broken.push("a redacted thinking block has no data".to_owned());
            }
            Some("text") if text("text").trim().is_empty() => {
                self.broken.push("a text block is empty".to_owned());
            }
            Some("text" | "redacted_thinking") => {}
            other => self.broken.push(format!("unknown block {other:?}")),
        }
    }
}

/// A call whose arguments are JSON in a string.
fn read_call(id: &Value, name: &Value, arguments: &Value) -> (SeenCall, Option<String>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parsed = serde_json::from_str::<Value>(&text(arguments)).ok();
    let complaint = match &parsed {
        Some(Value::Object(_)) => None,
        _ => Some(format!("arguments of a call are no JSON object: {arguments}")),
    };
    let arguments = parsed.unwrap_or_default();
    (SeenCall { id: text(id), name: text(name), arguments }, complaint)
}

/// Gives each result the name of the tool whose call it answers.
fn name_results(seen: &mut [Seen]) {
    let mut names = std::collections::BTreeMap::new();
    for message in seen {
        match message {
            Seen::Assistant { calls, .. } => {
                names.extend(calls.iter().map(|it| (it.id.clone(), it.name.clone())));
            }
            Seen::Result { id, name, .. } => {
                *name = names.get(id).cloned().unwrap_or_default();
            }
            Seen::User { .. } => {}
        }
    }
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The text of a content, string or parts, and how many images it holds.
fn texts(content: &Value) -> (String, usize) {
    if let Some(text) = content.as_str() {
        return (text.to_owned(), 0);
    }
    let texts: Vec<&str> = items(content).iter().filter_map(|it| it["text"].as_str()).collect();
    let is_image = |part: &&Value| part["type"].as_str().is_some_and(|it| it.contains("image"));
    (texts.join("\n"), items(content).iter().filter(is_image).count())
}
