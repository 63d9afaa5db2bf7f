//! What must hold between keys, beyond the table. Pure.

mod channels;
mod sandbox;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path as File,
};

use domain::AgentId;
use serde_json::Value;

use crate::{
    env::absolute,
    file::{CORE_CHANNELS, EXTENSION_CHANNELS},
    locations::Locations,
    node::Node,
    problem::{Finding, Path},
    resolve::AgentPaths,
    tree,
};

/// Checks every rule on `root`, whose names are those of 2026.2.
pub(crate) fn check(root: &Value, locations: &Locations) -> Vec<Finding> {
    let mut findings = Vec::new();
    agents(root, locations, &mut findings);
    broadcast(root, &mut findings);
    tool_lists(root, &Path::default(), &mut findings);
    browser(root, &mut findings);
    gateway(root, &mut findings);
    hooks(root, &mut findings);
    channels::check(root, &mut findings);
    sandbox::check(root, &mut findings);
    findings
}

/// What is allowed but likely not meant.
pub(crate) fn warnings(root: &Value) -> Vec<Finding> {
    let mut warnings = Vec::new();
    let node = Node::of(root);
    if node.at("session.mainKey").str().is_some_and(|key| key != "main") {
        let path = Path::of(&["session", "mainKey"]);
        warnings.push(Finding::new(path, "is always `main`; the value is ignored"));
    }
    for (id, plugin) in node.at("plugins.entries").members() {
        if plugin.at("enabled").flag() == Some(false) && plugin.at("config").value().is_some() {
            let path = Path::of(&["plugins", "entries", id, "config"]);
            warnings.push(Finding::new(path, "the plugin is disabled but has a config"));
        }
    }
    let forwarding = node.at("approvals.exec");
    if forwarding.at("enabled").flag() == Some(true)
        && forwarding.at("mode").str().is_some_and(|mode| mode != "session")
    {
        let path = Path::of(&["approvals", "exec", "targets"]);
        let text = "there are no chat services in this version: questions about commands are not \
                    sent there; operators see them, and mode `session` tells them in the conversation";
        warnings.push(Finding::new(path, text));
    }
    if let Some(version) = node.at("meta.lastTouchedVersion").str()
        && version_parts(version) > version_parts(env!("CARGO_PKG_VERSION"))
    {
        let path = Path::of(&["meta", "lastTouchedVersion"]);
        warnings.push(Finding::new(path, format!("written by the newer version {version}")));
    }
    warnings
}

/// `v2026.2.6-3` as numbers; a missing revision is 0. `None` when it is no version.
fn version_parts(text: &str) -> Option<[u64; 4]> {
    let (release, revision) = text
        .trim()
        .trim_start_matches('v')
        .split_once('-')
        .unwrap_or((text.trim().trim_start_matches('v'), "0"));
    let mut parts = release.split('.').map(|part| part.parse::<u64>().ok());
    let version = [parts.next()??, parts.next()??, parts.next()??, revision.parse().unwrap_or(0)];
    parts.next().is_none().then_some(version)
}

fn agents(root: &Value, locations: &Locations, findings: &mut Vec<Finding>) {
    let node = Node::of(root);
    let list = node.at("agents.list").items().map_or(&[][..], Vec::as_slice);
    let base = Path::of(&["agents", "list"]);
    let paths = AgentPaths::of(root, locations);
    let mut ids = BTreeSet::new();
    let mut dirs: BTreeMap<String, String> = BTreeMap::new();
    heartbeat(node.at("agents.defaults.heartbeat"), &Path::of(&["agents", "defaults"]), findings);
    let bound = node.at("bindings").items().into_iter().flatten();
    for id in bound.filter_map(|binding| Node::of(binding).at("agentId").str()) {
        let id = AgentId::normalise(id);
        if !list.iter().any(|agent| agent.get("id").and_then(Value::as_str) == Some(id.as_str())) {
            let dir = paths.agent_dir(&id, None);
            dirs.insert(dir.to_string_lossy().into_owned(), id.to_string());
        }
    }
    for (index, agent) in list.iter().enumerate() {
        let (place, agent) = (base.child(index), Node::of(agent));
        heartbeat(agent.at("heartbeat"), &place, findings);
        let Some(written) = agent.at("id").str() else { continue };
        let id = AgentId::normalise(written);
        if written.trim().is_empty() {
            findings.push(Finding::new(place.child("id"), "must not be blank"));
        }
        if !ids.insert(id.clone()) {
            let message = format!("agent `{id}` is listed twice");
            findings.push(Finding::new(place.child("id"), message));
            continue;
        }
        let dir = paths.agent_dir(&id, agent.at("agentDir").text());
        let folded = dir.to_string_lossy().into_owned();
        if let Some(other) =
            dirs.insert(folded, id.to_string()).filter(|other| *other != id.as_str())
        {
            let message = format!("agents `{other}` and `{id}` share `{}`", dir.display());
            findings.push(Finding::new(place.child("agentDir"), message));
        }
        if let Some(avatar) = agent.at("identity.avatar").str() {
            let workspace = paths.workspace(&id, agent.at("workspace").text());
            if let Some(message) = wrong_avatar(avatar, &workspace) {
                let place = place.child("identity").child("avatar");
                findings.push(Finding::new(place, message));
            }
        }
    }
}

fn wrong_avatar(avatar: &str, workspace: &File) -> Option<&'static str> {
    let lower = avatar.to_ascii_lowercase();
    if ["http://", "https://", "data:"].iter().any(|scheme| lower.starts_with(scheme)) {
        return None;
    }
    if avatar.starts_with('~') || lower.contains("://") {
        return Some("must be an http(s) URL, a data URL or a path inside the workspace");
    }
    let inside = absolute(avatar, workspace, workspace).starts_with(workspace);
    (!inside).then_some("must be inside the agent's workspace")
}

fn heartbeat(heartbeat: Node<'_>, owner: &Path, findings: &mut Vec<Finding>) {
    let place = owner.child("heartbeat");
    for (key, latest) in [("start", "23:59"), ("end", "24:00")] {
        if let Some(text) = heartbeat.at("activeHours").key(key).str()
            && !is_time_of_day(text, latest)
        {
            let message = format!("expected a time such as `08:30`, at most {latest}");
            findings.push(Finding::new(place.child("activeHours").child(key), message));
        }
    }
    if let Some(target) = heartbeat.at("target").str() {
        let target = target.trim().to_ascii_lowercase();
        let known = ["last", "none", "webchat"];
        let mut known = known.iter().chain(&CORE_CHANNELS).chain(&EXTENSION_CHANNELS);
        if !known.any(|name| *name == target) {
            let message = "expected `last`, `none` or a channel id";
            findings.push(Finding::new(place.child("target"), message));
        }
    }
}

fn is_time_of_day(text: &str, latest: &str) -> bool {
    let Some((hour, minute)) = text.split_once(':') else { return false };
    let two = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    two(hour) && two(minute) && minute < "60" && text <= latest
}

fn broadcast(root: &Value, findings: &mut Vec<Finding>) {
    let node = Node::of(root);
    let Some(list) = node.at("agents.list").items().filter(|list| !list.is_empty()) else { return };
    let known: BTreeSet<_> = list
        .iter()
        .filter_map(|agent| Node::of(agent).at("id").str())
        .map(AgentId::normalise)
        .collect();
    for (peer, ids) in node.at("broadcast").members() {
        for (index, id) in ids.items().into_iter().flatten().enumerate() {
            if let Some(id) = id.as_str()
                && !known.contains(&AgentId::normalise(id))
            {
                let place = Path::of(&["broadcast", peer]).child(index);
                findings.push(Finding::new(place, format!("there is no agent `{id}`")));
            }
        }
    }
}

/// `allow` and `alsoAllow` exclude each other wherever both may stand.
fn tool_lists(value: &Value, path: &Path, findings: &mut Vec<Finding>) {
    let is_filled =
        |key: &str| value.get(key).and_then(Value::as_array).is_some_and(|items| !items.is_empty());
    match value {
        Value::Object(map) => {
            if is_filled("allow") && is_filled("alsoAllow") {
                findings.push(
                    Finding::new(path.child("alsoAllow"), "cannot stand beside `allow`")
                        .hint("put the names into `allow`, or use `profile` with `alsoAllow`"),
                );
            }
            // What plugins and skills call their keys is their own business.
            for (key, item) in map.iter().filter(|(key, _)| *key != "config") {
                tool_lists(item, &path.child(key), findings);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                tool_lists(item, &path.child(index), findings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn browser(root: &Value, findings: &mut Vec<Finding>) {
    for (name, profile) in Node::of(root).at("browser.profiles").members() {
        let place = Path::of(&["browser", "profiles", name]);
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || !name.bytes().all(is_plain) {
            let message = "profile names have lower-case letters, digits and `-`";
            findings.push(Finding::new(place.clone(), message));
        }
        // Since 2026.9 a profile may also name a directory, or a browser that runs already.
        let is_reachable = ["cdpPort", "cdpUrl", "userDataDir"]
            .iter()
            .any(|key| profile.at(key).value().is_some())
            || profile.at("driver").str() == Some("existing-session");
        if profile.map().is_some() && !is_reachable {
            findings.push(Finding::new(place, "needs `cdpPort` or `cdpUrl`"));
        }
    }
}

fn gateway(root: &Value, findings: &mut Vec<Finding>) {
    let gateway = Node::of(root).at("gateway");
    let host = gateway.at("customBindHost");
    if gateway.at("bind").str() == Some("custom") && host.text().is_none() {
        let path = Path::of(&["gateway", "customBindHost"]);
        findings.push(Finding::new(path, "required by `bind: \"custom\"`"));
    }
    if let Some(text) = host.text()
        && text.parse::<std::net::IpAddr>().is_err()
    {
        let path = Path::of(&["gateway", "customBindHost"]);
        findings.push(Finding::new(path, format!("`{text}` is not an IP address")));
    }
}

fn hooks(root: &Value, findings: &mut Vec<Finding>) {
    let hooks = Node::of(root).at("hooks");
    if hooks.at("enabled").flag() == Some(true) && hooks.at("token").text().is_none() {
        findings
            .push(Finding::new(Path::of(&["hooks", "token"]), "required when hooks are enabled"));
    }
    let preset = tree::get(root, &["hooks", "presets"]).and_then(Value::as_array);
    for (index, name) in preset.into_iter().flatten().enumerate() {
        if name.as_str().is_some_and(|name| name != "gmail") {
            let place = Path::of(&["hooks", "presets"]).child(index);
            findings.push(Finding::new(place, "the only preset is `gmail`"));
        }
    }
}
