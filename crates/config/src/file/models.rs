//! `models` and `auth`.

use super::{Shape, choice, flag, int, list, map, number_to, object, positive, text, texts};

const APIS: &[&str] = &[
    "openai-completions",
    "openai-responses",
    "anthropic-messages",
    "google-generative-ai",
    "github-copilot",
    "bedrock-converse-stream",
    // Since 2026.3 and later.
    "ollama",
    "azure-openai-responses",
    "openai-chatgpt-responses",
    "google-vertex",
    "pi-messages",
];

pub(super) fn models() -> Shape {
    object([
        ("mode", choice(&["merge", "replace"])),
        ("providers", map(provider())),
        (
            "bedrockDiscovery",
            object([
                ("enabled", flag()),
                ("region", text()),
                ("providerFilter", texts()),
                ("refreshInterval", int(0)),
                ("defaultContextWindow", int(1)),
                ("defaultMaxTokens", int(1)),
            ]),
        ),
    ])
}

fn provider() -> Shape {
    object([
        ("baseUrl", text()),
        ("apiKey", text()),
        ("auth", choice(&["api-key", "aws-sdk", "oauth", "token"])),
        ("api", choice(APIS)),
        ("headers", map(text())),
        ("authHeader", flag()),
        ("stream", flag()),
        ("streaming", flag()),
        ("models", list(model())),
    ])
}

fn model() -> Shape {
    let price = || number_to(0.0, f64::INFINITY);
    object([
        ("id", text()),
        ("name", text()),
        ("api", choice(APIS)),
        ("reasoning", flag()),
        ("input", list(choice(&["text", "image", "video", "audio"]))),
        (
            "cost",
            object([
                ("input", price()),
                ("output", price()),
                ("cacheRead", price()),
                ("cacheWrite", price()),
            ]),
        ),
        ("contextWindow", int(1)),
        ("maxTokens", int(1)),
        ("headers", map(text())),
        ("stream", flag()),
        ("streaming", flag()),
        (
            "compat",
            object([
                ("supportsStore", flag()),
                ("supportsDeveloperRole", flag()),
                ("supportsReasoningEffort", flag()),
                ("maxTokensField", choice(&["max_completion_tokens", "max_tokens"])),
            ]),
        ),
    ])
    .required(&["id", "name"])
}

pub(super) fn auth() -> Shape {
    let profile = object([
        ("provider", text()),
        ("mode", choice(&["api_key", "aws-sdk", "oauth", "token"])),
        ("email", text()),
    ])
    .required(&["provider", "mode"]);
    object([
        ("profiles", map(profile)),
        ("order", map(texts())),
        (
            "cooldowns",
            object([
                ("billingBackoffHours", positive()),
                ("billingBackoffHoursByProvider", map(positive())),
                ("billingMaxHours", positive()),
                ("failureWindowHours", positive()),
            ]),
        ),
    ])
}
