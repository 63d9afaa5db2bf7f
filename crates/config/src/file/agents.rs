//! `agents` and `bindings`.

use super::{
    Shape, any, choice, duration, flag, int, list, map, memory, model_choice, number_to, object,
    one_of, positive, sandbox, text, texts, tools,
};

/// Thinking levels of both generations.
const THINKING: &[&str] =
    &["off", "minimal", "low", "medium", "high", "xhigh", "adaptive", "max", "ultra"];

pub(super) const TYPING: &[&str] = &["never", "instant", "thinking", "message"];

pub(super) fn agents() -> Shape {
    object([
        ("defaults", defaults()),
        ("list", list(agent().with([("id", text()), ("default", flag())]).required(&["id"]))),
        ("entries", map(agent())),
        ("ownership", any()),
    ])
}

fn defaults() -> Shape {
    object([
        ("model", model_choice()),
        ("imageModel", model_choice()),
        ("models", map(catalogue_entry())),
        ("workspace", text()),
        ("repoRoot", text()),
        ("skipBootstrap", flag()),
        ("bootstrapMaxChars", int(1)),
        ("userTimezone", text()),
        ("timeFormat", choice(&["auto", "12", "24"])),
        ("envelopeTimezone", text()),
        ("envelopeTimestamp", choice(&["on", "off"])),
        ("envelopeElapsed", choice(&["on", "off"])),
        ("contextTokens", int(1)),
        ("cliBackends", map(cli_backend())),
        ("memorySearch", memory::search()),
        ("contextPruning", context_pruning()),
        ("compaction", compaction()),
        ("thinkingDefault", choice(THINKING)),
        ("verboseDefault", choice(&["off", "on", "full"])),
        ("elevatedDefault", choice(&["off", "on", "ask", "full"])),
        ("blockStreamingDefault", choice(&["on", "off"])),
        ("blockStreamingBreak", choice(&["text_end", "message_end"])),
        ("blockStreamingChunk", chunk()),
        ("blockStreamingCoalesce", coalesce()),
        ("humanDelay", human_delay()),
        ("timeoutSeconds", int(1)),
        ("mediaMaxMb", positive()),
        ("typingMode", choice(TYPING)),
        ("typingIntervalSeconds", int(1)),
        ("heartbeat", heartbeat()),
        ("maxConcurrent", int(1)),
        (
            "subagents",
            object([
                ("maxConcurrent", int(1)),
                ("archiveAfterMinutes", int(0)),
                ("model", model_choice()),
                ("thinking", text()),
                ("runTimeoutSeconds", int(0)),
                ("maxSpawnDepth", int(0)),
            ]),
        ),
        ("sandbox", sandbox::sandbox()),
    ])
}

fn agent() -> Shape {
    object([
        ("name", text()),
        ("workspace", text()),
        ("agentDir", text()),
        ("model", model_choice()),
        ("skills", texts()),
        ("memorySearch", memory::search()),
        ("humanDelay", human_delay()),
        ("heartbeat", heartbeat()),
        ("identity", identity()),
        ("groupChat", object([("mentionPatterns", texts()), ("historyLimit", int(1))])),
        (
            "subagents",
            object([("allowAgents", texts()), ("model", model_choice()), ("thinking", text())]),
        ),
        ("sandbox", sandbox::sandbox()),
        ("tools", tools::of_agent()),
    ])
}

pub(super) fn identity() -> Shape {
    object([("name", text()), ("theme", text()), ("emoji", text()), ("avatar", text())])
}

fn catalogue_entry() -> Shape {
    object([("alias", text()), ("params", map(any())), ("streaming", flag())])
}

pub(super) fn binding() -> Shape {
    let peer = object([("kind", choice(&["dm", "direct", "group", "channel"])), ("id", text())])
        .required(&["kind", "id"]);
    let matched = object([
        ("channel", text()),
        ("accountId", text()),
        ("peer", peer),
        ("guildId", text()),
        ("teamId", text()),
        ("roles", texts()),
    ])
    .required(&["channel"]);
    object([
        ("agentId", text()),
        ("match", matched),
        ("type", choice(&["route", "acp"])),
        ("comment", text()),
        ("acp", any()),
        ("session", any()),
    ])
    .required(&["agentId", "match"])
}

fn cli_backend() -> Shape {
    object([
        ("command", text()),
        ("args", texts()),
        ("output", choice(&["json", "text", "jsonl"])),
        ("resumeOutput", choice(&["json", "text", "jsonl"])),
        ("input", choice(&["arg", "stdin"])),
        ("maxPromptArgChars", int(1)),
        ("env", map(text())),
        ("clearEnv", texts()),
        ("modelArg", text()),
        ("modelAliases", map(text())),
        ("sessionArg", text()),
        ("sessionArgs", texts()),
        ("resumeArgs", texts()),
        ("sessionMode", choice(&["always", "existing", "none"])),
        ("sessionIdFields", texts()),
        ("systemPromptArg", text()),
        ("systemPromptMode", choice(&["append", "replace"])),
        ("systemPromptWhen", choice(&["first", "always", "never"])),
        ("imageArg", text()),
        ("imageMode", choice(&["repeat", "list"])),
        ("serialize", flag()),
    ])
    .required(&["command"])
}

fn context_pruning() -> Shape {
    object([
        ("mode", choice(&["off", "cache-ttl"])),
        ("ttl", duration()),
        ("keepLastAssistants", int(0)),
        ("softTrimRatio", number_to(0.0, 1.0)),
        ("hardClearRatio", number_to(0.0, 1.0)),
        ("minPrunableToolChars", int(0)),
        ("tools", object([("allow", texts()), ("deny", texts())])),
        ("softTrim", object([("maxChars", int(0)), ("headChars", int(0)), ("tailChars", int(0))])),
        ("hardClear", object([("enabled", flag()), ("placeholder", text())])),
    ])
}

fn compaction() -> Shape {
    object([
        ("mode", choice(&["default", "safeguard"])),
        ("reserveTokensFloor", int(0)),
        ("reserveTokens", int(0)),
        ("keepRecentTokens", int(0)),
        ("maxHistoryShare", number_to(0.1, 0.9)),
        (
            "memoryFlush",
            object([
                ("enabled", flag()),
                ("softThresholdTokens", int(0)),
                ("prompt", text()),
                ("systemPrompt", text()),
                ("forceFlushTranscriptBytes", one_of([int(0), text()])),
            ]),
        ),
        ("maxActiveTranscriptBytes", one_of([int(0), text()])),
    ])
}

pub(super) fn chunk() -> Shape {
    object([
        ("minChars", int(1)),
        ("maxChars", int(1)),
        ("breakPreference", choice(&["paragraph", "newline", "sentence"])),
    ])
}

pub(super) fn coalesce() -> Shape {
    object([("minChars", int(1)), ("maxChars", int(1)), ("idleMs", int(0))])
}

fn human_delay() -> Shape {
    object([("mode", choice(&["off", "natural", "custom"])), ("minMs", int(0)), ("maxMs", int(0))])
}

fn heartbeat() -> Shape {
    object([
        ("every", duration()),
        ("activeHours", object([("start", text()), ("end", text()), ("timezone", text())])),
        ("model", text()),
        ("session", text()),
        ("target", text()),
        ("to", text()),
        ("accountId", text()),
        ("prompt", text()),
        ("includeReasoning", flag()),
        ("ackMaxChars", int(0)),
    ])
}
