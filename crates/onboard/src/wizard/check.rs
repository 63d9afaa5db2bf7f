//! Whether an answer will do, and what a failed check of a key leads to.

use std::net::IpAddr;

use super::{Wizard, applies::KEEP};
use crate::{
    flags::{check_gateway_url, check_http_url},
    language::Text,
    offer::SKIP,
    question::{Answer, Ask, Question},
};

const REQUIRED: Text = Text("please type something", "请输入内容");
const NO_PORT: Text = Text("a port is a number from 1 to 65535", "端口是 1 到 65535 之间的数字");
const NO_ADDRESS: Text =
    Text("please type an IP address, such as 192.168.1.10", "请输入 IP 地址，例如 192.168.1.10");
const NO_SPACES: Text =
    Text("there is a blank in the middle; was too much pasted?", "中间有空格，是否多粘贴了内容？");
const NO_VARIABLE: Text =
    Text("`${` would be taken for a variable; please leave it out", "`${` 会被当作变量，请去掉");
const NO_GATEWAY: Text =
    Text("an address begins with ws:// or wss://", "地址应以 ws:// 或 wss:// 开头");
const NO_SERVER: Text =
    Text("an address begins with http:// or https://", "地址应以 http:// 或 https:// 开头");

/// What a person can do about a key that did not pass.
pub(super) const RETRY: &str = "retry";
pub(super) const OTHER_KEY: &str = "key";
pub(super) const OTHER_ADDRESS: &str = "address";
pub(super) const OTHER_MODEL: &str = "model";
pub(super) const OTHER_PROVIDER: &str = "provider";

impl Wizard {
    pub(super) fn check_answer(&self, question: &Question, answer: &Answer) -> Result<(), String> {
        match answer {
            Answer::Text(text) => check_text(question.ask, text).map_err(|it| self.say(it)),
            Answer::Secret(secret) => {
                let text = secret.expose();
                if text.is_empty() && !Self::is_optional(&question.kind) {
                    return Err(self.say(REQUIRED));
                }
                if text.contains(char::is_whitespace) && question.ask != Ask::Password {
                    return Err(self.say(NO_SPACES));
                }
                if text.contains("${") {
                    return Err(self.say(NO_VARIABLE));
                }
                Ok(())
            }
            Answer::Seen | Answer::Yes(_) | Answer::One(_) | Answer::Many(_) => Ok(()),
        }
    }

    /// Takes away what the person wants to answer anew.
    pub(super) fn act_on_failure(&mut self, answer: Answer) {
        let Answer::One(action) = &answer else { return };
        match action.as_str() {
            RETRY => self.forget(&[]),
            OTHER_KEY => self.forget(&[Ask::KeySource, Ask::Key]),
            OTHER_ADDRESS => self.forget(&[Ask::BaseUrl]),
            OTHER_MODEL => self.forget(&[Ask::Model, Ask::ModelName]),
            OTHER_PROVIDER => self.forget(&MODEL_ASKS),
            SKIP => {
                self.forget(&MODEL_ASKS);
                self.answers.insert(Ask::Provider, Answer::One(SKIP.to_owned()));
            }
            KEEP => {
                self.answers.insert(Ask::CheckFailed, answer);
            }
            _ => {}
        }
    }
}

const MODEL_ASKS: [Ask; 8] = [
    Ask::Provider,
    Ask::BaseUrl,
    Ask::Dialect,
    Ask::KeySource,
    Ask::Key,
    Ask::Model,
    Ask::ModelName,
    Ask::CheckFailed,
];

fn check_text(ask: Ask, text: &str) -> Result<(), Text> {
    if text.is_empty() {
        return Err(REQUIRED);
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "any text will do for the others")]
    let will_do = match ask {
        Ask::Port if !text.parse::<u16>().is_ok_and(|port| port > 0) => Err(NO_PORT),
        Ask::Host if text.parse::<IpAddr>().is_err() => Err(NO_ADDRESS),
        Ask::RemoteUrl => check_gateway_url(text).map_err(|_| NO_GATEWAY),
        Ask::BaseUrl => check_http_url(text).map_err(|_| NO_SERVER),
        _ => Ok(()),
    };
    // The config would take this for a variable.
    let is_variable = text.contains("${");
    if is_variable { Err(NO_VARIABLE) } else { will_do }
}
