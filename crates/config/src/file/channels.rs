//! `channels`: the common keys, and what each chat service adds.

use super::{
    Shape, agents, any, choice, flag, int, int_to, list, map, messages, number_to, object, one_of,
    peers, port, positive, text, texts, tool_lists,
};

/// Channels with a table here.
pub(crate) const CORE: [&str; 9] = [
    "telegram",
    "whatsapp",
    "discord",
    "slack",
    "signal",
    "imessage",
    "googlechat",
    "msteams",
    "bluebubbles",
];

/// Channels whose keys are their plugin's own business.
pub(crate) const EXTENSIONS: [&str; 10] = [
    "mattermost",
    "nextcloud-talk",
    "matrix",
    "line",
    "zalo",
    "zalouser",
    "tlon",
    "twitch",
    "nostr",
    "feishu",
];

pub(super) fn channels() -> Shape {
    let group_policy = || choice(&["open", "disabled", "allowlist"]);
    object([
        ("defaults", object([("groupPolicy", group_policy()), ("heartbeat", visibility())])),
        ("telegram", with_accounts(telegram)),
        ("whatsapp", with_accounts(whatsapp)),
        ("discord", with_accounts(discord)),
        ("slack", with_accounts(slack)),
        ("signal", with_accounts(signal)),
        ("imessage", with_accounts(imessage)),
        ("googlechat", with_accounts(googlechat).with([("defaultAccount", text())])),
        ("msteams", with_accounts(msteams)),
        ("bluebubbles", with_accounts(bluebubbles)),
        ("mattermost", map(any())),
        ("nextcloud-talk", map(any())),
        ("matrix", map(any())),
        ("line", map(any())),
        ("zalo", map(any())),
        ("zalouser", map(any())),
        ("tlon", map(any())),
        ("twitch", map(any())),
        ("nostr", map(any())),
        ("feishu", map(any())),
    ])
}

/// The channel's keys, and again for each account.
fn with_accounts(keys: fn() -> Shape) -> Shape {
    keys().with([("accounts", map(keys()))])
}

fn visibility() -> Shape {
    object([("showOk", flag()), ("showAlerts", flag()), ("useIndicator", flag())])
}

fn common() -> Shape {
    object([
        ("enabled", flag()),
        ("name", text()),
        ("markdown", object([("tables", choice(&["off", "bullets", "code", "block"]))])),
        ("configWrites", flag()),
        ("dmPolicy", dm_policy()),
        ("allowFrom", peers()),
        ("groupAllowFrom", peers()),
        ("groupPolicy", choice(&["open", "disabled", "allowlist"])),
        ("historyLimit", int(0)),
        ("dmHistoryLimit", int(0)),
        ("dms", map(object([("historyLimit", int(0))]))),
        ("textChunkLimit", int(1)),
        ("chunkMode", choice(&["length", "newline"])),
        ("blockStreaming", flag()),
        ("blockStreamingCoalesce", agents::coalesce()),
        ("mediaMaxMb", positive()),
        ("heartbeat", visibility()),
        ("responsePrefix", text()),
    ])
}

fn dm_policy() -> Shape {
    choice(&["pairing", "allowlist", "open", "disabled"])
}

fn reply_mode() -> Shape {
    choice(&["off", "first", "all", "batched"])
}

fn notifications() -> Shape {
    choice(&["off", "own", "all", "allowlist"])
}

fn reaction_level() -> Shape {
    choice(&["off", "ack", "minimal", "extensive"])
}

fn actions() -> Shape {
    map(flag())
}

fn native_commands() -> Shape {
    object([("native", messages::auto()), ("nativeSkills", messages::auto())])
}

fn retry() -> Shape {
    object([
        ("attempts", int(1)),
        ("minDelayMs", int(0)),
        ("maxDelayMs", int(0)),
        ("jitter", number_to(0.0, 1.0)),
    ])
}

/// Settings of one group, keyed by its id or `*`.
fn group() -> Shape {
    object([
        ("requireMention", flag()),
        ("tools", tool_lists()),
        ("toolsBySender", map(tool_lists())),
    ])
}

fn telegram() -> Shape {
    let place = || {
        object([
            ("requireMention", flag()),
            ("groupPolicy", choice(&["open", "disabled", "allowlist"])),
            ("skills", texts()),
            ("enabled", flag()),
            ("allowFrom", peers()),
            ("systemPrompt", text()),
        ])
    };
    let groups = place().with([
        ("tools", tool_lists()),
        ("toolsBySender", map(tool_lists())),
        ("topics", map(place())),
    ]);
    let buttons = choice(&["off", "dm", "group", "all", "allowlist"]);
    let command = object([("command", text()), ("description", text())])
        .required(&["command", "description"]);
    common().with([
        ("capabilities", one_of([texts(), object([("inlineButtons", buttons)])])),
        ("botToken", text()),
        ("tokenFile", text()),
        ("replyToMode", reply_mode()),
        ("groups", map(groups)),
        ("customCommands", list(command)),
        ("commands", native_commands()),
        ("streamMode", choice(&["off", "partial", "block"])),
        ("draftChunk", agents::chunk()),
        ("timeoutSeconds", int(1)),
        ("retry", retry()),
        ("network", object([("autoSelectFamily", flag())])),
        ("proxy", text()),
        ("webhookUrl", text()),
        ("webhookSecret", text()),
        ("webhookPath", text()),
        ("actions", actions()),
        ("reactionNotifications", choice(&["off", "own", "all"])),
        ("reactionLevel", reaction_level()),
        ("linkPreview", flag()),
    ])
}

fn whatsapp() -> Shape {
    common().with([
        ("capabilities", texts()),
        ("messagePrefix", text()),
        ("selfChatMode", flag()),
        ("sendReadReceipts", flag()),
        ("authDir", text()),
        ("groups", map(group())),
        (
            "ackReaction",
            object([
                ("emoji", text()),
                ("direct", flag()),
                ("group", choice(&["always", "mentions", "never"])),
            ]),
        ),
        ("debounceMs", int(0)),
        ("actions", actions()),
    ])
}

fn discord() -> Shape {
    let channel = object([
        ("allow", flag()),
        ("enabled", flag()),
        ("requireMention", flag()),
        ("tools", tool_lists()),
        ("toolsBySender", map(tool_lists())),
        ("skills", texts()),
        ("users", peers()),
        ("systemPrompt", text()),
        ("includeThreadStarter", flag()),
        ("autoThread", flag()),
    ]);
    let guild = group().with([
        ("slug", text()),
        ("reactionNotifications", notifications()),
        ("users", peers()),
        ("channels", map(channel)),
    ]);
    common().with([
        ("capabilities", texts()),
        ("token", text()),
        ("allowBots", one_of([flag(), choice(&["mentions"])])),
        ("maxLinesPerMessage", int(1)),
        ("commands", native_commands()),
        ("retry", retry()),
        ("actions", actions()),
        ("replyToMode", reply_mode()),
        ("dm", direct()),
        ("guilds", map(guild)),
        (
            "execApprovals",
            object([
                ("enabled", one_of([flag(), choice(&["auto"])])),
                ("approvers", peers()),
                ("agentFilter", texts()),
                ("sessionFilter", texts()),
            ]),
        ),
        ("intents", object([("presence", flag()), ("guildMembers", flag())])),
        ("pluralkit", object([("enabled", flag()), ("token", text())])),
    ])
}

/// `dm` of Discord, Slack and Google Chat.
fn direct() -> Shape {
    object([
        ("enabled", flag()),
        ("policy", dm_policy()),
        ("allowFrom", peers()),
        ("groupEnabled", flag()),
        ("groupChannels", peers()),
        ("replyToMode", reply_mode()),
    ])
}

fn slack() -> Shape {
    let channel = group().with([
        ("enabled", flag()),
        ("allow", flag()),
        ("allowBots", one_of([flag(), choice(&["mentions"])])),
        ("users", peers()),
        ("skills", texts()),
        ("systemPrompt", text()),
    ]);
    common().with([
        ("capabilities", texts()),
        ("mode", choice(&["socket", "http", "relay"])),
        ("botToken", text()),
        ("appToken", text()),
        ("userToken", text()),
        ("userTokenReadOnly", flag()),
        ("signingSecret", text()),
        ("webhookPath", text()),
        ("commands", native_commands()),
        ("allowBots", one_of([flag(), choice(&["mentions"])])),
        ("requireMention", flag()),
        ("reactionNotifications", notifications()),
        ("reactionAllowlist", peers()),
        ("replyToMode", reply_mode()),
        (
            "replyToModeByChatType",
            object([("direct", reply_mode()), ("group", reply_mode()), ("channel", reply_mode())]),
        ),
        (
            "thread",
            object([("historyScope", choice(&["thread", "channel"])), ("inheritParent", flag())]),
        ),
        ("actions", actions()),
        (
            "slashCommand",
            object([
                ("enabled", flag()),
                ("name", text()),
                ("sessionPrefix", text()),
                ("ephemeral", flag()),
            ]),
        ),
        ("dm", direct()),
        ("channels", map(channel)),
    ])
}

fn signal() -> Shape {
    common().with([
        ("capabilities", texts()),
        ("account", text()),
        ("httpUrl", text()),
        ("httpHost", text()),
        ("httpPort", port()),
        ("cliPath", text()),
        ("autoStart", flag()),
        ("startupTimeoutMs", int_to(1000, 120_000)),
        ("receiveMode", choice(&["on-start", "manual"])),
        ("ignoreAttachments", flag()),
        ("ignoreStories", flag()),
        ("sendReadReceipts", flag()),
        ("reactionNotifications", notifications()),
        ("reactionAllowlist", peers()),
        ("reactionLevel", reaction_level()),
        ("actions", actions()),
    ])
}

fn imessage() -> Shape {
    common().with([
        ("capabilities", texts()),
        ("cliPath", text()),
        ("dbPath", text()),
        ("remoteHost", text()),
        ("service", choice(&["imessage", "sms", "auto"])),
        ("region", text()),
        ("includeAttachments", flag()),
        ("groups", map(group())),
    ])
}

fn googlechat() -> Shape {
    let space = group().with([
        ("enabled", flag()),
        ("allow", flag()),
        ("users", peers()),
        ("systemPrompt", text()),
    ]);
    common().with([
        ("capabilities", texts()),
        ("allowBots", one_of([flag(), choice(&["mentions"])])),
        ("requireMention", flag()),
        ("replyToMode", reply_mode()),
        ("serviceAccount", one_of([text(), map(any())])),
        ("serviceAccountFile", text()),
        ("audienceType", choice(&["app-url", "project-number"])),
        ("audience", text()),
        ("webhookPath", text()),
        ("webhookUrl", text()),
        ("botUser", text()),
        ("groups", map(space)),
        ("dm", direct()),
        ("actions", actions()),
        ("typingIndicator", choice(&["none", "message", "reaction"])),
    ])
}

fn msteams() -> Shape {
    let style = || choice(&["thread", "top-level"]);
    let channel = group().with([("replyStyle", style())]);
    let team = group().with([("replyStyle", style()), ("channels", map(channel))]);
    common().open().with([
        ("capabilities", texts()),
        ("appId", text()),
        ("appPassword", text()),
        ("tenantId", text()),
        ("webhook", object([("port", port()), ("path", text())])),
        ("requireMention", flag()),
        ("replyStyle", style()),
        ("teams", map(team)),
    ])
}

fn bluebubbles() -> Shape {
    common().open().with([("capabilities", texts()), ("groups", map(group()))])
}
