//! Which conversation a method means, which message of it, and whether it is still the one the
//! client saw.

use std::sync::Arc;

use domain::{AgentId, EntryId, SessionKey};
use store::{SessionEntry, Spot};

use super::{Cx, RpcError};

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

/// The conversation that a client names, which must be there.
pub(super) fn existing(
    cx: &Cx,
    session_key: &str,
    agent_id: Option<&str>,
) -> Result<(SessionKey, Arc<SessionEntry>), RpcError> {
    let key = cx.gateway.session_key(session_key, agent_of(agent_id).as_ref());
    match cx.gateway.sessions_of(&key).get(&key) {
        Some(entry) => Ok((key, entry)),
        None => Err(no_session()),
    }
}

/// A message of a conversation, which must be there.
pub(super) async fn spot(
    cx: &Cx,
    key: &SessionKey,
    entry: &SessionEntry,
    id: &str,
) -> Result<Spot, RpcError> {
    let spot = cx.gateway.sessions_of(key).spot(entry, EntryId::new(id)).await?;
    spot.ok_or_else(|| RpcError::invalid(format!("entry not found: {id}")))
}

/// There is no such conversation.
pub(super) fn no_session() -> RpcError {
    RpcError::invalid("session not found")
}
