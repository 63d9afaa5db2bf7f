//! `messages`, `commands` and `session`.

use super::{
    Shape, agents, choice, flag, int, int_to, map, media, object, one_of, peers, send_policy, text,
    texts,
};

const QUEUE_MODES: &[&str] =
    &["steer", "followup", "collect", "steer-backlog", "steer+backlog", "queue", "interrupt"];

pub(super) fn messages() -> Shape {
    let mode = || choice(QUEUE_MODES);
    object([
        ("responsePrefix", text()),
        ("messagePrefix", text()),
        ("ackReaction", text()),
        (
            "ackReactionScope",
            choice(&["group-mentions", "group-all", "direct", "all", "off", "none"]),
        ),
        ("removeAckAfterReply", flag()),
        ("groupChat", object([("mentionPatterns", texts()), ("historyLimit", int(1))])),
        (
            "queue",
            object([
                ("mode", mode()),
                (
                    "byChannel",
                    object([
                        ("whatsapp", mode()),
                        ("telegram", mode()),
                        ("discord", mode()),
                        ("slack", mode()),
                        ("mattermost", mode()),
                        ("signal", mode()),
                        ("imessage", mode()),
                        ("msteams", mode()),
                        ("webchat", mode()),
                    ]),
                ),
                ("debounceMs", int(0)),
                ("debounceMsByChannel", map(int(0))),
                ("cap", int(1)),
                ("drop", choice(&["old", "new", "summarize"])),
            ]),
        ),
        ("inbound", object([("debounceMs", int(0)), ("byChannel", map(int(0)))])),
        ("tts", media::tts()),
    ])
}

pub(super) fn commands() -> Shape {
    object([
        ("native", auto()),
        ("nativeSkills", auto()),
        ("text", flag()),
        ("bash", flag()),
        ("bashForegroundMs", int_to(0, 30000)),
        ("config", flag()),
        ("debug", flag()),
        ("restart", flag()),
        ("useAccessGroups", flag()),
        ("ownerAllowFrom", peers()),
    ])
}

/// On, off, or as the channel does.
pub(super) fn auto() -> Shape {
    one_of([flag(), choice(&["auto"])])
}

pub(super) fn session() -> Shape {
    object([
        ("scope", choice(&["per-sender", "global"])),
        ("dmScope", choice(&["main", "per-peer", "per-channel-peer", "per-account-channel-peer"])),
        ("identityLinks", map(texts())),
        ("resetTriggers", texts()),
        ("reset", reset()),
        ("resetByType", object([("dm", reset()), ("group", reset()), ("thread", reset())])),
        ("resetByChannel", map(reset())),
        ("idleMinutes", int(1)),
        ("store", text()),
        ("mainKey", text()),
        ("typingMode", choice(agents::TYPING)),
        ("typingIntervalSeconds", int(1)),
        ("sendPolicy", send_policy()),
        ("agentToAgent", object([("maxPingPongTurns", int_to(0, 5))])),
    ])
}

fn reset() -> Shape {
    object([
        ("mode", choice(&["daily", "idle", "none"])),
        ("atHour", int_to(0, 23)),
        ("idleMinutes", int(1)),
    ])
}
