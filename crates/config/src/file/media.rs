//! Speech: `messages.tts` and `talk`; and the media blocks of `tools.media`.

use super::{
    Shape, any, choice, flag, int, int_to, list, map, number, object, send_policy, text, texts,
};

pub(super) fn tts() -> Shape {
    object([
        ("auto", choice(&["off", "always", "inbound", "tagged"])),
        ("mode", choice(&["final", "all"])),
        ("provider", text()),
        ("summaryModel", text()),
        ("modelOverrides", map(any())),
        (
            "elevenlabs",
            object([
                ("apiKey", text()),
                ("baseUrl", text()),
                ("voiceId", text()),
                ("modelId", text()),
                ("seed", int(0)),
                ("applyTextNormalization", choice(&["auto", "on", "off"])),
                ("languageCode", text()),
                (
                    "voiceSettings",
                    object([
                        ("stability", number()),
                        ("similarityBoost", number()),
                        ("style", number()),
                        ("useSpeakerBoost", flag()),
                        ("speed", number()),
                    ]),
                ),
            ]),
        ),
        (
            "openai",
            object([("apiKey", text()), ("model", text()), ("voice", text()), ("baseUrl", text())]),
        ),
        (
            "edge",
            object([
                ("enabled", flag()),
                ("voice", text()),
                ("lang", text()),
                ("outputFormat", text()),
                ("pitch", text()),
                ("rate", text()),
                ("volume", text()),
                ("saveSubtitles", flag()),
                ("proxy", text()),
                ("timeoutMs", int_to(1000, 120_000)),
            ]),
        ),
        ("providers", map(map(any()))),
        ("prefsPath", text()),
        ("maxTextLength", int(1)),
        ("timeoutMs", int_to(1000, 120_000)),
    ])
}

pub(super) fn talk() -> Shape {
    object([
        ("voiceId", text()),
        ("voiceAliases", map(text())),
        ("modelId", text()),
        ("outputFormat", text()),
        ("apiKey", text()),
        ("interruptOnSpeech", flag()),
        ("provider", text()),
        ("providers", map(map(any()))),
        ("realtime", map(any())),
    ])
}

/// `tools.media`.
pub(super) fn understanding() -> Shape {
    object([
        ("models", list(model())),
        ("concurrency", int(1)),
        ("image", kind()),
        ("audio", kind()),
        ("video", kind()),
    ])
}

fn kind() -> Shape {
    object([
        ("enabled", flag()),
        ("prompt", text()),
        ("maxChars", int(1)),
        ("maxBytes", int(1)),
        ("timeoutSeconds", int(1)),
        ("language", text()),
        ("providerOptions", map(any())),
        ("deepgram", map(any())),
        ("baseUrl", text()),
        ("headers", map(text())),
        (
            "attachments",
            object([
                ("mode", choice(&["first", "all"])),
                ("maxAttachments", int(1)),
                ("prefer", choice(&["first", "last", "path", "url"])),
            ]),
        ),
        ("scope", send_policy()),
        ("models", list(model())),
    ])
}

fn model() -> Shape {
    object([
        ("type", choice(&["provider", "cli"])),
        ("provider", text()),
        ("model", text()),
        ("profile", text()),
        ("preferredProfile", text()),
        ("capabilities", list(choice(&["image", "audio", "video"]))),
        ("command", text()),
        ("args", texts()),
        ("prompt", text()),
        ("maxChars", int(1)),
        ("maxBytes", int(1)),
        ("timeoutSeconds", int(1)),
        ("language", text()),
        ("providerOptions", map(any())),
        ("deepgram", map(any())),
        ("baseUrl", text()),
        ("headers", map(text())),
    ])
}
