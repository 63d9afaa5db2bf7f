//! Moves keys of the 2026.1 era to their new places. Pure: `doctor` decides about writing.

use std::fmt;

use domain::AgentId;
use serde_json::{Map, Value, json};

use super::{MATCHES, ROOT_CHANNELS};
use crate::{file::check, merge, names, newer, problem::Path, tree};

/// One thing that was moved, removed or rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where it was.
    pub from: String,
    /// Where it is now; `None` when it was dropped.
    pub to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            Some(to) => write!(f, "moved `{}` to `{to}`", self.from),
            None => write!(f, "removed `{}`", self.from),
        }
    }
}

/// Moves every legacy key of `root`. What is already at a new place wins over what is moved.
pub fn migrate(root: Value) -> (Value, Vec<Change>) {
    let mut migration = Migration { root, changes: Vec::new() };
    for id in ROOT_CHANNELS {
        migration.shift(id, &format!("channels.{id}"));
    }
    migration.mention("channels.telegram.requireMention", &["telegram"]);
    migration.routing();
    migration.shift("messages.queue.byProvider", "messages.queue.byChannel");
    migration.agent();
    migration.identity();
    migration.shift("tools.bash", "tools.exec");
    migration.speech();
    migration.gateway_token();
    migration.transcription("audio.transcription");
    migration.matches();
    migration.forget_empty("audio");
    (migration.root, migration.changes)
}

/// Removes every key that neither this version nor OpenClaw 2026.9 has. `$include` stays, as does
/// what it brings in.
pub fn strip_unknown(mut root: Value) -> (Value, Vec<Change>) {
    let mut tree = root.clone();
    let renamed = names::normalise(&mut tree);
    newer::set_aside(&mut tree, &renamed);
    let unknown = check::whole(&tree).into_iter().filter(|found| found.message == check::UNKNOWN);
    let mut changes = Vec::new();
    for finding in unknown.map(|finding| renamed.as_written(finding)) {
        let is_include = finding.path.0.last().is_some_and(|key| key == "$include");
        if !is_include && tree::take(&mut root, &finding.path.0).is_some() {
            changes.push(Change { from: finding.path.to_string(), to: None });
        }
    }
    (root, changes)
}

struct Migration {
    root: Value,
    changes: Vec<Change>,
}

fn parts(dotted: &str) -> Vec<&str> {
    dotted.split('.').collect()
}

impl Migration {
    fn note(&mut self, from: &str, to: Option<&str>) {
        self.changes.push(Change { from: from.to_owned(), to: to.map(str::to_owned) });
    }

    fn take(&mut self, from: &str) -> Option<Value> {
        tree::take(&mut self.root, &parts(from))
    }

    /// Puts `value` at `to`, below what is there.
    fn offer(&mut self, to: &[&str], mut value: Value) {
        match tree::get_mut(&mut self.root, to) {
            Some(present) => {
                merge::keys(&mut value, present);
                *present = value;
            }
            None => {
                // Fails only below something that is no object; that has problems of its own.
                let _ = tree::put(&mut self.root, to, value);
            }
        }
    }

    fn shift(&mut self, from: &str, to: &str) {
        if let Some(value) = self.take(from) {
            self.offer(&parts(to), value);
            self.note(from, Some(to));
        }
    }

    fn forget_empty(&mut self, path: &str) {
        let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
        if tree::get(&self.root, &parts(path)).is_some_and(is_empty) {
            self.take(path);
        }
    }

    fn routing(&mut self) {
        self.shift("routing.allowFrom", "channels.whatsapp.allowFrom");
        self.shift("routing.bindings", "bindings");
        self.agents();
        self.shift("routing.agentToAgent", "tools.agentToAgent");
        self.mention("routing.groupChat.requireMention", &["whatsapp", "telegram", "imessage"]);
        self.shift("routing.groupChat.mentionPatterns", "messages.groupChat.mentionPatterns");
        self.shift("routing.groupChat.historyLimit", "messages.groupChat.historyLimit");
        self.shift("routing.queue", "messages.queue");
        self.transcription("routing.transcribeAudio");
        self.forget_empty("routing.groupChat");
        self.forget_empty("routing");
    }

    /// `routing.agents` was keyed by id.
    fn agents(&mut self) {
        if let Some(Value::Object(agents)) = self.take("routing.agents") {
            for (id, mut agent) in agents {
                if let Some(tools) = tree::take(&mut agent, &["sandbox", "tools"]) {
                    let _ = tree::put(&mut agent, &["tools", "sandbox", "tools"], tools);
                }
                self.give_agent(&id, &agent);
            }
            self.note("routing.agents", Some("agents.list"));
        }
        if let Some(Value::String(id)) = self.take("routing.defaultAgentId") {
            self.give_agent(&id, &json!({ "default": true }));
            self.note("routing.defaultAgentId", Some("agents.list[].default"));
        }
    }

    /// Lays `fields` over the list item of agent `id`, which is made if there is none.
    fn give_agent(&mut self, id: &str, fields: &Value) {
        let wanted = AgentId::normalise(id);
        let is_it = |item: &Value| {
            item.get("id")
                .and_then(Value::as_str)
                .is_some_and(|id| AgentId::normalise(id) == wanted)
        };
        let list = tree::get(&self.root, &["agents", "list"]).and_then(Value::as_array);
        let at = list.and_then(|items| items.iter().position(is_it));
        let at = at.unwrap_or_else(|| list.map_or(0, Vec::len)).to_string();
        let mut agent = json!({ "id": id });
        let path = ["agents", "list", &at];
        merge::keys(&mut agent, fields);
        self.offer_over(&path, agent);
    }

    /// Puts `value` at `to`, over what is there.
    fn offer_over(&mut self, to: &[&str], value: Value) {
        match tree::get_mut(&mut self.root, to) {
            Some(present) => merge::keys(present, &value),
            None => {
                // As for `offer`.
                let _ = tree::put(&mut self.root, to, value);
            }
        }
    }

    fn mention(&mut self, from: &str, channels: &[&str]) {
        let Some(value) = self.take(from) else { return };
        for id in channels {
            let is_used = channels.len() == 1 || self.root["channels"].get(id).is_some();
            if is_used {
                self.offer(&["channels", id, "groups", "*", "requireMention"], value.clone());
            }
        }
        self.note(from, Some("channels.<id>.groups.\"*\".requireMention"));
    }

    /// A transcription command survives when it is `whisper`; nothing else was supported.
    fn transcription(&mut self, from: &str) {
        let Some(old) = self.take(from) else { return };
        let command = old.get("command").and_then(Value::as_array).cloned().unwrap_or_default();
        let program = command.first().and_then(Value::as_str).unwrap_or_default();
        if program.rsplit(['/', '\\']).next() != Some("whisper") {
            return self.note(from, None);
        }
        let mut model = json!({ "type": "cli", "command": program });
        model["args"] = command.iter().skip(1).cloned().collect();
        if let Some(seconds) = old.get("timeoutSeconds") {
            model["timeoutSeconds"] = seconds.clone();
        }
        let to = "tools.media.audio.models";
        if tree::get(&self.root, &parts(to)).is_none() {
            self.offer(&parts(to), json!([model]));
            self.offer(&parts("tools.media.audio.enabled"), json!(true));
        }
        self.note(from, Some(to));
    }

    fn agent(&mut self) {
        for (from, to) in [
            ("agent.tools", "tools"),
            ("agent.elevated", "tools.elevated"),
            ("agent.bash", "tools.exec"),
            ("agent.sandbox.tools", "tools.sandbox.tools"),
            ("agent.subagents.tools", "tools.subagents.tools"),
        ] {
            self.shift(from, to);
        }
        self.shift("agent", "agents.defaults");
        self.models();
    }

    /// Model lists of their own became parts of `model`, `imageModel` and `models`.
    fn models(&mut self) {
        for (key, fallbacks) in [("model", "modelFallbacks"), ("imageModel", "imageModelFallbacks")]
        {
            let path = ["agents", "defaults", key];
            let list = format!("agents.defaults.{fallbacks}");
            let list_value = self.take(&list);
            if let Some(Value::String(name)) = tree::get(&self.root, &path).cloned()
                && list_value.is_some()
            {
                let _ = tree::put(&mut self.root, &path, json!({ "primary": name }));
            }
            if let Some(value) = list_value {
                let to = format!("agents.defaults.{key}.fallbacks");
                self.offer(&parts(&to), value);
                self.note(&list, Some(&to));
            }
        }
        if let Some(Value::Array(names)) = self.take("agents.defaults.allowedModels") {
            for name in names.iter().filter_map(Value::as_str) {
                self.offer(&["agents", "defaults", "models", name], json!({}));
            }
            self.note("agents.defaults.allowedModels", Some("agents.defaults.models"));
        }
        if let Some(Value::Object(aliases)) = self.take("agents.defaults.modelAliases") {
            for (alias, name) in aliases {
                if let Some(name) = name.as_str() {
                    self.offer(&["agents", "defaults", "models", name, "alias"], json!(alias));
                }
            }
            self.note("agents.defaults.modelAliases", Some("agents.defaults.models"));
        }
    }

    fn identity(&mut self) {
        let Some(identity) = self.take("identity") else { return };
        let list = tree::get(&self.root, &["agents", "list"]).and_then(Value::as_array);
        let is_default = |item: &&Value| item.get("default") == Some(&json!(true));
        let default = list.and_then(|items| items.iter().find(is_default).or(items.first()));
        let has_one = default.is_some_and(|item| item.get("identity").is_some());
        let id = default.and_then(|item| item.get("id")).and_then(Value::as_str);
        let id = id.unwrap_or(AgentId::MAIN).to_owned();
        if !has_one {
            self.give_agent(&id, &json!({ "identity": identity }));
        }
        self.note("identity", Some("agents.list[].identity"));
    }

    fn speech(&mut self) {
        if let Some(enabled) = self.take("messages.tts.enabled") {
            let auto = if enabled == json!(true) { "always" } else { "off" };
            self.offer(&["messages", "tts", "auto"], json!(auto));
            self.note("messages.tts.enabled", Some("messages.tts.auto"));
        }
    }

    fn gateway_token(&mut self) {
        if let Some(token) = self.take("gateway.token") {
            self.offer(&["gateway", "auth", "token"], token);
            self.offer(&["gateway", "auth", "mode"], json!("token"));
            self.note("gateway.token", Some("gateway.auth.token"));
        }
    }

    fn matches(&mut self) {
        for (list, old, new) in MATCHES {
            let count = tree::get(&self.root, list).and_then(Value::as_array).map_or(0, Vec::len);
            for index in 0..count {
                let place = Path::of(list).child(index).child("match");
                self.shift(&place.child(old).to_string(), &place.child(new).to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_2026_1_becomes_one_without_legacy_keys() {
        let old = json!({
            "identity": { "name": "Ada" },
            "whatsapp": { "allowFrom": ["+1"] },
            "telegram": { "requireMention": true },
            "agent": {
                "model": "anthropic/x", "modelFallbacks": ["openai/y"], "workspace": "~/w",
                "allowedModels": ["openai/y"], "modelAliases": { "why": "openai/y" },
                "bash": { "timeoutSec": 5 }, "tools": { "deny": ["exec"] },
            },
            "routing": {
                "agents": { "ops": { "workspace": "/o" } }, "defaultAgentId": "ops",
                "groupChat": { "historyLimit": 9, "requireMention": false },
                "bindings": [{ "agentId": "ops", "match": { "provider": "slack" } }],
                "transcribeAudio": { "command": ["whisper", "-m"], "timeoutSeconds": 3 },
            },
            "messages": { "tts": { "enabled": true } },
            "gateway": { "token": "t" },
        });

        let (new, changes) = migrate(old);

        assert_eq!(super::super::find(&new), []);
        assert_eq!(check::whole(&new), []);
        assert_eq!(new["channels"]["telegram"]["groups"]["*"]["requireMention"], true);
        assert_eq!(new["channels"]["whatsapp"]["groups"]["*"]["requireMention"], false);
        assert_eq!(
            new["agents"],
            json!({
                "list": [{ "id": "ops", "workspace": "/o", "default": true,
                    "identity": { "name": "Ada" } }],
                "defaults": {
                    "model": { "primary": "anthropic/x", "fallbacks": ["openai/y"] },
                    "workspace": "~/w", "models": { "openai/y": { "alias": "why" } },
                },
            })
        );
        assert_eq!(new["bindings"], json!([{ "agentId": "ops", "match": { "channel": "slack" } }]));
        assert_eq!(new["gateway"], json!({ "auth": { "token": "t", "mode": "token" } }));
        assert_eq!(new["tools"]["media"]["audio"]["models"][0]["command"], "whisper");
        assert!(changes.contains(&Change {
            from: "agent".to_owned(),
            to: Some("agents.defaults".to_owned())
        }));
    }

    #[test]
    fn unknown_keys_are_stripped_and_includes_stay() {
        let root = json!({
            "$include": "x", "bogus": 1,
            "agents": { "$include": "y", "entries": { "a": { "nmae": 1, "name": "A" } } },
        });

        let (stripped, changes) = strip_unknown(root);

        assert_eq!(
            stripped,
            json!({
                "$include": "x",
                "agents": { "$include": "y", "entries": { "a": { "name": "A" } } },
            })
        );
        let removed: Vec<_> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(removed, ["removed `bogus`", "removed `agents.entries.a.nmae`"]);
    }

    #[test]
    fn a_new_file_is_left_alone() {
        let new = json!({ "gateway": { "auth": { "token": "t" } }, "agents": { "list": [] } });

        assert_eq!(migrate(new.clone()), (new, Vec::new()));
    }
}
