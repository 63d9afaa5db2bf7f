//! What acts without a message: `cron`, `hooks`, `approvals`, `web`, `browser`, `skills`,
//! `plugins`.

use super::{
    Shape, any, choice, flag, int, list, map, number_to, object, one_of, port, text, texts,
};

pub(super) fn approvals() -> Shape {
    let target = object([
        ("channel", text()),
        ("to", text()),
        ("accountId", text()),
        ("threadId", one_of([text(), int(0)])),
    ])
    .required(&["channel", "to"]);
    object([(
        "exec",
        object([
            ("enabled", flag()),
            ("mode", choice(&["session", "targets", "both"])),
            ("agentFilter", texts()),
            ("sessionFilter", texts()),
            ("targets", list(target)),
        ]),
    )])
}

pub(super) fn cron() -> Shape {
    object([("enabled", flag()), ("store", text()), ("maxConcurrentRuns", int(1))])
}

pub(super) fn hooks() -> Shape {
    object([
        ("enabled", flag()),
        ("path", text()),
        ("token", text()),
        ("maxBodyBytes", int(1)),
        ("presets", texts()),
        ("transformsDir", text()),
        ("mappings", list(mapping())),
        ("gmail", gmail()),
        (
            "internal",
            object([
                ("enabled", flag()),
                (
                    "handlers",
                    list(
                        object([("event", text()), ("module", text()), ("export", text())])
                            .required(&["event", "module"]),
                    ),
                ),
                ("entries", map(object([("enabled", flag()), ("env", map(text()))]).open())),
                ("load", object([("extraDirs", texts())])),
                ("installs", map(any())),
            ]),
        ),
    ])
}

fn mapping() -> Shape {
    object([
        ("id", text()),
        ("match", object([("path", text()), ("source", text())]).open()),
        ("action", choice(&["wake", "agent"])),
        ("wakeMode", choice(&["now", "next-heartbeat"])),
        ("name", text()),
        ("sessionKey", text()),
        ("messageTemplate", text()),
        ("textTemplate", text()),
        ("deliver", flag()),
        ("allowUnsafeExternalContent", flag()),
        ("channel", text()),
        ("to", text()),
        ("model", text()),
        ("thinking", text()),
        ("timeoutSeconds", int(1)),
        ("transform", object([("module", text()), ("export", text())]).required(&["module"])),
    ])
}

fn gmail() -> Shape {
    object([
        ("account", text()),
        ("label", text()),
        ("topic", text()),
        ("subscription", text()),
        ("pushToken", text()),
        ("hookUrl", text()),
        ("includeBody", flag()),
        ("maxBytes", int(1)),
        ("renewEveryMinutes", int(1)),
        ("serve", object([("bind", text()), ("port", port()), ("path", text())])),
        (
            "tailscale",
            object([
                ("mode", choice(&["off", "serve", "funnel"])),
                ("path", text()),
                ("target", text()),
            ]),
        ),
        ("model", text()),
        ("thinking", text()),
        ("allowUnsafeExternalContent", flag()),
    ])
}

pub(super) fn web() -> Shape {
    object([
        ("enabled", flag()),
        ("heartbeatSeconds", int(1)),
        (
            "reconnect",
            object([
                ("initialMs", int(1)),
                ("maxMs", int(1)),
                ("factor", number_to(1.0, 100.0)),
                ("jitter", number_to(0.0, 1.0)),
                ("maxAttempts", int(0)),
            ]),
        ),
    ])
}

pub(super) fn browser() -> Shape {
    let profile = object([
        ("cdpPort", port()),
        ("cdpUrl", text()),
        ("driver", choice(&["clawd", "extension", "openclaw", "existing-session"])),
        ("color", text()),
        ("attachOnly", flag()),
        ("executablePath", text()),
        ("headless", flag()),
        ("mcpArgs", texts()),
        ("mcpCommand", text()),
        ("userDataDir", text()),
    ]);
    object([
        ("enabled", flag()),
        ("evaluateEnabled", flag()),
        ("defaultProfile", text()),
        ("profiles", map(profile)),
        ("cdpUrl", text()),
        ("color", text()),
        ("executablePath", text()),
        ("headless", flag()),
        ("noSandbox", flag()),
        ("attachOnly", flag()),
        ("remoteCdpTimeoutMs", int(0)),
        ("remoteCdpHandshakeTimeoutMs", int(0)),
        ("snapshotDefaults", object([("mode", choice(&["efficient"]))])),
    ])
}

pub(super) fn skills() -> Shape {
    object([
        ("allowBundled", texts()),
        ("load", object([("extraDirs", texts()), ("watch", flag()), ("watchDebounceMs", int(0))])),
        (
            "install",
            object([
                ("preferBrew", flag()),
                ("nodeManager", choice(&["npm", "pnpm", "yarn", "bun"])),
            ]),
        ),
        (
            "entries",
            map(object([
                ("enabled", flag()),
                ("apiKey", text()),
                ("env", map(text())),
                ("config", map(any())),
            ])),
        ),
    ])
}

pub(super) fn plugins() -> Shape {
    object([
        ("enabled", flag()),
        ("allow", texts()),
        ("deny", texts()),
        ("load", object([("paths", texts())])),
        ("slots", object([("memory", text())])),
        ("entries", map(object([("enabled", flag()), ("config", map(any()))]))),
        (
            "installs",
            map(object([
                ("source", choice(&["npm", "archive", "path"])),
                ("spec", text()),
                ("sourcePath", text()),
                ("installPath", text()),
                ("version", text()),
                ("installedAt", text()),
            ])
            .open()),
        ),
    ])
}
