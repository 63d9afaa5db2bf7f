//! Fills what the file leaves out, and expands `~`.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{env::absolute, tree};

/// Aliases of well-known models, given to those that are listed without one.
const ALIASES: [(&str, &str); 6] = [
    ("anthropic/claude-opus-4-6", "opus"),
    ("anthropic/claude-sonnet-4-5", "sonnet"),
    ("openai/gpt-5.2", "gpt"),
    ("openai/gpt-5-mini", "gpt-mini"),
    ("google/gemini-3-pro-preview", "gemini"),
    ("google/gemini-3-flash-preview", "gemini-flash"),
];

/// Values that are filled in wherever nothing is written.
const FILLED: [(&[&str], &str); 4] = [
    (&["messages", "ackReactionScope"], "group-mentions"),
    (&["agents", "defaults", "compaction", "mode"], "safeguard"),
    (&["commands", "native"], "auto"),
    (&["commands", "nativeSkills"], "auto"),
];

/// Fills `root`, a valid tree.
pub(crate) fn fill(root: &mut Value, home: &Path) {
    for (path, value) in FILLED {
        fill_one(root, path, json!(value));
    }
    fill_one(root, &["agents", "defaults", "maxConcurrent"], json!(4));
    fill_one(root, &["agents", "defaults", "subagents", "maxConcurrent"], json!(8));
    if root.get("logging").is_some() {
        fill_one(root, &["logging", "redactSensitive"], json!("tools"));
    }
    if let Some(key) = tree::get_mut(root, &["session", "mainKey"]) {
        *key = json!("main");
    }
    aliases(root);
    if let Some(Value::Object(providers)) = tree::get_mut(root, &["models", "providers"]) {
        for provider in providers.values_mut() {
            provider_models(provider);
        }
    }
    expand(root, None, home);
}

fn fill_one(root: &mut Value, path: &[&str], value: Value) {
    if tree::get(root, path).is_none() {
        // A valid tree has nothing but objects on these paths.
        let _ = tree::put(root, path, value);
    }
}

fn aliases(root: &mut Value) {
    let models = tree::get_mut(root, &["agents", "defaults", "models"]);
    let Some(models) = models.and_then(Value::as_object_mut) else { return };
    for (model, alias) in ALIASES {
        let is_taken = models.values().any(|entry| {
            entry
                .get("alias")
                .and_then(Value::as_str)
                .is_some_and(|a| a.eq_ignore_ascii_case(alias))
        });
        if let Some(entry) = models.get_mut(model).and_then(Value::as_object_mut)
            && !is_taken
        {
            entry.entry("alias").or_insert_with(|| json!(alias));
        }
    }
}

fn provider_models(provider: &mut Value) {
    let models = provider.get_mut("models").and_then(Value::as_array_mut);
    for model in models.into_iter().flatten().filter_map(Value::as_object_mut) {
        let mut default = |key: &str, value: Value| {
            model.entry(key).or_insert(value);
        };
        default("reasoning", json!(false));
        default("input", json!(["text"]));
        default("cost", json!({}));
        default("contextWindow", json!(200_000));
        costs(model);
        let window = model.get("contextWindow").and_then(Value::as_u64).unwrap_or(200_000);
        model.entry("maxTokens").or_insert(json!(window.min(8192)));
    }
}

fn costs(model: &mut Map<String, Value>) {
    if let Some(Value::Object(cost)) = model.get_mut("cost") {
        for key in ["input", "output", "cacheRead", "cacheWrite"] {
            cost.entry(key).or_insert(json!(0));
        }
    }
}

/// Expands a leading `~` in the values of keys that hold paths.
fn expand(value: &mut Value, key: Option<&str>, home: &Path) {
    match value {
        Value::String(text) => {
            let is_tilde = text == "~" || text.starts_with("~/") || text.starts_with("~\\");
            if is_tilde && key.is_some_and(holds_path) {
                *text = absolute(text, home, home).to_string_lossy().into_owned();
            }
        }
        Value::Array(items) => {
            let key = key.filter(|key| {
                let key = key.to_ascii_lowercase();
                key.ends_with("paths") || key == "pathprepend"
            });
            for item in items {
                expand(item, key.map(|_| "path"), home);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                expand(item, Some(key), home);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn holds_path(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["dir", "path", "paths", "file", "root", "workspace"].iter().any(|end| key.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gets_the_documented_defaults() {
        let mut tree = json!({ "logging": {}, "session": { "mainKey": "other" } });

        fill(&mut tree, Path::new("/h"));

        let expected = json!({
            "logging": { "redactSensitive": "tools" },
            "session": { "mainKey": "main" },
            "messages": { "ackReactionScope": "group-mentions" },
            "agents": { "defaults": {
                "compaction": { "mode": "safeguard" },
                "maxConcurrent": 4,
                "subagents": { "maxConcurrent": 8 },
            } },
            "commands": { "native": "auto", "nativeSkills": "auto" },
        });
        assert_eq!(tree, expected);
    }

    #[test]
    fn models_get_aliases_and_limits() {
        let mut tree = json!({
            "agents": { "defaults": { "models": {
                "openai/gpt-5.2": {}, "x/y": { "alias": "opus" }, "anthropic/claude-opus-4-6": {},
            } } },
            "models": { "providers": { "p": { "models": [{ "id": "m", "contextWindow": 4096 }] } } },
        });

        fill(&mut tree, Path::new("/h"));

        assert_eq!(
            tree["agents"]["defaults"]["models"],
            json!({ "openai/gpt-5.2": { "alias": "gpt" }, "x/y": { "alias": "opus" },
                "anthropic/claude-opus-4-6": {} })
        );
        let model = &tree["models"]["providers"]["p"]["models"][0];
        assert_eq!((&model["maxTokens"], &model["input"]), (&json!(4096), &json!(["text"])));
    }

    #[test]
    fn tilde_expands_only_where_paths_are() {
        let mut tree = json!({
            "workspace": "~/w", "agentDir": "~", "name": "~/n", "pathPrepend": ["~/bin", "x"],
            "extraPaths": ["~/p"], "list": ["~/l"], "configFile": "~user/x",
        });

        expand(&mut tree, None, Path::new("/h"));

        let expected = json!({
            "workspace": "/h/w", "agentDir": "/h", "name": "~/n", "pathPrepend": ["/h/bin", "x"],
            "extraPaths": ["/h/p"], "list": ["~/l"], "configFile": "~user/x",
        });
        assert_eq!(tree, expected);
    }
}
