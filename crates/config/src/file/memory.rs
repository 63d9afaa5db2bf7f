//! `memory` and the `memorySearch` blocks of agents.

use super::{
    Shape, any, choice, duration, flag, int, int_to, list, map, number_to, object, one_of,
    send_policy, text,
};

pub(super) fn search() -> Shape {
    object([
        ("enabled", flag()),
        ("sources", list(choice(&["memory", "sessions"]))),
        ("extraPaths", list(one_of([text(), any()]))),
        ("experimental", object([("sessionMemory", flag())])),
        ("provider", text()),
        ("fallback", text()),
        ("model", text()),
        (
            "remote",
            object([
                ("baseUrl", text()),
                ("apiKey", text()),
                ("headers", map(text())),
                (
                    "batch",
                    object([
                        ("enabled", flag()),
                        ("wait", flag()),
                        ("concurrency", int(1)),
                        ("pollIntervalMs", int(0)),
                        ("timeoutMinutes", int(1)),
                    ]),
                ),
            ]),
        ),
        ("local", object([("modelPath", text()), ("modelCacheDir", text())])),
        (
            "store",
            object([
                ("driver", choice(&["sqlite"])),
                ("path", text()),
                ("vector", object([("enabled", flag()), ("extensionPath", text())])),
            ]),
        ),
        ("chunking", object([("tokens", int(1)), ("overlap", int(0))])),
        (
            "sync",
            object([
                ("onSessionStart", flag()),
                ("onSearch", flag()),
                ("watch", flag()),
                ("watchDebounceMs", int(0)),
                ("intervalMinutes", int(0)),
                ("sessions", object([("deltaBytes", int(0)), ("deltaMessages", int(0))])),
            ]),
        ),
        (
            "query",
            object([
                ("maxResults", int(1)),
                ("minScore", number_to(0.0, 1.0)),
                (
                    "hybrid",
                    object([
                        ("enabled", flag()),
                        ("vectorWeight", number_to(0.0, 1.0)),
                        ("textWeight", number_to(0.0, 1.0)),
                        ("candidateMultiplier", int_to(1, 20)),
                    ]),
                ),
            ]),
        ),
        ("cache", object([("enabled", flag()), ("maxEntries", int(1))])),
    ])
}

pub(super) fn memory() -> Shape {
    object([
        ("backend", choice(&["builtin", "qmd"])),
        ("citations", choice(&["auto", "on", "off"])),
        (
            "qmd",
            object([
                ("command", text()),
                ("includeDefaultMemory", flag()),
                (
                    "paths",
                    list(
                        object([("path", text()), ("name", text()), ("pattern", text())])
                            .required(&["path"]),
                    ),
                ),
                (
                    "sessions",
                    object([("enabled", flag()), ("exportDir", text()), ("retentionDays", int(0))]),
                ),
                (
                    "update",
                    object([
                        ("interval", duration()),
                        ("debounceMs", int(0)),
                        ("onBoot", flag()),
                        ("embedInterval", duration()),
                    ]),
                ),
                (
                    "limits",
                    object([
                        ("maxResults", int(1)),
                        ("maxSnippetChars", int(1)),
                        ("maxInjectedChars", int(1)),
                        ("timeoutMs", int(0)),
                    ]),
                ),
                ("scope", send_policy()),
            ]),
        ),
    ])
}
