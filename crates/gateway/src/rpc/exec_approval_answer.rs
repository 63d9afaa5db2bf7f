//! What the methods of `exec.approval` have in common: how an end and a refusal look.

use protocol::{Code, Error};
use serde::Serialize;
use serde_json::json;

use super::RpcError;
use crate::approvals::{Answered, Unfit};

/// How a question ended.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the wire")]
#[serde(rename_all = "camelCase")]
pub(super) struct Decision {
    id: String,
    /// Null when nobody answered in time.
    decision: Option<&'static str>,
    created_at_ms: i64,
    expires_at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_by: Option<String>,
}

pub(super) fn decision(answered: Answered) -> Decision {
    Decision {
        id: answered.asked.id,
        decision: answered.verdict.as_str(),
        created_at_ms: answered.asked.created_at_ms,
        expires_at_ms: answered.asked.expires_at_ms,
        resolved_by: answered.by,
    }
}

pub(super) fn refusal(unfit: Unfit) -> RpcError {
    match unfit {
        Unfit::Taken => RpcError::invalid("approval id already pending"),
        Unfit::Closing => RpcError::unavailable("gateway is shutting down"),
        Unfit::Unknown => not_found(&json!({"reason": "APPROVAL_NOT_FOUND"})),
        Unfit::Over(decision) => {
            not_found(&json!({"reason": "APPROVAL_ALREADY_RESOLVED", "decision": decision}))
        }
    }
}

fn not_found(details: &serde_json::Value) -> RpcError {
    Error::new(Code::ApprovalNotFound, "unknown approval id").with_details(details.clone()).into()
}
