//! `tools`, global and of an agent.

use std::time::Duration;

use crate::{
    file::CORE_CHANNELS,
    node::Node,
    resolved::{Exec, ToolLayer, ToolLayers, ToolProfile, Tools},
};

/// What sandboxed sessions may use unless the config says otherwise.
const SANDBOX_ALLOW: [&str; 17] = [
    "exec",
    "process",
    "read",
    "write",
    "edit",
    "apply_patch",
    "image",
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "session_status",
    "ls",
    "view_image",
    "sessions_search",
    "sessions_yield",
    "subagents",
];

/// What sandboxed sessions may not use, besides the tools that are called like channels.
const SANDBOX_DENY: [&str; 7] =
    ["browser", "canvas", "nodes", "cron", "gateway", "computer", "mobile_ui"];

pub(super) fn tools(node: Node<'_>) -> Tools {
    let patch = node.at("exec.applyPatch");
    let peers = node.at("agentToAgent");
    Tools {
        layers: layers(node),
        sandbox: sandbox(layer(node.at("sandbox.tools")), node.at("sandbox.tools")),
        subagents: layer(node.at("subagents.tools")),
        apply_patch: patch.at("enabled").flag().unwrap_or(true),
        apply_patch_models: patch.at("allowModels").texts().unwrap_or_default(),
        workspace_only: node.at("fs.workspaceOnly").flag().unwrap_or(false),
        agent_to_agent: peers.at("enabled").flag().unwrap_or(false),
        agent_to_agent_allow: peers.at("allow").texts().unwrap_or_default(),
    }
}

pub(super) fn layers(node: Node<'_>) -> ToolLayers {
    let by_provider = node.at("byProvider").members();
    ToolLayers {
        profile: profile(node.at("profile")),
        layer: layer(node),
        by_provider: by_provider
            .map(|(name, node)| (name.clone(), (profile(node.at("profile")), layer(node))))
            .collect(),
    }
}

fn profile(node: Node<'_>) -> Option<ToolProfile> {
    match node.str()? {
        "minimal" => Some(ToolProfile::Minimal),
        "coding" => Some(ToolProfile::Coding),
        "messaging" => Some(ToolProfile::Messaging),
        "full" => Some(ToolProfile::Full),
        _ => None,
    }
}

fn layer(node: Node<'_>) -> ToolLayer {
    ToolLayer {
        allow: node.at("allow").texts(),
        also_allow: node.at("alsoAllow").texts().unwrap_or_default(),
        deny: node.at("deny").texts().unwrap_or_default(),
    }
}

/// Each list is the default unless it is written; an empty `allow` is everything.
fn sandbox(written: ToolLayer, node: Node<'_>) -> ToolLayer {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let allow = written.allow.unwrap_or_else(|| owned(&SANDBOX_ALLOW));
    let deny = match node.at("deny").items() {
        Some(_) => written.deny,
        None => SANDBOX_DENY
            .iter()
            .chain(CORE_CHANNELS.get(..7).unwrap_or_default())
            .map(|name| (*name).to_owned())
            .collect(),
    };
    ToolLayer { allow: (!allow.is_empty()).then_some(allow), also_allow: written.also_allow, deny }
}

/// `tools.exec` with an agent's own values over it.
pub(super) fn exec(global: Node<'_>, own: Node<'_>) -> Exec {
    let int = |key: &str| own.key(key).int().or_else(|| global.key(key).int());
    let prepend = own.at("pathPrepend").texts().or_else(|| global.at("pathPrepend").texts());
    let notify = own.at("notifyOnExit").flag().or_else(|| global.at("notifyOnExit").flag());
    let timeout = Duration::from_secs(int("timeoutSec").unwrap_or(1800));
    Exec {
        path_prepend: prepend.unwrap_or_default(),
        yield_after: Duration::from_millis(
            int("backgroundMs").unwrap_or(10_000).clamp(10, 120_000),
        ),
        timeout: (!timeout.is_zero()).then_some(timeout),
        finished_kept: Duration::from_millis(
            int("cleanupMs").unwrap_or(1_800_000).clamp(60_000, 10_800_000),
        ),
        notify_on_exit: notify.unwrap_or(true),
    }
}
