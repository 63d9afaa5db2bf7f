//! Rules of the chat services.

use serde_json::Value;

use crate::{
    file::CORE_CHANNELS,
    node::Node,
    problem::{Finding, Path},
};

/// Checks each known channel and its accounts.
pub(super) fn check(root: &Value, findings: &mut Vec<Finding>) {
    for id in CORE_CHANNELS {
        let channel = Node::of(root).at("channels").key(id);
        let base = Path::of(&["channels", id]);
        scope(id, channel, channel, &base, findings);
        for (name, account) in channel.at("accounts").members() {
            let place = base.child("accounts").child(name);
            scope(id, account, channel, &place, findings);
        }
    }
}

/// One channel block or account; `base` is the channel block, whose values accounts inherit.
fn scope(id: &str, own: Node<'_>, base: Node<'_>, place: &Path, findings: &mut Vec<Finding>) {
    open_dm(own, base, place, findings);
    let inherited = |key: &str| own.key(key).text().or_else(|| base.key(key).text());
    if own.at("webhookUrl").text().is_some()
        && id == "telegram"
        && inherited("webhookSecret").is_none()
    {
        let path = place.child("webhookSecret");
        findings.push(Finding::new(path, "required beside `webhookUrl`"));
    }
    if id == "slack" && own.at("mode").str() == Some("http") && inherited("signingSecret").is_none()
    {
        let path = place.child("signingSecret");
        findings.push(Finding::new(path, "required by `mode: \"http\"`"));
    }
    for (index, command) in own.at("customCommands").items().into_iter().flatten().enumerate() {
        let path = place.child("customCommands").child(index);
        let name = Node::of(command).at("command").str().unwrap_or_default();
        if !is_command_name(name) {
            let message = "names have 1 to 32 lower-case letters, digits and `_`";
            findings.push(Finding::new(path.child("command"), message));
        }
        if Node::of(command).at("description").str().is_some_and(|text| text.trim().is_empty()) {
            findings.push(Finding::new(path.child("description"), "must not be blank"));
        }
    }
    if let Some(program) = own.at("cliPath").str()
        && !is_program(program)
    {
        let message = "expected a program name or path without shell characters";
        findings.push(Finding::new(place.child("cliPath"), message));
    }
}

/// Open direct chats must be asked for twice: by policy and by `*`.
fn open_dm(own: Node<'_>, base: Node<'_>, place: &Path, findings: &mut Vec<Finding>) {
    let cases = [
        (own.at("dmPolicy"), own.at("allowFrom"), base.at("allowFrom"), place.clone()),
        (own.at("dm.policy"), own.at("dm.allowFrom"), base.at("dm.allowFrom"), place.child("dm")),
    ];
    for (policy, allow, inherited, place) in cases {
        let allow = allow.items().or_else(|| inherited.items());
        let any = allow.is_some_and(|items| items.iter().any(|item| item == "*"));
        if policy.str() == Some("open") && !any {
            findings.push(
                Finding::new(place.child("allowFrom"), "an open policy needs `\"*\"` here")
                    .hint("add \"*\" to let anybody in"),
            );
        }
    }
}

fn is_command_name(name: &str) -> bool {
    let name = name.trim().trim_start_matches('/').to_lowercase();
    (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn is_program(text: &str) -> bool {
    let text = text.trim();
    let is_path = text.contains(['/', '\\']) || text.starts_with(['~', '.']);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let has_trick = text.chars().any(|c| c.is_control() || ";&|`$<>\"'".contains(c));
    !text.is_empty()
        && !text.starts_with('-')
        && !has_trick
        && (is_path || text.chars().all(is_plain))
}
