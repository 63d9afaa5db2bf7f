//! Which conversation a changing method means, and whether it is still the one the client saw.

use domain::AgentId;
use store::SessionEntry;

use super::RpcError;

/// The agent that a client names beside the key.
pub(super) fn agent_of(id: Option<&str>) -> Option<AgentId> {
    id.map(str::trim).filter(|id| !id.is_empty()).map(AgentId::normalise)
}

/// Refuses a change that was meant for another session id.
pub(super) fn check_session(
    entry: Option<&SessionEntry>,
    expected: Option<&str>,
) -> Result<(), RpcError> {
    let present = entry.map(|entry| entry.session_id.as_str());
    if expected.is_none() || expected == present {
        return Ok(());
    }
    Err(RpcError::invalid("session changed since last load; re-run sessions.list and retry"))
}
