//! What a changed config asks for: nothing, a part restarted, or the gateway restarted. Pure.

mod watcher;

use std::collections::BTreeSet;

use serde_json::Value;

pub use watcher::Reloader;

use crate::{
    file::{CORE_CHANNELS, EXTENSION_CHANNELS},
    resolved::ReloadMode,
};

/// What a change asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Paths that differ, lists as a whole; without the stamps.
    pub changed: Vec<String>,
    /// What to do.
    pub action: Action,
    /// Parts to restart when the action is [`Action::Hot`].
    pub hot: Vec<Part>,
    /// Changes that need the gateway restarted.
    pub restart_because: Vec<String>,
}

/// What to do about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing: values are read as they are needed, or the mode forbids more.
    None,
    /// Restart the parts of [`Plan::hot`].
    Hot,
    /// Restart the gateway.
    Restart,
}

/// A part that can be restarted alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Webhooks.
    Hooks,
    /// The watcher of a mailbox.
    Gmail,
    /// The heartbeat runner.
    Heartbeat,
    /// Scheduled jobs.
    Cron,
    /// Browser control.
    Browser,
    /// One chat service.
    Channel(String),
}

impl Plan {
    /// Whether the mode forbids what the change needs, so that it must not be applied.
    pub fn is_refused(&self, mode: ReloadMode) -> bool {
        match mode {
            ReloadMode::Off => !self.changed.is_empty(),
            ReloadMode::Hot => !self.restart_because.is_empty(),
            ReloadMode::Restart | ReloadMode::Hybrid => false,
        }
    }
}

/// Compares two resolved trees ([`crate::Snapshot::resolved`]).
pub fn plan(old: &Value, new: &Value, mode: ReloadMode) -> Plan {
    let mut changed = Vec::new();
    diff(Some(old), Some(new), "", &mut changed);
    changed.retain(|path| !is_below(path, "meta") && !is_below(path, "wizard"));
    let mut hot = BTreeSet::new();
    let mut restart_because = Vec::new();
    for path in &changed {
        match need(path) {
            Need::Nothing => {}
            Need::Parts(parts) => hot.extend(parts),
            Need::Restart => restart_because.push(path.clone()),
        }
    }
    let needed = match (restart_because.is_empty(), hot.is_empty()) {
        (false, _) => Action::Restart,
        (true, false) => Action::Hot,
        (true, true) => Action::None,
    };
    let action = match mode {
        ReloadMode::Off => Action::None,
        ReloadMode::Restart if !changed.is_empty() => Action::Restart,
        ReloadMode::Hot if needed == Action::Restart => Action::None,
        ReloadMode::Hot | ReloadMode::Restart | ReloadMode::Hybrid => needed,
    };
    let hot = if action == Action::Hot { hot.into_iter().collect() } else { Vec::new() };
    Plan { changed, action, hot, restart_because }
}

/// Adds the paths that differ. An object that came or went differs in its members.
fn diff(old: Option<&Value>, new: Option<&Value>, path: &str, changed: &mut Vec<String>) {
    let members = |value: Option<&Value>| match value {
        None => Some(serde_json::Map::new()),
        Some(value) => value.as_object().cloned(),
    };
    match (members(old), members(new)) {
        (Some(old), Some(new)) => {
            let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                diff(old.get(key), new.get(key), &path, changed);
            }
        }
        _ if old != new => changed.push(path.to_owned()),
        _ => {}
    }
}

enum Need {
    Nothing,
    Parts(Vec<Part>),
    Restart,
}

fn need(path: &str) -> Need {
    const NOTHING_FIRST: [&str; 2] = ["gateway.remote", "gateway.reload"];
    const NOTHING: [&str; 19] = [
        "identity",
        "wizard",
        "meta",
        "logging",
        "models",
        "agents",
        "tools",
        "bindings",
        "audio",
        "agent",
        "routing",
        "messages",
        "session",
        "talk",
        "skills",
        "ui",
        "auth.order",
        "auth.profiles",
        "broadcast",
    ];
    let under = |prefix: &&str| is_below(path, prefix);
    if NOTHING_FIRST.iter().any(under) {
        return Need::Nothing;
    }
    for (prefix, parts) in [
        ("hooks.gmail", vec![Part::Gmail, Part::Hooks]),
        ("hooks", vec![Part::Hooks]),
        ("agents.defaults.heartbeat", vec![Part::Heartbeat]),
        ("cron", vec![Part::Cron]),
        ("browser", vec![Part::Browser]),
        ("web", vec![Part::Channel("whatsapp".to_owned())]),
    ] {
        if under(&prefix) {
            return Need::Parts(parts);
        }
    }
    let channel = CORE_CHANNELS
        .iter()
        .chain(&EXTENSION_CHANNELS)
        .find(|id| is_below(path, &format!("channels.{id}")));
    match channel {
        Some(id) => Need::Parts(vec![Part::Channel((*id).to_owned())]),
        None if NOTHING.iter().any(under) => Need::Nothing,
        None => Need::Restart,
    }
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_heartbeat_edit_restarts_only_the_heartbeat_runner() {
        let old = json!({ "agents": { "defaults": { "heartbeat": { "every": "30m" } } } });
        let new = json!({ "agents": { "defaults": { "heartbeat": { "every": "5m" } } } });

        let plan = plan(&old, &new, ReloadMode::Hybrid);

        assert_eq!(
            plan,
            Plan {
                changed: vec!["agents.defaults.heartbeat.every".to_owned()],
                action: Action::Hot,
                hot: vec![Part::Heartbeat],
                restart_because: vec![],
            }
        );
    }

    #[test]
    fn a_port_needs_a_restart_which_hot_mode_refuses() {
        let (old, new) = (json!({}), json!({ "gateway": { "port": 1 } }));

        assert_eq!(plan(&old, &new, ReloadMode::Hybrid).action, Action::Restart);
        let hot = plan(&old, &new, ReloadMode::Hot);
        assert_eq!(hot.action, Action::None);
        assert!(hot.is_refused(ReloadMode::Hot));
    }

    #[test]
    fn stamps_change_nothing_and_lists_change_as_a_whole() {
        let old =
            json!({ "meta": { "lastTouchedAt": "a" }, "agents": { "list": [{ "id": "a" }] } });
        let new = json!({ "meta": { "lastTouchedAt": "b" }, "agents": { "list": [] } });

        let plan = plan(&old, &new, ReloadMode::Hybrid);

        assert_eq!(plan.changed, ["agents.list"]);
        assert_eq!(plan.action, Action::None);
    }

    #[test]
    fn a_new_channel_starts_that_channel() {
        let new = json!({ "channels": { "telegram": { "botToken": "t" } }, "hooks": { "gmail": {
            "label": "x" } } });

        let plan = plan(&json!({}), &new, ReloadMode::Hybrid);

        let channel = Part::Channel("telegram".to_owned());
        assert_eq!(plan.hot, [Part::Hooks, Part::Gmail, channel]);
    }
}
