//! The top level, and the sections that are only a few keys.

use super::{
    Shape, agents, any, automation, channels, choice, flag, gateway, int, int_to, list, map, media,
    memory, messages, models, number_to, object, one_of, text, texts, tools,
};

pub(super) fn shape() -> Shape {
    object([
        ("meta", object([("lastTouchedVersion", text()), ("lastTouchedAt", text())])),
        ("env", env()),
        ("wizard", wizard()),
        ("diagnostics", diagnostics()),
        ("logging", logging()),
        (
            "update",
            object([
                ("channel", choice(&["stable", "extended-stable", "beta", "dev"])),
                ("checkOnStart", flag()),
            ]),
        ),
        ("browser", automation::browser()),
        (
            "ui",
            object([
                ("seamColor", text()),
                ("assistant", object([("name", text()), ("avatar", text())])),
            ]),
        ),
        ("auth", models::auth()),
        ("models", models::models()),
        (
            "nodeHost",
            object([("browserProxy", object([("enabled", flag()), ("allowProfiles", texts())]))]),
        ),
        ("agents", agents::agents()),
        ("tools", tools::global()),
        ("bindings", list(agents::binding())),
        (
            "broadcast",
            object([("strategy", choice(&["parallel", "sequential"]))])
                .others(one_of([texts(), any()])),
        ),
        (
            "audio",
            object([("transcription", object([("command", texts()), ("timeoutSeconds", int(1))]))]),
        ),
        ("media", object([("preserveFilenames", flag())])),
        ("messages", messages::messages()),
        ("commands", messages::commands()),
        ("approvals", automation::approvals()),
        ("session", messages::session()),
        ("cron", automation::cron()),
        ("hooks", automation::hooks()),
        ("web", automation::web()),
        ("channels", channels::channels()),
        (
            "discovery",
            object([
                ("mdns", object([("mode", choice(&["off", "minimal", "full"]))])),
                ("wideArea", object([("enabled", flag())])),
            ]),
        ),
        ("canvasHost", canvas_host()),
        ("talk", media::talk()),
        ("gateway", gateway::gateway()),
        ("memory", memory::memory()),
        ("skills", automation::skills()),
        ("plugins", automation::plugins()),
        ("secrets", secrets()),
        ("mcp", object([("servers", map(mcp_server()))]).open()),
    ])
}

fn canvas_host() -> Shape {
    object([
        ("enabled", flag()),
        ("root", text()),
        ("port", int_to(1, 65535)),
        ("liveReload", flag()),
    ])
}

/// Where references to secrets lead; `crate::secret_refs` reads them.
fn secrets() -> Shape {
    let provider = object([
        ("source", choice(&["env", "file", "exec", "store"])),
        ("path", text()),
        ("mode", choice(&["json", "singleValue"])),
        ("maxBytes", int(1)),
        ("allowlist", texts()),
    ])
    .required(&["source"])
    .open();
    let defaults = object([("env", text()), ("file", text()), ("exec", text()), ("store", text())]);
    object([("providers", map(provider)), ("defaults", defaults)]).open()
}

fn env() -> Shape {
    object([
        ("vars", map(text())),
        ("shellEnv", object([("enabled", flag()), ("timeoutMs", int(0))])),
    ])
    .others(text())
}

fn wizard() -> Shape {
    object([
        ("lastRunAt", text()),
        ("lastRunVersion", text()),
        ("lastRunCommit", text()),
        ("lastRunCommand", text()),
        ("lastRunMode", choice(&["local", "remote"])),
    ])
}

fn diagnostics() -> Shape {
    object([
        ("enabled", flag()),
        ("flags", texts()),
        (
            "otel",
            object([
                ("enabled", flag()),
                ("endpoint", text()),
                ("protocol", choice(&["http/protobuf", "grpc"])),
                ("headers", map(text())),
                ("serviceName", text()),
                ("traces", flag()),
                ("metrics", flag()),
                ("logs", flag()),
                ("sampleRate", number_to(0.0, 1.0)),
                ("flushIntervalMs", int(0)),
            ]),
        ),
        (
            "cacheTrace",
            object([
                ("enabled", flag()),
                ("filePath", text()),
                ("includeMessages", flag()),
                ("includePrompt", flag()),
                ("includeSystem", flag()),
            ]),
        ),
    ])
}

const LEVELS: &[&str] = &["silent", "fatal", "error", "warn", "info", "debug", "trace"];

fn logging() -> Shape {
    object([
        ("level", choice(LEVELS)),
        ("file", text()),
        ("consoleLevel", choice(LEVELS)),
        ("consoleStyle", choice(&["pretty", "compact", "json"])),
        ("redactSensitive", choice(&["off", "tools"])),
        ("redactPatterns", texts()),
        ("audit", any()),
    ])
}

fn mcp_server() -> Shape {
    object([
        ("command", text()),
        ("args", texts()),
        ("env", map(text())),
        ("cwd", text()),
        ("url", text()),
        ("headers", map(text())),
        ("transport", text()),
        ("enabled", flag()),
    ])
    .open()
}
