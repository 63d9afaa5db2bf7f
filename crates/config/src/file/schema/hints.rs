//! Labels, groups and marks for forms, one for every path of the table.
//!
//! `*` stands for the keys of a map and `[]` for the items of a list.

use serde_json::{Map, Value, json};

use super::super::{ROOT, Shape};
use crate::redact::is_sensitive_key;

/// The groups in their order; others follow the last.
const GROUPS: [(&str, &str, u32); 25] = [
    ("wizard", "Wizard", 20),
    ("update", "Update", 25),
    ("diagnostics", "Diagnostics", 27),
    ("gateway", "Gateway", 30),
    ("nodeHost", "Node Host", 35),
    ("agents", "Agents", 40),
    ("tools", "Tools", 50),
    ("bindings", "Bindings", 55),
    ("audio", "Audio", 60),
    ("models", "Models", 70),
    ("messages", "Messages", 80),
    ("commands", "Commands", 85),
    ("session", "Session", 90),
    ("cron", "Cron", 100),
    ("hooks", "Hooks", 110),
    ("ui", "UI", 120),
    ("browser", "Browser", 130),
    ("talk", "Talk", 140),
    ("channels", "Messaging Channels", 150),
    ("skills", "Skills", 200),
    ("plugins", "Plugins", 205),
    ("discovery", "Discovery", 210),
    ("presence", "Presence", 220),
    ("voicewake", "Voice Wake", 230),
    ("logging", "Logging", 900),
];

/// A sentence for the keys that people ask about.
const HELP: [(&str, &str); 14] = [
    ("gateway.mode", "Whether this machine runs the gateway or uses one elsewhere."),
    ("gateway.port", "The one port of WebSocket and HTTP."),
    ("gateway.bind", "Which addresses can connect; everything but loopback needs a secret."),
    ("gateway.auth.token", "Shared secret of all clients. `${VAR}` keeps it out of the file."),
    ("gateway.reload.mode", "What happens when this file changes while the gateway runs."),
    ("agents.defaults.model.primary", "`provider/model` that answers unless an agent has its own."),
    ("agents.defaults.model.fallbacks", "Models to try in order when the first one fails."),
    ("agents.defaults.workspace", "Directory of the default agent's files."),
    ("agents.defaults.heartbeat.every", "How often the agent wakes by itself; `0m` is never."),
    ("agents.defaults.sandbox.mode", "Which sessions run their commands in a container."),
    ("models.providers.*.apiKey", "The key itself, `${VAR}`, or the name of a variable."),
    ("tools.profile", "A named list of tools to start from."),
    ("session.reset.mode", "Start afresh daily, or after some silence."),
    ("messages.queue.mode", "What a message does while the agent is still at work."),
];

/// Hints by path, in the order of the table.
pub fn ui_hints() -> Value {
    let mut hints = Map::new();
    for (id, label, order) in GROUPS {
        hints.insert(id.to_owned(), json!({ "label": label, "group": label, "order": order }));
    }
    walk(&ROOT, "", &mut hints);
    for (path, help) in HELP {
        if let Some(Value::Object(hint)) = hints.get_mut(path) {
            hint.insert("help".to_owned(), json!(help));
        }
    }
    Value::Object(hints)
}

fn walk(shape: &Shape, path: &str, hints: &mut Map<String, Value>) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match shape {
        Shape::Object(object) => {
            for (key, shape) in &object.fields {
                let path = below(key);
                hints.entry(path.clone()).or_insert_with(|| hint(key, shape));
                walk(shape, &path, hints);
            }
        }
        Shape::Map(each) => walk(each, &below("*"), hints),
        Shape::List(item) => walk(item, &format!("{path}[]"), hints),
        Shape::OneOf(shapes) => {
            for shape in shapes {
                walk(shape, path, hints);
            }
        }
        Shape::Any
        | Shape::Flag
        | Shape::Text
        | Shape::Duration
        | Shape::Number { .. }
        | Shape::Choice(_) => {}
    }
}

fn hint(key: &str, shape: &Shape) -> Value {
    let mut hint = json!({ "label": label(key) });
    if is_sensitive_key(key) && matches!(shape, Shape::Text) {
        hint["sensitive"] = json!(true);
    }
    if key.starts_with("dangerously") {
        hint["advanced"] = json!(true);
    }
    hint
}

/// `maxConcurrentRuns` → `Max concurrent runs`, with the usual capitals of short forms.
fn label(key: &str) -> String {
    let mut words: Vec<String> = vec![String::new()];
    for c in key.chars() {
        if c == '-' || c == '_' || c.is_ascii_uppercase() {
            words.push(String::new());
        }
        if let (Some(word), true) = (words.last_mut(), c.is_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
    }
    let short = |word: &String| match word.as_str() {
        "id" | "url" | "ui" | "api" | "dm" | "tts" | "ttl" | "cpus" | "dns" | "http" | "tls"
        | "cdp" | "vnc" => word.to_uppercase(),
        "ms" => "(ms)".to_owned(),
        "mb" => "(MB)".to_owned(),
        _ => word.clone(),
    };
    let text =
        words.iter().filter(|word| !word.is_empty()).map(short).collect::<Vec<_>>().join(" ");
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_group_and_mark() {
        let hints = ui_hints();

        assert_eq!(
            hints["gateway"],
            json!({ "label": "Gateway", "group": "Gateway", "order": 30 })
        );
        assert_eq!(
            hints["gateway.auth.password"],
            json!({ "label": "Password", "sensitive": true })
        );
        assert_eq!(hints["cron.maxConcurrentRuns"]["label"], "Max concurrent runs");
        assert_eq!(
            hints["models.providers.*.models[].maxTokens"],
            json!({ "label": "Max tokens" })
        );
        for (path, _) in HELP {
            assert!(hints[path]["help"].is_string(), "{path}");
        }
    }
}
