//! `tools`, global and of an agent.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::sandbox;
use crate::{
    node::Node,
    resolved::{
        Elevated, Exec, ExecAsk, ExecHost, ExecSecurity, HostExec, SandboxTools, ToolLayer,
        ToolLayers, ToolProfile, Tools, Visibility,
    },
};

pub(super) fn tools(root: Node<'_>) -> Tools {
    let node = root.at("tools");
    let nothing = Node::of(&Value::Null);
    let global = |path: &str| sandbox::Pair { defaults: root.at(path), own: nothing };
    let patch = node.at("exec.applyPatch");
    let peers = node.at("agentToAgent");
    Tools {
        layers: layers(
            node,
            sandbox::tools(global("tools.sandbox.tools"), global("agents.defaults.sandbox")),
        ),
        elevated: Elevated {
            fallback: peer_ids(root.at("channels.discord.dm.allowFrom"))
                .map(|list| ("discord".to_owned(), list))
                .into_iter()
                .collect(),
            ..elevated(node.at("elevated"))
        },
        subagents: layer(node.at("subagents.tools")),
        apply_patch: patch.at("enabled").flag().unwrap_or(true),
        apply_patch_models: patch.at("allowModels").texts().unwrap_or_default(),
        workspace_only: node.at("fs.workspaceOnly").flag().unwrap_or(false),
        agent_to_agent: peers.at("enabled").flag().unwrap_or(false),
        agent_to_agent_allow: peers.at("allow").texts().unwrap_or_default(),
        sessions_visibility: match node.at("sessions.visibility").str() {
            Some("self") => Visibility::Own,
            Some("tree") => Visibility::Tree,
            Some("agent") => Visibility::Agent,
            Some(_) | None => Visibility::All,
        },
    }
}

/// The layers of `node`, which is `tools` or an agent's own, with the `sandbox` lists.
pub(super) fn layers(node: Node<'_>, sandbox: SandboxTools) -> ToolLayers {
    let by_provider = node.at("byProvider").members();
    ToolLayers {
        profile: profile(node.at("profile")),
        layer: layer(node),
        by_provider: by_provider
            .map(|(name, node)| (name.clone(), (profile(node.at("profile")), layer(node))))
            .collect(),
        sandbox,
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

/// `elevated` of one scope.
pub(super) fn elevated(node: Node<'_>) -> Elevated {
    let lists = node.at("allowFrom").members();
    Elevated {
        enabled: node.at("enabled").flag().unwrap_or(true),
        allow_from: lists
            .filter_map(|(channel, list)| Some((channel.trim().to_lowercase(), peer_ids(list)?)))
            .collect(),
        fallback: BTreeMap::new(),
    }
}

/// Peer ids, which are text or numbers.
fn peer_ids(node: Node<'_>) -> Option<Vec<String>> {
    let id = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    Some(node.items()?.iter().map(id).collect())
}

/// What a command on the host needs; an agent's own words win, and in one scope `mode` stands
/// for both words.
pub(super) fn host_exec(global: Node<'_>, own: Node<'_>) -> HostExec {
    let str = |key: &str| own.key(key).str().or_else(|| global.key(key).str());
    let (security, ask) = match str("mode") {
        Some("deny") => (ExecSecurity::Deny, ExecAsk::Off),
        Some("allowlist") => (ExecSecurity::Allowlist, ExecAsk::Off),
        // No model reviews commands here, so `auto` is `ask`.
        Some("ask" | "auto") => (ExecSecurity::Allowlist, ExecAsk::OnMiss),
        Some(_) | None => (ExecSecurity::Full, ExecAsk::Off),
    };
    HostExec {
        security: str("security").and_then(ExecSecurity::parse).unwrap_or(security),
        ask: str("ask").and_then(ExecAsk::parse).unwrap_or(ask),
    }
}

/// `tools.exec` with an agent's own values over it.
pub(super) fn exec(global: Node<'_>, own: Node<'_>) -> Exec {
    let int = |key: &str| own.key(key).int().or_else(|| global.key(key).int());
    let prepend = own.at("pathPrepend").texts().or_else(|| global.at("pathPrepend").texts());
    let notify = own.at("notifyOnExit").flag().or_else(|| global.at("notifyOnExit").flag());
    let timeout = Duration::from_secs(int("timeoutSec").unwrap_or(1800));
    let texts = |key: &str| own.at(key).texts().or_else(|| global.at(key).texts());
    let str = |key: &str| own.key(key).str().or_else(|| global.key(key).str());
    Exec {
        host: str("host").and_then(ExecHost::parse).unwrap_or_default(),
        node: str("node").map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned),
        safe_bins: texts("safeBins"),
        safe_bin_dirs: texts("safeBinTrustedDirs").unwrap_or_default(),
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
