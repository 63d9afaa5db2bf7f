//! Tool names as data: the catalogue, aliases, groups, profiles and default lists.

use config::ToolProfile;

/// Every tool that is not a plug-in's.
pub(super) const CORE: &[&str] = &[
    "read",
    "write",
    "edit",
    "apply_patch",
    "exec",
    "process",
    "browser",
    "canvas",
    "nodes",
    "cron",
    "gateway",
    "message",
    "tts",
    "agents_list",
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "session_status",
    "web_search",
    "web_fetch",
    "image",
    "memory_search",
    "memory_get",
    "whatsapp_login",
];

/// Tools for the owner alone.
pub(super) const OWNER_ONLY: &[&str] = &["whatsapp_login"];

/// Names in the default lists of sandboxed sessions that no core tool has: tools of newer
/// versions, and channel ids, which are tools of channel plug-ins.
pub(super) const FOREIGN: &[&str] = &[
    "ls",
    "view_image",
    "sessions_search",
    "sessions_yield",
    "subagents",
    "computer",
    "mobile_ui",
    "telegram",
    "whatsapp",
    "discord",
    "googlechat",
    "slack",
    "signal",
    "imessage",
];

/// Tools that write files of the workspace.
pub(super) const WRITING: &[&str] = &["write", "edit", "apply_patch"];

/// Tools that a sub-agent lacks.
pub(super) const SUBAGENT_DENY: &[&str] = &[
    "sessions_list",
    "sessions_history",
    "sessions_send",
    "sessions_spawn",
    "gateway",
    "agents_list",
    "whatsapp_login",
    "session_status",
    "cron",
    "memory_search",
    "memory_get",
];

/// The allow list that a profile stands for; `None` is no restriction.
pub(super) fn profile(profile: ToolProfile) -> Option<&'static [&'static str]> {
    match profile {
        ToolProfile::Minimal => Some(&["session_status"]),
        ToolProfile::Coding => {
            Some(&["group:fs", "group:runtime", "group:sessions", "group:memory", "image"])
        }
        ToolProfile::Messaging => Some(&[
            "group:messaging",
            "sessions_list",
            "sessions_history",
            "sessions_send",
            "session_status",
        ]),
        ToolProfile::Full => None,
    }
}

/// The name that tools are compared by: trimmed, lowercase, aliases replaced.
pub(super) fn normalise(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "bash" => "exec".to_owned(),
        "apply-patch" => "apply_patch".to_owned(),
        _ => name,
    }
}

/// The members of a group; `None` when `name` is no group.
pub(super) fn group(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "group:fs" => &["read", "write", "edit", "apply_patch"],
        "group:runtime" => &["exec", "process"],
        "group:sessions" => &[
            "sessions_list",
            "sessions_history",
            "sessions_send",
            "sessions_spawn",
            "session_status",
        ],
        "group:memory" => &["memory_search", "memory_get"],
        "group:web" => &["web_search", "web_fetch"],
        "group:ui" => &["browser", "canvas"],
        "group:automation" => &["cron", "gateway"],
        "group:messaging" => &["message"],
        "group:nodes" => &["nodes"],
        "group:agents" => &["agents_list"],
        "group:media" => &["image", "tts"],
        "group:openclaw" => &[
            "browser",
            "canvas",
            "nodes",
            "cron",
            "message",
            "gateway",
            "agents_list",
            "sessions_list",
            "sessions_history",
            "sessions_send",
            "sessions_spawn",
            "session_status",
            "memory_search",
            "memory_get",
            "web_search",
            "web_fetch",
            "image",
        ],
        _ => return None,
    })
}

/// The name that providers are compared by.
pub(super) fn provider(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.as_str() {
        "z.ai" | "z-ai" => "zai".to_owned(),
        "opencode-zen" => "opencode".to_owned(),
        "qwen" => "qwen-portal".to_owned(),
        "kimi-code" => "kimi-coding".to_owned(),
        _ => name,
    }
}
