//! What a principal may do, by name.

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
}

impl Scope {
    /// All of them, in the order clients ask for them.
    pub const ALL: [Self; 5] =
        [Self::Admin, Self::Read, Self::Write, Self::Approvals, Self::Pairing];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "operator.read",
            Self::Write => "operator.write",
            Self::Admin => "operator.admin",
            Self::Approvals => "operator.approvals",
            Self::Pairing => "operator.pairing",
        }
    }

    /// Whether someone who holds `held` has this scope.
    pub fn is_granted_by<S: AsRef<str>>(self, held: &[S]) -> bool {
        held.iter().any(|name| {
            let name = name.as_ref();
            name == Self::Admin.as_str()
                || name == self.as_str()
                || (self == Self::Read && name == Self::Write.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admin_has_every_scope_and_write_has_read() {
        let held = |names: &[Scope], asked: Scope| {
            let names: Vec<&str> = names.iter().map(|scope| scope.as_str()).collect();
            asked.is_granted_by(&names)
        };

        for scope in Scope::ALL {
            assert!(held(&[Scope::Admin], scope));
            assert!(held(&[scope], scope));
            assert!(!held(&[], scope));
        }
        assert!(held(&[Scope::Write], Scope::Read));
        assert!(!held(&[Scope::Read], Scope::Write));
        assert!(!held(&[Scope::Write], Scope::Admin));
    }
}
