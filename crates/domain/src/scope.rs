//! What an operator may do, by name. Which name covers which is `policy`'s to say.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A right that methods and events ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Look.
    #[serde(rename = "operator.read")]
    Read,
    /// Look and act.
    #[serde(rename = "operator.write")]
    Write,
    /// Everything.
    #[serde(rename = "operator.admin")]
    Admin,
    /// Answer exec approvals.
    #[serde(rename = "operator.approvals")]
    Approvals,
    /// Pair devices and nodes.
    #[serde(rename = "operator.pairing")]
    Pairing,
    /// Answer questions of agents.
    #[serde(rename = "operator.questions")]
    Questions,
    /// Speak.
    #[serde(rename = "operator.talk")]
    Talk,
    /// See the secrets of speech services.
    #[serde(rename = "operator.talk.secrets")]
    TalkSecrets,
    /// Look at sessions only.
    #[serde(rename = "operator.sessions.read")]
    SessionsRead,
    /// Change sessions only.
    #[serde(rename = "operator.sessions.write")]
    SessionsWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Write,
        Self::Admin,
        Self::Approvals,
        Self::Pairing,
        Self::Questions,
        Self::Talk,
        Self::TalkSecrets,
        Self::SessionsRead,
        Self::SessionsWrite,
    ];

    /// Those that clients of this project ask for, in their order.
    pub const OPERATOR: [Self; 5] =
        [Self::Admin, Self::Read, Self::Write, Self::Approvals, Self::Pairing];

    /// Reads a scope of the wire; `None` when it is unknown, which grants nothing.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    /// The scope on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "operator.read",
            Self::Write => "operator.write",
            Self::Admin => "operator.admin",
            Self::Approvals => "operator.approvals",
            Self::Pairing => "operator.pairing",
            Self::Questions => "operator.questions",
            Self::Talk => "operator.talk",
            Self::TalkSecrets => "operator.talk.secrets",
            Self::SessionsRead => "operator.sessions.read",
            Self::SessionsWrite => "operator.sessions.write",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_back_as_they_are_written() {
        for scope in Scope::ALL {
            let written = serde_json::to_value(scope).unwrap();
            assert_eq!(written, scope.as_str());
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("operator.root"), None);
    }
}
