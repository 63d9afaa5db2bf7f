//! The questions as people read them: which is where, and those of the start and the end.
//!
//! Those about models are [`super::texts`]'s, those about gateway and channels [`super::places`]'s.

use super::{Wizard, applies::KEEP};
use crate::{
    language::Text,
    question::{Ask, Choice, Kind, Question},
};

/// Value, label and hint of a choice.
pub(super) type Row = (&'static str, Text, Text);

pub(super) const NONE: Text = Text("", "");
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
        match ask {
            Ask::Risk
            | Ask::Existing
            | Ask::ResetScope
            | Ask::Flow
            | Ask::Mode
            | Ask::RemoteUrl
            | Ask::RemoteToken
            | Ask::Workspace => self.start_question(ask),
            Ask::Provider
            | Ask::BaseUrl
            | Ask::Dialect
            | Ask::KeySource
            | Ask::Key
            | Ask::Model
            | Ask::ModelName
            | Ask::CheckFailed => self.model_question(ask),
            Ask::Port | Ask::Bind | Ask::Host | Ask::Auth | Ask::Token | Ask::Password => {
                self.gateway_question(ask)
            }
            Ask::Channels
            | Ask::TelegramToken
            | Ask::DiscordToken
            | Ask::WhatsApp
            | Ask::DmPolicy => self.channel_question(ask),
            Ask::WebKey | Ask::NodeManager | Ask::Daemon => self.odd_question(ask),
            Ask::Confirm => Question {
                ask,
                title: self.say(Text("All set?", "确认设置？")),
                message: self.summary(),
                kind: self.one_of(&CONFIRMS, "write"),
            },
        }
    }

    fn start_question(&self, ask: Ask) -> Question {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only questions of the start come here")]
        let (title, message, kind) = match ask {
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
            _ => (
                Text("Workspace", "工作区"),
                Text(
                    "The directory in which the agent keeps its notes and works.",
                    "智能体存放笔记和工作的目录。",
                ),
                Kind::Text { initial: self.facts().workspace(), placeholder: String::new() },
            ),
        };
        self.asks(ask, title, message, kind)
    }

    fn odd_question(&self, ask: Ask) -> Question {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only three questions come here")]
        let (title, message, kind) = match ask {
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
            _ => (
                Text("Service", "服务"),
                Text(
                    "This build manages no service of the gateway. Run `openclaw gateway run` under systemd, \
                     launchd or a container, which starts it again when it ends.",
                    "本版本不管理网关的系统服务。请用 systemd、launchd 或容器运行 `openclaw gateway run`，以便自动重启。",
                ),
                Kind::Note,
            ),
        };
        self.asks(ask, title, message, kind)
    }

    /// A question in the person's language.
    pub(super) fn asks(&self, ask: Ask, title: Text, message: Text, kind: Kind) -> Question {
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
    pub(super) fn line_of(&self, pointer: &str, default: &str, placeholder: &str) -> Kind {
        Kind::Text {
            initial: self.facts().text(pointer).unwrap_or(default).to_owned(),
            placeholder: placeholder.to_owned(),
        }
    }
}
