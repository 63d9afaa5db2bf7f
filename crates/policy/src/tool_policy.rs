//! Which tools a session has: layers of allow and deny lists.

/// The layers of one session, in order.
#[derive(Clone, Debug, Default)]
pub struct Policy {}
