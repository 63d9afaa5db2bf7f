//! `tools`, global and of an agent. Keys of both generations are taken.

use super::{
    Shape, any, choice, flag, int, int_to, list, map, media, model_choice, object, peers,
    send_policy, switch, text, texts, tool_lists,
};

pub(super) fn global() -> Shape {
    layers().with([
        ("elevated", elevated()),
        ("exec", exec()),
        ("fs", object([("workspaceOnly", flag())])),
        ("web", web()),
        ("media", media::understanding()),
        (
            "links",
            object([
                ("enabled", flag()),
                ("scope", send_policy()),
                ("maxLinks", int(1)),
                ("timeoutSeconds", int(1)),
                (
                    "models",
                    list(object([
                        ("type", choice(&["cli"])),
                        ("command", text()),
                        ("args", texts()),
                        ("timeoutSeconds", int(1)),
                    ])),
                ),
            ]),
        ),
        ("message", message()),
        ("sessions", object([("visibility", choice(&["self", "tree", "agent", "all"]))])),
        ("agentToAgent", object([("enabled", flag()), ("allow", texts())])),
        ("loopDetection", loop_detection()),
        ("subagents", object([("model", model_choice()), ("tools", tool_lists())])),
        ("sandbox", object([("tools", tool_lists())])),
    ])
}

pub(super) fn of_agent() -> Shape {
    layers().with([
        ("elevated", elevated()),
        ("exec", exec().with([("approvalRunningNoticeMs", int(0))])),
        ("fs", object([("workspaceOnly", flag())])),
        ("loopDetection", loop_detection()),
        ("sandbox", object([("tools", tool_lists())])),
    ])
}

fn layers() -> Shape {
    let profile = || choice(&["minimal", "coding", "messaging", "full"]);
    tool_lists().with([
        ("profile", profile()),
        ("byProvider", map(tool_lists().with([("profile", profile())]))),
    ])
}

fn elevated() -> Shape {
    object([("enabled", flag()), ("allowFrom", map(peers()))])
}

fn exec() -> Shape {
    object([
        ("host", choice(&["auto", "sandbox", "gateway", "node"])),
        ("mode", choice(&["deny", "allowlist", "ask", "auto", "full"])),
        ("security", choice(&["deny", "allowlist", "full"])),
        ("ask", choice(&["off", "on-miss", "always"])),
        ("node", text()),
        ("pathPrepend", texts()),
        ("safeBins", texts()),
        ("safeBinTrustedDirs", texts()),
        ("safeBinProfiles", map(any())),
        ("strictInlineEval", flag()),
        ("backgroundMs", int(1)),
        ("timeoutSec", int(0)),
        ("cleanupMs", int(1)),
        ("notifyOnExit", flag()),
        (
            "applyPatch",
            object([("enabled", flag()), ("allowModels", texts()), ("workspaceOnly", flag())]),
        ),
    ])
}

fn web() -> Shape {
    object([
        (
            "search",
            object([
                ("enabled", flag()),
                ("provider", text()),
                ("apiKey", text()),
                ("maxResults", int_to(1, 10)),
                ("timeoutSeconds", int(1)),
                ("cacheTtlMinutes", int(0)),
                (
                    "perplexity",
                    object([("apiKey", text()), ("baseUrl", text()), ("model", text())]),
                ),
            ])
            // 2026.9 has a block for each of its many providers.
            .others(map(any())),
        ),
        (
            "fetch",
            object([
                ("enabled", flag()),
                ("maxChars", int(1)),
                ("maxCharsCap", int(1)),
                ("timeoutSeconds", int(1)),
                ("cacheTtlMinutes", int(0)),
                ("maxRedirects", int(0)),
                ("userAgent", text()),
                ("readability", flag()),
                ("firecrawl", map(any())),
            ]),
        ),
    ])
}

fn message() -> Shape {
    object([
        ("allowCrossContextSend", flag()),
        (
            "crossContext",
            object([
                ("allowWithinProvider", flag()),
                ("allowAcrossProviders", flag()),
                ("marker", object([("enabled", flag()), ("prefix", text()), ("suffix", text())])),
            ]),
        ),
        ("broadcast", switch()),
    ])
}

fn loop_detection() -> Shape {
    object([
        ("enabled", flag()),
        ("historySize", int(1)),
        ("warningThreshold", int(1)),
        ("criticalThreshold", int(1)),
        ("globalCircuitBreakerThreshold", int(1)),
        ("detectors", map(any())),
    ])
}
