//! What a principal may do, by name. Which name covers which is `policy`'s to say.

use serde::{Deserialize, Serialize};

/// A right that methods and events ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Read methods.
    #[serde(rename = "operator.read")]
    Read,
    /// Write methods, and all that [`Scope::Read`] gives.
    #[serde(rename = "operator.write")]
    Write,
    /// Everything.
    #[serde(rename = "operator.admin")]
    Admin,
    /// Exec approvals.
    #[serde(rename = "operator.approvals")]
    Approvals,
    /// Pairing of devices and nodes.
    #[serde(rename = "operator.pairing")]
    Pairing,
    /// Questions of agents.
    #[serde(rename = "operator.questions")]
    Questions,
    /// Speech.
    #[serde(rename = "operator.talk")]
    Talk,
    /// Secrets of speech services.
    #[serde(rename = "operator.talk.secrets")]
    TalkSecrets,
}

impl Scope {
    /// Those that clients of this project ask for, in their order.
    pub const OPERATOR: [Self; 5] =
        [Self::Admin, Self::Read, Self::Write, Self::Approvals, Self::Pairing];

    /// The name on the wire.
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
        }
    }
}
