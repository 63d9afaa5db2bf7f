//! What a connection may do: roles, and which operator scope covers which.

use domain::Scope;

/// What a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// A person's client, or a program that acts for one.
    #[default]
    Operator,
    /// A device that lends its abilities.
    Node,
}

impl Role {
    /// Reads a role of the wire.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "operator" => Some(Self::Operator),
            "node" => Some(Self::Node),
            _ => None,
        }
    }

    /// The role on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Node => "node",
        }
    }
}

/// Whether `scopes` grant `needed`: admin covers all, write covers read.
pub fn permits(scopes: &[Scope], needed: Scope) -> bool {
    scopes.iter().any(|&scope| {
        scope == Scope::Admin || scope == needed || (scope == Scope::Write && needed == Scope::Read)
    })
}

/// Whether the names `held` grant `wanted`. A name that nobody knows is granted by itself and
/// by admin.
pub fn covers<S: AsRef<str>>(held: &[S], wanted: &str) -> bool {
    if held.iter().any(|name| name.as_ref() == wanted) {
        return true;
    }
    let known: Vec<Scope> = held.iter().filter_map(|name| Scope::parse(name.as_ref())).collect();
    match Scope::parse(wanted) {
        Some(wanted) => permits(&known, wanted),
        None => known.contains(&Scope::Admin),
    }
}

/// Those of `wanted` that the names `held` do not grant.
pub fn uncovered<S: AsRef<str>>(held: &[S], wanted: &[String]) -> Vec<String> {
    wanted.iter().filter(|name| !covers(held, name)).cloned().collect()
}

/// The scopes of a connection that sent `sent`, in that order and each once.
///
/// An operator of protocol 3 that sends none is an admin; from protocol 4 on it gets none.
/// A node never has operator scopes.
pub fn granted(role: Role, protocol: u32, sent: &[String]) -> Vec<String> {
    match (role, sent) {
        (Role::Node, _) => Vec::new(),
        (Role::Operator, []) if protocol <= 3 => vec![Scope::Admin.as_str().to_owned()],
        (Role::Operator, sent) => {
            let mut scopes: Vec<String> = Vec::with_capacity(sent.len());
            for name in sent {
                if !scopes.contains(name) {
                    scopes.push(name.clone());
                }
            }
            scopes
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample};

    use super::*;

    #[test]
    fn admin_covers_all_and_write_covers_read_alone() {
        for needed in Scope::ALL {
            assert!(permits(&[Scope::Admin], needed), "{needed}");
            assert!(!permits(&[], needed), "{needed}");
            assert_eq!(
                permits(&[Scope::Write], needed),
                matches!(needed, Scope::Write | Scope::Read),
                "{needed}"
            );
        }
    }

    fn names(scopes: &[Scope]) -> Vec<String> {
        scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
    }

    #[test]
    fn only_protocol_3_makes_a_silent_operator_admin() {
        let read = names(&[Scope::Read, Scope::Read]);

        assert_eq!(granted(Role::Operator, 3, &[]), ["operator.admin"]);
        assert_eq!(granted(Role::Operator, 4, &[]), Vec::<String>::new());
        assert_eq!(granted(Role::Operator, 3, &read), ["operator.read"]);
        assert_eq!(granted(Role::Node, 3, &read), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_nobody_knows_is_granted_by_itself_and_by_admin() {
        assert!(covers(&["operator.dance"], "operator.dance"));
        assert!(covers(&["operator.admin"], "operator.dance"));
        assert!(!covers(&["operator.write", "operator.danc"], "operator.dance"));
        let wanted = ["operator.read", "operator.pairing"].map(str::to_owned);
        assert_eq!(uncovered(&["operator.write"], &wanted), ["operator.pairing"]);
    }

    proptest! {
        #[test]
        fn one_more_scope_never_takes_away(
            scopes in prop::collection::vec(sample::select(Scope::ALL.to_vec()), 0..5),
            more in sample::select(Scope::ALL.to_vec()),
            needed in sample::select(Scope::ALL.to_vec()),
        ) {
            let before = permits(&scopes, needed);
            let after = permits(&[scopes, vec![more]].concat(), needed);
            prop_assert!(after || !before);
        }

        #[test]
        fn names_cover_what_their_scopes_permit(
            scopes in prop::collection::vec(sample::select(Scope::ALL.to_vec()), 0..5),
            needed in sample::select(Scope::ALL.to_vec()),
        ) {
            prop_assert_eq!(covers(&names(&scopes), needed.as_str()), permits(&scopes, needed));
        }
    }
}
