//! Keys of the 2026.1 era: found here, moved by `legacy::migrate`.

mod migrate;

use serde_json::Value;

pub use migrate::{Change, migrate, strip_unknown};

use crate::{
    problem::{Finding, Path},
    tree,
};

/// Channels that had a block at the top level.
const ROOT_CHANNELS: [&str; 7] =
    ["whatsapp", "telegram", "discord", "slack", "signal", "imessage", "msteams"];

/// Old places and where their content lives now.
const PLACES: [(&[&str], &str); 20] = [
    (&["routing", "allowFrom"], "channels.whatsapp.allowFrom"),
    (&["routing", "bindings"], "bindings"),
    (&["routing", "agents"], "agents.list"),
    (&["routing", "defaultAgentId"], "agents.list[].default"),
    (&["routing", "agentToAgent"], "tools.agentToAgent"),
    (&["routing", "groupChat", "requireMention"], "channels.<id>.groups.\"*\".requireMention"),
    (&["routing", "groupChat", "mentionPatterns"], "messages.groupChat.mentionPatterns"),
    (&["routing", "groupChat", "historyLimit"], "messages.groupChat.historyLimit"),
    (&["routing", "queue"], "messages.queue"),
    (&["routing", "transcribeAudio"], "tools.media.audio.models"),
    (&["messages", "queue", "byProvider"], "messages.queue.byChannel"),
    (&["audio", "transcription"], "tools.media.audio.models"),
    (&["identity"], "agents.list[].identity"),
    (&["agent"], "agents.defaults"),
    (&["tools", "bash"], "tools.exec"),
    (&["messages", "tts", "enabled"], "messages.tts.auto"),
    (&["gateway", "token"], "gateway.auth.token"),
    (&["channels", "telegram", "requireMention"], "channels.telegram.groups.\"*\".requireMention"),
    (&["agents", "defaults", "allowedModels"], "agents.defaults.models"),
    (&["agents", "defaults", "modelAliases"], "agents.defaults.models"),
];

/// Keys inside the `match` of list items, and their new names.
const MATCHES: [(&[&str], &str, &str); 3] = [
    (&["bindings"], "provider", "channel"),
    (&["bindings"], "accountID", "accountId"),
    (&["session", "sendPolicy", "rules"], "provider", "channel"),
];

/// All legacy keys in `root`.
pub(crate) fn find(root: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |path: Path, place: &str| {
        findings.push(
            Finding::new(path, format!("legacy key; moved to `{place}`"))
                .hint("run `openclaw doctor --fix`"),
        );
    };
    for id in ROOT_CHANNELS.iter().filter(|id| root.get(**id).is_some()) {
        found(Path::of(&[id]), &format!("channels.{id}"));
    }
    for (path, place) in PLACES.iter().filter(|(path, _)| tree::get(root, path).is_some()) {
        found(Path::of(path), place);
    }
    for (list, old, new) in MATCHES {
        let items = tree::get(root, list).and_then(Value::as_array);
        for (index, item) in items.into_iter().flatten().enumerate() {
            if tree::get(item, &["match", old]).is_some() {
                let path = Path::of(list).child(index).child("match");
                let place = path.child(new).to_string();
                found(path.child(old), &place);
            }
        }
    }
    findings
}
