//! The questions about the gateway's place and about channels as people read them.

use super::{
    Wizard,
    wording::{NONE, Row},
};
use crate::{
    facts::Token,
    language::Text,
    question::{Ask, Choice, Kind, Question},
};

const BINDS: [Row; 5] = [
    (
        "loopback",
        Text("This machine only", "仅本机"),
        Text("127.0.0.1; safest", "127.0.0.1；最安全"),
    ),
    (
        "lan",
        Text("The local network", "局域网"),
        Text("0.0.0.0; clients need the token", "0.0.0.0；客户端需要令牌"),
    ),
    ("tailnet", Text("The Tailscale network", "Tailscale 网络"), NONE),
    ("auto", Text("This machine, else the local network", "优先本机，否则局域网"), NONE),
    ("custom", Text("One address", "指定地址"), NONE),
];
const AUTHS: [Row; 2] = [
    ("token", Text("Token", "令牌"), Text("recommended", "推荐")),
    ("password", Text("Password", "密码"), NONE),
];
const CHANNELS: [Row; 3] = [
    (
        "telegram",
        Text("Telegram", "Telegram"),
        Text("needs the token of a bot from @BotFather", "需要 @BotFather 的机器人令牌"),
    ),
    ("discord", Text("Discord", "Discord"), Text("needs the token of a bot", "需要机器人令牌")),
    (
        "whatsapp",
        Text("WhatsApp", "WhatsApp"),
        Text("linked later by a QR code", "稍后用二维码关联"),
    ),
];
const POLICIES: [Row; 4] = [
    (
        "pairing",
        Text("Strangers get a code that you approve", "陌生人需要你批准配对码"),
        Text("recommended", "推荐"),
    ),
    (
        "allowlist",
        Text("Only people on a list", "仅限名单中的人"),
        Text("channels.<name>.allowFrom", "channels.<名称>.allowFrom"),
    ),
    (
        "open",
        Text("Everybody", "所有人"),
        Text("anyone may spend your money", "任何人都可能花你的钱"),
    ),
    ("disabled", Text("Nobody", "任何人都不行"), NONE),
];

impl Wizard {
    pub(super) fn gateway_question(&self, ask: Ask) -> Question {
        let auth = self.facts().text("/gateway/auth/mode").unwrap_or("token");
        #[expect(clippy::wildcard_enum_match_arm, reason = "only questions of this part come here")]
        let (title, message, kind) = match ask {
            Ask::Port => (
                Text("Port of the gateway", "网关端口"),
                NONE,
                Kind::Text { initial: self.facts().port().to_string(), placeholder: String::new() },
            ),
            Ask::Bind => {
                let present = self.facts().text("/gateway/bind").unwrap_or("loopback");
                (
                    Text("Who can reach the gateway?", "谁可以访问网关？"),
                    NONE,
                    self.one_of(&BINDS, present),
                )
            }
            Ask::Host => (
                Text("Address to listen on", "监听地址"),
                NONE,
                self.line_of("/gateway/customBindHost", "", "192.168.1.10"),
            ),
            Ask::Auth => (
                Text("How do clients prove themselves?", "客户端如何认证？"),
                NONE,
                self.one_of(&AUTHS, if auth == "password" { auth } else { "token" }),
            ),
            Ask::Password => {
                let optional = self.facts().text("/gateway/auth/password").is_some();
                (Text("Password of the gateway", "网关密码"), NONE, Kind::Secret { optional })
            }
            _ => {
                let message = match self.facts().token() {
                    Token::Kept => {
                        Text("Empty: the configured one stays.", "留空：沿用已配置的令牌。")
                    }
                    Token::Given(_) | Token::Variable(_) => Text(
                        "Empty: that of OPENCLAW_GATEWAY_TOKEN.",
                        "留空：使用 OPENCLAW_GATEWAY_TOKEN。",
                    ),
                    Token::Fresh(_) => Text("Empty: a new one is made.", "留空：自动生成。"),
                };
                (Text("Token of the gateway", "网关令牌"), message, Kind::Secret { optional: true })
            }
        };
        self.asks(ask, title, message, kind)
    }

    pub(super) fn channel_question(&self, ask: Ask) -> Question {
        let keeps = Text("Empty: the configured one stays.", "留空：沿用已配置的令牌。");
        let token = |pointer: &str, how: Text| {
            let has = self.has_token(pointer);
            (if has { keeps } else { how }, Kind::Secret { optional: has })
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "only questions of this part come here")]
        let (title, message, kind) = match ask {
            Ask::Channels => {
                let choices = self.choices(&CHANNELS);
                let has = |it: &&Choice| {
                    self.facts().written.pointer(&format!("/channels/{}", it.value)).is_some()
                };
                let initial = choices.iter().filter(has).map(|it| it.value.clone()).collect();
                (
                    Text("Where do you want to write to your assistant?", "想在哪里与助手对话？"),
                    Text(
                        "Space chooses, Enter goes on. None is fine: the Control UI always works.\n\
                         This build keeps these settings for the version that brings the channels.",
                        "空格选择，回车继续。可以不选：控制台界面始终可用。\n\
                         本版本只保存这些设置，频道功能将在后续版本提供。",
                    ),
                    Kind::Many { choices, initial },
                )
            }
            Ask::TelegramToken => {
                let how = Text(
                    "Write /newbot to @BotFather and paste the token here.",
                    "向 @BotFather 发送 /newbot，并把令牌粘贴到这里。",
                );
                let (message, kind) = token("/channels/telegram/botToken", how);
                (Text("Token of the Telegram bot", "Telegram 机器人令牌"), message, kind)
            }
            Ask::DiscordToken => {
                let how = Text(
                    "Developer portal → your app → Bot → Reset Token; turn on the message content intent.",
                    "开发者门户 → 应用 → Bot → Reset Token；并开启 Message Content Intent。",
                );
                let (message, kind) = token("/channels/discord/token", how);
                (Text("Token of the Discord bot", "Discord 机器人令牌"), message, kind)
            }
            Ask::WhatsApp => (
                Text("WhatsApp", "WhatsApp"),
                Text(
                    "It is linked by a QR code once this build has the channel; the setting is kept until then.",
                    "待本版本支持该频道后通过二维码关联，此设置会先保存。",
                ),
                Kind::Note,
            ),
            _ => (
                Text("Who may write to it in private?", "谁可以私聊它？"),
                NONE,
                self.one_of(&POLICIES, "pairing"),
            ),
        };
        self.asks(ask, title, message, kind)
    }
}
