//! Who a connection turned out to be: role, scopes, device.
//!
//! A method names the role and the scope that it asks for (`Method::ROLE`, `Method::SCOPE`) and
//! the router asks here before the method is reached. What covers what is `policy`'s to say. A
//! method whose answer depends on who asks looks at `cx.caller.principal` itself.

use domain::DeviceId;
use domain::Scope;
use policy::scope::{self, Role};

use super::Proof;

/// Who a connection turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// What it is. A node has no scopes.
    pub(crate) role: Role,
    /// What it may do, in the order it asked.
    pub(crate) scopes: Vec<String>,
    /// The device whose signature it brought.
    pub(crate) device: Option<DeviceId>,
    /// How it proved itself.
    pub(crate) proof: Proof,
    /// Why it was given none of the scopes that it asked for.
    pub(crate) unscoped: Option<Unscoped>,
}

/// Why a client that proved itself has no scopes. A shared secret that travels between machines
/// does not tell who holds it, so in version 4 only a device, or a proxy that vouches, brings scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unscoped {
    /// It came through a proxy, from wherever, and brought no device.
    Proxied,
    /// It came from another machine and brought no device.
    Far,
}

impl Unscoped {
    /// What to do about it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::Proxied => {
                "behind a proxy (X-Forwarded-For) a client without a device identity has no scopes: \
                 pair a device, connect without the proxy, or let the proxy vouch for its users \
                 (gateway.auth.mode \"trusted-proxy\")"
            }
            Self::Far => {
                "from another machine a client without a device identity has no scopes: pair a device"
            }
        }
    }
}

impl Principal {
    /// The refusal of what needs `scope`, with the reason if it was not asked for in vain.
    pub(crate) fn refusal(&self, scope: Scope) -> protocol::Error {
        let mut error = protocol::Error::missing_scope(scope);
        if let Some(unscoped) = self.unscoped {
            error.message = format!("{} ({})", error.message, unscoped.advice());
        }
        error
    }

    /// Whether it may do what `scope` stands for. Nodes may not.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.role == Role::Operator && scope::covers(&self.scopes, scope.as_str())
    }

    /// Whether it is this device.
    pub(crate) fn is_device(&self, id: &str) -> bool {
        self.device.as_ref().is_some_and(|device| device.as_str() == id)
    }
}
