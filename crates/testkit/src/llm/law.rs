//! What every request must obey, whatever its dialect. A breach is the caller's bug: real
//! providers refuse such requests, some only now and then.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    strict,
    view::{Dialect, RequestView, Seen},
};

/// All breaches of `request`.
pub(super) fn breaches(request: &RequestView) -> Vec<String> {
    let mut broken = Vec::new();
    head(request, &mut broken);
    tools(request, &mut broken);
    match request.messages.first() {
        Some(Seen::User { .. }) => {}
        Some(other) => broken.push(format!("the person does not speak first, but {other:?}")),
        None => broken.push("there is no message".to_owned()),
    }
    for (at, message) in request.messages.iter().enumerate() {
        if is_empty(message) {
            broken.push(format!("message {at} is empty"));
        }
    }
    if let Some(Seen::Assistant { .. }) = request.messages.last() {
        broken.push("the model has the last word".to_owned());
    }
    pairs(&request.messages, &mut broken);
    strict::breaches(request.dialect, &request.body, &mut broken);
    broken
}

fn head(request: &RequestView, broken: &mut Vec<String>) {
    let has = |name: &str| request.headers.get(name).is_some_and(|it| !it.trim().is_empty());
    let is_known =
        has("authorization") || (request.dialect == Dialect::Messages && has("x-api-key"));
    if !is_known {
        broken.push("there is no key in the headers".to_owned());
    }
    if request.dialect == Dialect::Messages && !has("anthropic-version") {
        broken.push("there is no anthropic-version header".to_owned());
    }
    if request.body["model"].as_str().is_none_or(str::is_empty) {
        broken.push("there is no model".to_owned());
    }
    if !request.body["stream"].is_boolean() {
        broken.push("it is not said whether the reply is a stream".to_owned());
    }
    let limits = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
    let given: Vec<&Value> = limits.iter().filter_map(|name| request.body.get(name)).collect();
    if given.iter().any(|limit| limit.as_u64().is_none_or(|limit| limit == 0)) {
        broken.push("the output limit is not positive".to_owned());
    }
    if given.is_empty() && request.dialect == Dialect::Messages {
        broken.push("there is no max_tokens".to_owned());
    }
}

fn tools(request: &RequestView, broken: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    for tool in request.body["tools"].as_array().into_iter().flatten() {
        let (name, schema) = match request.dialect {
            Dialect::Chat => (&tool["function"]["name"], &tool["function"]["parameters"]),
            Dialect::Responses => (&tool["name"], &tool["parameters"]),
            Dialect::Messages => (&tool["name"], &tool["input_schema"]),
        };
        if schema["type"] != "object" {
            broken.push(format!("the parameters of tool {name} are no object"));
        }
        if name.as_str().is_none_or(str::is_empty) || !names.insert(name.to_string()) {
            broken.push(format!("tool name {name} is missing or there twice"));
        }
    }
}

fn is_empty(message: &Seen) -> bool {
    match message {
        Seen::User { text, images } | Seen::Result { text, images, .. } => {
            text.trim().is_empty() && *images == 0
        }
        Seen::Assistant { text, calls, .. } => text.trim().is_empty() && calls.is_empty(),
    }
}

/// Each call is answered once, in order, before anything else is said.
fn pairs(messages: &[Seen], broken: &mut Vec<String>) {
    let mut open: std::collections::VecDeque<&str> = std::collections::VecDeque::new();
    let mut ids = BTreeSet::new();
    for message in messages {
        if let Seen::Result { id, .. } = message {
            match open.pop_front() {
                Some(call) if call == id => {}
                Some(call) => broken.push(format!("result `{id}` comes where `{call}` is due")),
                None => broken.push(format!("result `{id}` answers no call")),
            }
            continue;
        }
        for call in std::mem::take(&mut open) {
            broken.push(format!("call `{call}` has no result"));
        }
        if let Seen::Assistant { calls, .. } = message {
            for call in calls {
                if call.id.is_empty() || !ids.insert(call.id.as_str()) {
                    broken.push(format!("call id `{}` is missing or there twice", call.id));
                }
                open.push_back(&call.id);
            }
        }
    }
    for call in open {
        broken.push(format!("call `{call}` has no result"));
    }
}
