//! The questions as people read them: start, gateway, channels. Those about models are
//! [`super::texts`]'s.

use super::{Wizard, applies::KEEP};
use crate::{
    facts::Token,
    language::Text,
    question::{Ask, Choice, Kind, Question},
};

/// Value, label and hint of a choice.
pub(super) type Row = (&'static str, Text, Text);

const NONE: Text = Text("", "");
const FLOWS: [Row; 2] = [
    (
        "quickstart",
        Text("QuickStart", "快速开始"),
        Text(
            "a few questions; details later with `openclaw configure`",
            "只问几个问题；细节稍后用 `openclaw configure` 调整",
        ),
    ),
    (
        "advanced",
        Text("Advanced", "高级"),
        Text("workspace, port, bind, authentication", "工作区、端口、监听、认证"),
    ),
];
const EXISTING: [Row; 3] = [
    (KEEP, Text("Keep it", "保留"), Text("only complete what is missing", "只补全缺少的部分")),
    (
        "modify",
        Text("Change it", "修改"),
        Text("the present values are proposed", "以现有值为默认"),
    ),
    (
        "reset",
        Text("Start anew", "重新开始"),
        Text("the old files are moved away, not deleted", "旧文件会被移走，不会删除"),
    ),
];
const SCOPES: [Row; 3] = [
    ("config", Text("The config", "仅配置"), NONE),
    ("state", Text("Config, credentials and conversations", "配置、凭据和会话"), NONE),
    ("full", Text("All of it, the workspace too", "全部，包括工作区"), NONE),
];
const MODES: [Row; 2] = [
    ("local", Text("On this machine", "在本机"), Text("the gateway runs here", "网关在此运行")),
    (
        "remote",
        Text("On another machine", "在其他机器"),
        Text("this machine only talks to it", "本机只与其通信"),
    ),
];
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
const MANAGERS: [Row; 4] = [
    (KEEP, Text("As it is", "保持不变"), NONE),
    ("npm", Text("npm", "npm"), NONE),
    ("pnpm", Text("pnpm", "pnpm"), NONE),
    ("bun", Text("bun", "bun"), NONE),
];
const CONFIRMS: [Row; 2] = [
    ("write", Text("Write these settings", "写入这些设置"), NONE),
    ("cancel", Text("Leave without writing", "不写入并退出"), NONE),
];

impl Wizard {
    /// The question `ask` as things stand.
    pub(super) fn question(&self, ask: Ask) -> Question {
        let (title, message, kind) = match ask {
            Ask::Provider
            | Ask::BaseUrl
            | Ask::Dialect
            | Ask::KeySource
            | Ask::Key
            | Ask::Model
            | Ask::ModelName
            | Ask::CheckFailed => return self.model_question(ask),
            Ask::Port | Ask::Bind | Ask::Host | Ask::Auth | Ask::Token | Ask::Password => {
                return self.gateway_question(ask);
            }
            Ask::Channels
            | Ask::TelegramToken
            | Ask::DiscordToken
            | Ask::WhatsApp
            | Ask::DmPolicy => {
                return self.channel_question(ask);
            }
            Ask::Risk => (
                Text("I know this. Go on?", "我已了解，继续？"),
                Text(
                    "An agent with tools can read and change files, run commands and send messages \
                     as you. Give it only what you would give a new assistant, keep the gateway \
                     private, and use the sandbox for strangers. More: openclaw.ai/security",
                    "带工具的智能体可以以你的身份读写文件、运行命令、发送消息。只给它你愿意交给新助手的权限，\
                     不要公开网关，对陌生人使用沙箱。详见 openclaw.ai/security",
                ),
                Kind::Confirm { initial: false },
            ),
            Ask::Existing => (
                Text("This machine is already set up", "本机已有配置"),
                NONE,
                self.one_of(&EXISTING, KEEP),
            ),
            Ask::ResetScope => (
                Text("What is moved away?", "移走哪些内容？"),
                Text("It goes to `trash` in the state directory.", "会移到状态目录下的 `trash`。"),
                self.one_of(&SCOPES, "config"),
            ),
            Ask::Flow => (
                Text("How much do you want to decide?", "要决定多少细节？"),
                NONE,
                self.one_of(&FLOWS, "quickstart"),
            ),
            Ask::Mode => (
                Text("Where does the gateway run?", "网关在哪里运行？"),
                NONE,
                self.one_of(&MODES, "local"),
            ),
            Ask::RemoteUrl => (
                Text("Address of the gateway", "网关地址"),
                NONE,
                self.line_of("/gateway/remote/url", "", "wss://gateway.example.org"),
            ),
            Ask::RemoteToken => (
                Text("Token of that gateway", "该网关的令牌"),
                Text(
                    "Empty: none, or the one that is configured.",
                    "留空：不使用，或沿用已配置的。",
                ),
                Kind::Secret { optional: true },
            ),
            Ask::Workspace => (
                Text("Workspace", "工作区"),
                Text(
                    "The directory in which the agent keeps its notes and works.",
                    "智能体存放笔记和工作的目录。",
                ),
                Kind::Text { initial: self.facts().workspace(), placeholder: String::new() },
            ),
            Ask::WebKey => (
                Text("Brave Search API key", "Brave Search API 密钥"),
                Text("For web search. Empty: leave it as it is.", "用于网页搜索。留空则保持不变。"),
                Kind::Secret { optional: true },
            ),
            Ask::NodeManager => (
                Text("Package manager for what skills need", "技能依赖使用的包管理器"),
                NONE,
                self.one_of(&MANAGERS, KEEP),
            ),
            Ask::Daemon => (
                Text("Service", "服务"),
                Text(
                    "This build manages no services. Run `openclaw gateway run` under systemd, \
                     launchd or a container, which starts it again when it ends.",
                    "本版本不管理系统服务。请用 systemd、launchd 或容器运行 `openclaw gateway run`，以便自动重启。",
                ),
                Kind::Note,
            ),
            Ask::Confirm => {
                let kind = self.one_of(&CONFIRMS, "write");
                let title = self.say(Text("All set?", "确认设置？"));
                return Question { ask, title, message: self.summary(), kind };
            }
        };
        Question { ask, title: self.say(title), message: self.say(message), kind }
    }

    fn gateway_question(&self, ask: Ask) -> Question {
        let auth = self.facts().text("/gateway/auth/mode").unwrap_or("token");
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
        Question { ask, title: self.say(title), message: self.say(message), kind }
    }

    fn channel_question(&self, ask: Ask) -> Question {
        let keeps = Text("Empty: the configured one stays.", "留空：沿用已配置的令牌。");
        let token = |pointer: &str, how: Text| {
            let has = self.has_token(pointer);
            (if has { keeps } else { how }, Kind::Secret { optional: has })
        };
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
                        "Space chooses, Enter goes on. None is fine: the Control UI always works.",
                        "空格选择，回车继续。可以不选：控制台界面始终可用。",
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
                    "It is linked by a QR code: `openclaw channels login` when the gateway is set up.",
                    "通过二维码关联：设置完成后运行 `openclaw channels login`。",
                ),
                Kind::Note,
            ),
            _ => (
                Text("Who may write to it in private?", "谁可以私聊它？"),
                NONE,
                self.one_of(&POLICIES, "pairing"),
            ),
        };
        Question { ask, title: self.say(title), message: self.say(message), kind }
    }

    pub(super) fn choices(&self, rows: &[Row]) -> Vec<Choice> {
        rows.iter()
            .map(|(value, label, hint)| Choice {
                value: (*value).to_owned(),
                label: self.say(*label),
                hint: self.say(*hint),
            })
            .collect()
    }

    pub(super) fn one_of(&self, rows: &[Row], initial: &str) -> Kind {
        let initial = rows.iter().find(|row| row.0 == initial).map_or(rows[0].0, |row| row.0);
        Kind::One { choices: self.choices(rows), initial: initial.to_owned() }
    }

    /// A line whose first value is the configured one.
    fn line_of(&self, pointer: &str, default: &str, placeholder: &str) -> Kind {
        Kind::Text {
            initial: self.facts().text(pointer).unwrap_or(default).to_owned(),
            placeholder: placeholder.to_owned(),
        }
    }
}
