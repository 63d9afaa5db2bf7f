//! The questions about models as people read them, and the summary before anything is written.

use super::{
    Wizard,
    applies::{FROM_ENV, KEEP, OTHER, PRESENT, TYPED},
    check::{OTHER_ADDRESS, OTHER_KEY, OTHER_MODEL, OTHER_PROVIDER, RETRY},
    wording::{NONE, Row},
};
use crate::{
    language::Text,
    offer::{OFFERS, OLLAMA, Proof, SKIP},
    question::{Ask, Choice, Kind, Question},
    setup::{Auth, Target},
};

const DIALECTS: [Row; 2] = [
    (
        "openai",
        Text("OpenAI (chat completions)", "OpenAI（chat completions）"),
        Text("most servers", "大多数服务"),
    ),
    ("anthropic", Text("Anthropic (messages)", "Anthropic（messages）"), NONE),
];
/// Models worth a row of their own beside a provider's default.
const MODELS: [(&str, &str); 9] = [
    ("anthropic", "claude-opus-4-6"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("openai", "gpt-5.2"),
    ("openai", "gpt-5-mini"),
    ("google", "gemini-3-pro-preview"),
    ("google", "gemini-3-flash-preview"),
    ("deepseek", "deepseek-reasoner"),
    ("xai", "grok-code-fast-1"),
];

impl Wizard {
    pub(super) fn model_question(&self, ask: Ask) -> Question {
        let provider = self.offer().map_or(NONE, |offer| offer.label);
        let provider = self.say(provider);
        #[expect(clippy::wildcard_enum_match_arm, reason = "only questions about models come here")]
        let (title, message, kind) = match ask {
            Ask::Provider => (
                self.say(Text("Which model provider?", "使用哪个模型服务商？")),
                String::new(),
                self.providers(),
            ),
            Ask::BaseUrl => (
                self.say(Text("Address of the model server", "模型服务地址")),
                self.say(Text("As a rule it ends in /v1.", "通常以 /v1 结尾。")),
                self.address(),
            ),
            Ask::Dialect => (
                self.say(Text("What does it speak?", "它使用哪种协议？")),
                String::new(),
                self.one_of(&DIALECTS, "openai"),
            ),
            Ask::KeySource => {
                let name = self.key_variable().unwrap_or_default();
                let rows = [
                    (
                        FROM_ENV,
                        Text("Use that one", "使用它"),
                        Text("it is not stored", "不会另行保存"),
                    ),
                    (TYPED, Text("Type another", "输入其他密钥"), NONE),
                ];
                let title = self.say(Text("There is a key in", "环境变量中已有密钥："));
                (format!("{title} {name}"), String::new(), self.one_of(&rows, FROM_ENV))
            }
            Ask::Key => {
                let optional = self.proof() == Some(Proof::AddressAndKey);
                let message = match self.proof() {
                    Some(Proof::Token) => Text(
                        "Run `claude setup-token` elsewhere and paste the token.",
                        "在别处运行 `claude setup-token` 并粘贴令牌。",
                    ),
                    Some(Proof::AddressAndKey) => {
                        Text("Empty if the server asks for none.", "如果服务不需要密钥则留空。")
                    }
                    _ => Text(
                        "It is not shown, and kept in a file that only you can read.",
                        "不会显示，并保存在仅你可读的文件中。",
                    ),
                };
                let title = self.say(Text("Key:", "密钥："));
                (format!("{title} {provider}"), self.say(message), Kind::Secret { optional })
            }
            Ask::Model => {
                (self.say(Text("Which model?", "使用哪个模型？")), String::new(), self.models())
            }
            Ask::ModelName => {
                let kind = Kind::Text {
                    initial: String::new(),
                    placeholder: self.model_hint().to_owned(),
                };
                (self.say(Text("Name of the model", "模型名称")), String::new(), kind)
            }
            _ => return self.failure_question(ask, &provider),
        };
        Question { ask, title, message, kind }
    }

    fn failure_question(&self, ask: Ask, provider: &str) -> Question {
        let title = self.say(Text("The model did not answer:", "模型没有响应："));
        let message = match &self.checked {
            Some(Err(failed)) => {
                format!("{}\n{}", failed.text, failed.advice(self.facts.language))
            }
            Some(Ok(())) | None => String::new(),
        };
        let has_key = self.proof() != Some(Proof::Address);
        let has_address = matches!(self.proof(), Some(Proof::Address | Proof::AddressAndKey));
        let mut rows: Vec<Row> = vec![(RETRY, Text("Try again", "重试"), NONE)];
        if has_key {
            rows.push((OTHER_KEY, Text("Another key", "换一个密钥"), NONE));
        }
        if has_address {
            rows.push((OTHER_ADDRESS, Text("Another address", "换一个地址"), NONE));
        }
        rows.extend([
            (OTHER_MODEL, Text("Another model", "换一个模型"), NONE),
            (KEEP, Text("Keep it as it is", "保持不变"), Text("it may work later", "之后可能可用")),
            (OTHER_PROVIDER, Text("Another provider", "换一个服务商"), NONE),
            (SKIP, Text("Without a model for now", "暂不设置模型"), NONE),
        ]);
        let first = match &self.checked {
            Some(Err(failed)) if failed.reason == "auth" && has_key => OTHER_KEY,
            _ => RETRY,
        };
        Question {
            ask,
            title: format!("{title} {provider}"),
            message,
            kind: self.one_of(&rows, first),
        }
    }

    fn providers(&self) -> Kind {
        let present = self.present_model().map(|(provider, _)| provider.to_owned());
        let mut choices: Vec<Choice> = OFFERS
            .iter()
            .map(|offer| {
                let has_key = offer.variable.is_some_and(|name| self.facts.env.get(name).is_some());
                let hint = offer.variable.filter(|_| has_key).unwrap_or_default();
                Choice {
                    value: offer.choice.to_owned(),
                    label: self.say(offer.label),
                    hint: hint.to_owned(),
                }
            })
            .collect();
        choices.push(Choice {
            value: SKIP.to_owned(),
            label: self.say(Text("Skip for now", "暂时跳过")),
            hint: self.say(Text("the agent cannot answer until then", "在此之前智能体无法回答")),
        });
        let with_key = OFFERS
            .iter()
            .find(|offer| offer.variable.is_some_and(|name| self.facts.env.get(name).is_some()));
        let of_present = OFFERS.iter().find(|offer| Some(offer.provider) == present.as_deref());
        let initial = of_present.or(with_key).map_or(OFFERS[0].choice, |offer| offer.choice);
        Kind::One { choices, initial: initial.to_owned() }
    }

    fn address(&self) -> Kind {
        let provider = self.offer().map_or("", |offer| offer.provider);
        let configured = self.facts().text(&format!("/models/providers/{provider}/baseUrl"));
        // In a container the machine outside has this name.
        let in_container = self.facts.in_container && self.one(Ask::Provider) == Some(OLLAMA);
        let usual = match self.offer().and_then(|offer| offer.base_url) {
            Some(_) if in_container => "http://host.docker.internal:11434/v1",
            Some(usual) => usual,
            None => "",
        };
        let placeholder = "https://models.example.org/v1".to_owned();
        Kind::Text { initial: configured.unwrap_or(usual).to_owned(), placeholder }
    }

    fn model_hint(&self) -> &'static str {
        if self.one(Ask::Provider) == Some(OLLAMA) { "qwen3:8b" } else { "model-name" }
    }

    fn models(&self) -> Kind {
        let offer = self.offer();
        let provider = offer.map_or("", |offer| offer.provider);
        let default = offer.map_or("", |offer| offer.model);
        let row = |value: &str, label: String, hint: Text| Choice {
            value: value.to_owned(),
            label,
            hint: self.say(hint),
        };
        let mut choices = Vec::new();
        let present =
            self.present_model().filter(|(its, model)| *its == provider && *model != default);
        if let Some((_, model)) = present {
            choices.push(row(PRESENT, model.to_owned(), Text("as it is", "保持不变")));
        }
        choices.push(row(default, default.to_owned(), Text("recommended", "推荐")));
        let others = MODELS.iter().filter(|(its, model)| *its == provider && *model != default);
        choices.extend(others.map(|(_, model)| row(model, (*model).to_owned(), NONE)));
        choices.push(row(
            OTHER,
            self.say(Text("Another one", "其他")),
            Text("you type its name", "输入名称"),
        ));
        let initial = choices[0].value.clone();
        Kind::One { choices, initial }
    }

    /// What will be written, for the eye.
    pub(super) fn summary(&self) -> String {
        let setup = self.setup();
        let mut lines: Vec<(Text, String)> = Vec::new();
        match &setup.target {
            Some(Target::Remote { url, .. }) => lines.push((Text("Gateway", "网关"), url.clone())),
            Some(Target::Local) | None => {}
        }
        if let Some(workspace) = &setup.workspace {
            lines.push((Text("Workspace", "工作区"), workspace.clone()));
        }
        if let Some(gateway) = &setup.gateway {
            let auth = match &gateway.auth {
                Auth::Token(_) => Text("token", "令牌"),
                Auth::Password(_) => Text("password", "密码"),
            };
            let text = format!("{}, {}, {}", gateway.bind, gateway.port, self.say(auth));
            lines.push((Text("Gateway", "网关"), text));
        }
        if self.applies(Ask::Provider) {
            let model = setup.model.as_ref().and_then(crate::setup::ModelSetup::reference);
            let none = || self.say(Text("not yet", "尚未设置"));
            lines.push((Text("Model", "模型"), model.unwrap_or_else(none)));
        }
        if self.applies(Ask::Channels) && !self.many(Ask::Channels).is_empty() {
            lines.push((Text("Channels", "频道"), self.many(Ask::Channels).join(", ")));
        }
        lines.push((Text("Files", "文件"), self.facts.state_shown.clone()));
        let line = |(name, value): &(Text, String)| format!("{}: {value}", self.say(*name));
        lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
