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
}

impl Principal {
    /// Whether it may do what `scope` stands for. Nodes may not.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.role == Role::Operator && scope::covers(&self.scopes, scope.as_str())
    }

    /// Whether it is this device.
    pub(crate) fn is_device(&self, id: &str) -> bool {
        self.device.as_ref().is_some_and(|device| device.as_str() == id)
    }
}
