//! Brings the key names of 2026.9 to those of 2026.2, the one form the rest of the crate knows.
//!
//! Remembers what was moved, so that problems are told with the path that was written.

use serde_json::{Map, Value};

use crate::{
    file::{CORE_CHANNELS, EXTENSION_CHANNELS},
    merge,
    problem::{Finding, Path},
    tree,
};

/// What was moved.
#[derive(Debug, Default)]
pub(crate) struct Renamed {
    /// New place, and the place in the file.
    moves: Vec<(Path, Path)>,
    /// Keys that were set under both names.
    pub(crate) warnings: Vec<Finding>,
}

impl Renamed {
    /// `finding` with the path that is in the file.
    pub(crate) fn as_written(&self, mut finding: Finding) -> Finding {
        // Backwards, for what was moved may have been moved again.
        for (new, written) in self.moves.iter().rev() {
            if finding.path.0.starts_with(&new.0) {
                let rest = finding.path.0.split_off(new.0.len());
                finding.path.0 = written.0.iter().cloned().chain(rest).collect();
            }
        }
        finding
    }

    fn both(&mut self, newer: &Path, older: &Path) {
        let message = format!("set under two names; `{newer}` wins over `{older}`");
        self.warnings.push(Finding::new(newer.clone(), message));
    }

    /// Moves the value at `from` to `to`, over what is there.
    fn shift(&mut self, root: &mut Value, from: &Path, to: &Path) {
        let Some(value) = tree::take(root, &from.0) else { return };
        let result = match tree::get_mut(root, &to.0) {
            Some(old) => {
                merge::keys(old, &value);
                self.both(from, to);
                Ok(())
            }
            None => tree::put(root, &to.0, value.clone()),
        };
        match result {
            Ok(()) => self.moves.push((to.clone(), from.clone())),
            // Something that is no object is in the way, which the table will complain about.
            Err(_) => drop(tree::put(root, &from.0, value)),
        }
    }
}

/// Renames everything in `root` that has a newer name.
pub(crate) fn normalise(root: &mut Value) -> Renamed {
    let mut renamed = Renamed::default();
    entries(root, &mut renamed);
    for base in agents(root) {
        for (from, to) in AGENT_NAMES {
            renamed.shift(root, &below(&base, from), &below(&base, to));
        }
        forget_if_empty(root, &base.child("memory"));
    }
    for (from, to) in ROOT_NAMES {
        renamed.shift(root, &below(&Path::default(), from), &below(&Path::default(), to));
    }
    forget_if_empty(root, &Path::of(&["gateway", "nodes", "commands"]));
    for base in channels(root) {
        renamed.shift(root, &base.child("heartbeatVisibility"), &base.child("heartbeat"));
    }
    speech(root, &mut renamed);
    for base in agents(root).into_iter().chain([Path::default()]) {
        exec_mode(root, &below(&base, "tools.exec"), &mut renamed);
    }
    peer_kinds(root);
    renamed
}

const ROOT_NAMES: [(&str, &str); 9] = [
    ("memory.search", "agents.defaults.memorySearch"),
    ("tts", "messages.tts"),
    ("attachments", "media"),
    ("audit", "logging.audit"),
    ("session.resetByType.direct", "session.resetByType.dm"),
    ("gateway.nodes.commands.allow", "gateway.nodes.allowCommands"),
    ("gateway.nodes.commands.deny", "gateway.nodes.denyCommands"),
    ("tools.exec.timeoutSeconds", "tools.exec.timeoutSec"),
    ("channels.defaults.heartbeatVisibility", "channels.defaults.heartbeat"),
];

const AGENT_NAMES: [(&str, &str); 3] = [
    ("memory.search", "memorySearch"),
    ("sandbox.browser.noVncEnabled", "sandbox.browser.enableNoVnc"),
    ("tools.exec.timeoutSeconds", "tools.exec.timeoutSec"),
];

fn below(base: &Path, dotted: &str) -> Path {
    Path(base.0.iter().cloned().chain(dotted.split('.').map(str::to_owned)).collect())
}

fn forget_if_empty(root: &mut Value, path: &Path) {
    if tree::get(root, &path.0).and_then(Value::as_object).is_some_and(Map::is_empty) {
        tree::take(root, &path.0);
    }
}

/// `agents.entries.<id>` becomes an item of `agents.list`, in order.
fn entries(root: &mut Value, renamed: &mut Renamed) {
    let written = Path::of(&["agents", "entries"]);
    if !tree::get(root, &written.0).is_some_and(Value::is_object) {
        return;
    }
    let list_path = Path::of(&["agents", "list"]);
    let list_is_free = tree::get(root, &list_path.0).is_none_or(Value::is_array);
    if !list_is_free {
        return;
    }
    let Some(Value::Object(entries)) = tree::take(root, &written.0) else { return };
    let mut list = match tree::take(root, &list_path.0) {
        Some(Value::Array(items)) => items,
        Some(_) | None => Vec::new(),
    };
    for (id, entry) in entries {
        let from = written.child(&id);
        let known =
            list.iter().position(|item| item.get("id").and_then(Value::as_str) == Some(&id));
        let to = list_path.child(known.unwrap_or(list.len()));
        let mut named = Map::from_iter([("id".to_owned(), Value::from(id))]);
        let entry = if let Value::Object(fields) = entry {
            named.extend(fields);
            Value::Object(named)
        } else {
            entry
        };
        match known.and_then(|at| list.get_mut(at)) {
            Some(older) => {
                merge::keys(older, &entry);
                renamed.both(&from, &to);
            }
            None => list.push(entry),
        }
        renamed.moves.push((to, from));
    }
    // Cannot fail: `agents` is an object, the entries were in it.
    let _ = tree::put(root, &list_path.0, Value::Array(list));
}

/// The paths of the agent defaults and of every agent.
fn agents(root: &Value) -> Vec<Path> {
    let list = Path::of(&["agents", "list"]);
    let count = tree::get(root, &list.0).and_then(Value::as_array).map_or(0, Vec::len);
    let each = (0..count).map(|index| list.child(index));
    std::iter::once(Path::of(&["agents", "defaults"])).chain(each).collect()
}

/// The paths of every known channel and of its accounts.
fn channels(root: &Value) -> Vec<Path> {
    let mut paths = Vec::new();
    for id in CORE_CHANNELS.iter().chain(&EXTENSION_CHANNELS) {
        let channel = Path::of(&["channels", id]);
        let accounts = channel.child("accounts");
        let names = tree::get(root, &accounts.0).and_then(Value::as_object);
        paths.extend(names.into_iter().flat_map(Map::keys).map(|name| accounts.child(name)));
        paths.push(channel);
    }
    paths
}

/// Provider blocks of speech move out of `providers`, and their voices get the older names.
fn speech(root: &mut Value, renamed: &mut Renamed) {
    let tts = Path::of(&["messages", "tts"]);
    for (newer, older) in
        [("elevenlabs", "elevenlabs"), ("openai", "openai"), ("microsoft", "edge")]
    {
        let to = tts.child(older);
        renamed.shift(root, &tts.child("providers").child(newer), &to);
        let voice = if older == "elevenlabs" { "voiceId" } else { "voice" };
        for name in ["speakerVoice", "speakerVoiceId"] {
            renamed.shift(root, &to.child(name), &to.child(voice));
        }
    }
    forget_if_empty(root, &tts.child("providers"));
    if let Some(provider) = tree::get_mut(root, &tts.child("provider").0)
        && provider == "microsoft"
    {
        *provider = Value::from("edge");
    }
}

/// `exec.mode` is `security` and `ask` in one.
fn exec_mode(root: &mut Value, exec: &Path, renamed: &mut Renamed) {
    let Some(Value::Object(fields)) = tree::get_mut(root, &exec.0) else { return };
    let (security, ask) = match fields.get("mode").and_then(Value::as_str) {
        Some("deny") => ("deny", "off"),
        Some("allowlist") => ("allowlist", "off"),
        Some("ask" | "auto") => ("allowlist", "on-miss"),
        Some("full") => ("full", "off"),
        Some(_) | None => return,
    };
    for (key, value) in [("security", security), ("ask", ask)] {
        let older = fields.insert(key.to_owned(), Value::from(value));
        if older.is_some_and(|older| older != value) {
            renamed.both(&exec.child("mode"), &exec.child(key));
        }
    }
}

fn peer_kinds(root: &mut Value) {
    let Some(Value::Array(bindings)) = root.get_mut("bindings") else { return };
    for binding in bindings {
        if let Some(kind) = tree::get_mut(binding, &["match", "peer", "kind"])
            && kind == "direct"
        {
            *kind = Value::from("dm");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn newer_names_become_older_ones() {
        let mut tree = json!({
            "agents": { "entries": { "Ops": { "memory": { "search": { "enabled": false } } } } },
            "memory": { "search": { "provider": "openai" } },
            "tts": { "provider": "microsoft", "providers": {
                "microsoft": { "speakerVoice": "x" }, "acme": { "k": 1 } } },
            "attachments": { "preserveFilenames": true },
            "audit": true,
            "session": { "resetByType": { "direct": { "mode": "idle" } } },
            "gateway": { "nodes": { "commands": { "allow": ["a"], "deny": [] } } },
            "tools": { "exec": { "mode": "ask", "timeoutSeconds": 9 } },
            "channels": { "telegram": { "accounts": { "a": { "heartbeatVisibility": {} } } } },
            "bindings": [{ "match": { "peer": { "kind": "direct" } } }],
        });

        let renamed = normalise(&mut tree);

        assert_eq!(renamed.warnings, []);
        let expected = json!({
            "agents": {
                "list": [{ "id": "Ops", "memorySearch": { "enabled": false } }],
                "defaults": { "memorySearch": { "provider": "openai" } },
            },
            "memory": {},
            "messages": { "tts": { "provider": "edge", "edge": { "voice": "x" },
                "providers": { "acme": { "k": 1 } } } },
            "media": { "preserveFilenames": true },
            "logging": { "audit": true },
            "session": { "resetByType": { "dm": { "mode": "idle" } } },
            "gateway": { "nodes": { "allowCommands": ["a"], "denyCommands": [] } },
            "tools": { "exec": { "mode": "ask", "timeoutSec": 9, "security": "allowlist",
                "ask": "on-miss" } },
            "channels": { "telegram": { "accounts": { "a": { "heartbeat": {} } } } },
            "bindings": [{ "match": { "peer": { "kind": "dm" } } }],
        });
        assert_eq!(tree, expected);
    }

    #[test]
    fn the_newer_name_wins_and_problems_keep_the_written_path() {
        let mut tree = json!({
            "agents": { "list": [{ "id": "a", "name": "Old", "workspace": "/w" }],
                "entries": { "a": { "name": "New" }, "b": {} } },
        });

        let renamed = normalise(&mut tree);

        assert_eq!(
            tree["agents"]["list"],
            json!([{ "id": "a", "name": "New", "workspace": "/w" }, { "id": "b" }])
        );
        assert_eq!(renamed.warnings.len(), 1);
        let finding = Finding::new(Path::of(&["agents", "list", "1", "x"]), "unknown key");
        assert_eq!(renamed.as_written(finding).path.to_string(), "agents.entries.b.x");
    }
}
