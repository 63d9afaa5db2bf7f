//! May this command of this node be called?

use protocol::{Error, Version};
use serde_json::json;
use store::NodeRecord;

use super::{Live, allowed};
use crate::rpc::RpcError;

/// Refuses a command that the node does not declare, that its platform or the config does not
/// allow, or that nobody approved.
pub(super) fn check(
    command: &str,
    live: &Live,
    record: Option<&NodeRecord>,
    config: &config::Nodes,
) -> Result<(), RpcError> {
    let Some(about) = &live.caller.node else { return Ok(()) };
    let is_declared = about.commands.iter().flatten().any(|it| it == command);
    let reason = if !allowed::is_allowed(command, &about.client.platform, config) {
        "command not allowlisted"
    } else if !is_declared {
        "command not declared by node"
    } else if !is_approved(command, live, record) {
        "command not approved (openclaw nodes approve)"
    } else {
        return Ok(());
    };
    let details = json!({ "reason": reason, "command": command });
    Err(Error::invalid("node command not allowed").with_details(details).into())
}

/// The commands that may be called now.
pub(super) fn callable(
    live: &Live,
    record: Option<&NodeRecord>,
    config: &config::Nodes,
) -> Vec<String> {
    let declared = live.caller.node.iter().flat_map(|about| about.commands.iter().flatten());
    let mut commands: Vec<String> =
        declared.filter(|it| check(it, live, record, config).is_ok()).cloned().collect();
    commands.sort();
    commands.dedup();
    commands
}

/// A node of version 3 was approved as a device, and that was all there was.
pub(super) fn is_approved(command: &str, live: &Live, record: Option<&NodeRecord>) -> bool {
    live.caller.version < Version::V4
        || record.is_some_and(|record| {
            record.approved_at_ms.is_some() && record.commands.iter().any(|it| it == command)
        })
}
