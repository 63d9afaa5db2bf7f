//! One question, its kinds of answer, and reading an answer that came from elsewhere.
//!
//! Data: how it looks is the terminal's or a client's business.

use domain::Secret;
use serde_json::Value;

/// Everything that may be asked, in the order in which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named after what it asks")]
pub enum Ask {
    Risk,
    Existing,
    ResetScope,
    Flow,
    Mode,
    RemoteUrl,
    RemoteToken,
    Workspace,
    Provider,
    BaseUrl,
    Dialect,
    KeySource,
    Key,
    Model,
    ModelName,
    CheckFailed,
    Port,
    Bind,
    Host,
    Auth,
    Token,
    Password,
    Channels,
    TelegramToken,
    DiscordToken,
    WhatsApp,
    DmPolicy,
    WebKey,
    NodeManager,
    Daemon,
    Confirm,
}

impl Ask {
    /// All of them, in order.
    pub const ALL: [Self; 31] = [
        Self::Risk,
        Self::Existing,
        Self::ResetScope,
        Self::Flow,
        Self::Mode,
        Self::RemoteUrl,
        Self::RemoteToken,
        Self::Workspace,
        Self::Provider,
        Self::BaseUrl,
        Self::Dialect,
        Self::KeySource,
        Self::Key,
        Self::Model,
        Self::ModelName,
        Self::CheckFailed,
        Self::Port,
        Self::Bind,
        Self::Host,
        Self::Auth,
        Self::Token,
        Self::Password,
        Self::Channels,
        Self::TelegramToken,
        Self::DiscordToken,
        Self::WhatsApp,
        Self::DmPolicy,
        Self::WebKey,
        Self::NodeManager,
        Self::Daemon,
        Self::Confirm,
    ];
}

/// A question to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Which one.
    pub ask: Ask,
    /// A line.
    pub title: String,
    /// A short explanation; may be empty.
    pub message: String,
    /// How it is answered.
    pub kind: Kind,
}

/// How a question is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By having read it.
    Note,
    /// By yes or no.
    Confirm {
        /// What a mere Enter means.
        initial: bool,
    },
    /// By one of these.
    One {
        /// To choose from.
        choices: Vec<Choice>,
        /// The value that is chosen at first.
        initial: String,
    },
    /// By any of these.
    Many {
        /// To choose from.
        choices: Vec<Choice>,
        /// The values that are chosen at first.
        initial: Vec<String>,
    },
    /// By a line of text.
    Text {
        /// What stands there at first.
        initial: String,
        /// What shows while nothing stands there.
        placeholder: String,
    },
    /// By something that nobody should see.
    Secret {
        /// Whether nothing will do.
        optional: bool,
    },
}

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the answer says.
    pub value: String,
    /// What people read.
    pub label: String,
    /// A word about it; may be empty.
    pub hint: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It was read.
    Seen,
    /// Yes or no.
    Yes(bool),
    /// The value of one choice.
    One(String),
    /// The values of some choices.
    Many(Vec<String>),
    /// A line of text.
    Text(String),
    /// Something that nobody should see.
    Secret(Secret),
}

impl Kind {
    /// Reads an answer that a client sent; nothing stands for the initial one.
    pub fn read(&self, value: Option<&Value>) -> Option<Answer> {
        let text = || match value {
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(value) => value.as_str().map(str::to_owned),
            None => None,
        };
        let value = value.filter(|value| !value.is_null());
        match self {
            Self::Note => Some(Answer::Seen),
            Self::Confirm { initial } => match value {
                None => Some(Answer::Yes(*initial)),
                Some(value) => value.as_bool().map(Answer::Yes),
            },
            Self::One { initial, .. } => match value {
                None => Some(Answer::One(initial.clone())),
                Some(_) => text().map(Answer::One),
            },
            Self::Many { initial, .. } => match value {
                None => Some(Answer::Many(initial.clone())),
                Some(Value::Array(items)) => items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect::<Option<_>>()
                    .map(Answer::Many),
                Some(_) => None,
            },
            Self::Text { initial, .. } => match value {
                None => Some(Answer::Text(initial.clone())),
                Some(_) => text().map(Answer::Text),
            },
            Self::Secret { .. } => match value {
                None => Some(Answer::Secret(Secret::new(""))),
                Some(_) => text().map(|it| Answer::Secret(Secret::new(it))),
            },
        }
    }

    /// Whether `answer` is of this kind, and one of the choices where there are some.
    pub(crate) fn takes(&self, answer: &Answer) -> bool {
        let knows =
            |choices: &[Choice], value: &String| choices.iter().any(|it| it.value == *value);
        match (self, answer) {
            (Self::Note, Answer::Seen)
            | (Self::Confirm { .. }, Answer::Yes(_))
            | (Self::Text { .. }, Answer::Text(_))
            | (Self::Secret { .. }, Answer::Secret(_)) => true,
            (Self::One { choices, .. }, Answer::One(value)) => knows(choices, value),
            (Self::Many { choices, .. }, Answer::Many(values)) => {
                values.iter().all(|value| knows(choices, value))
            }
            _ => false,
        }
    }
}
