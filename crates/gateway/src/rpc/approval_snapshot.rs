//! A question about a command as version 4 shows all of its kinds.

use serde_json::{Map, Value, json};

use crate::approvals::{Answered, Asked, Cause};

/// A question that waits.
pub(super) fn pending(asked: &Asked) -> Value {
    let mut shown = common(asked, "pending");
    if let Some(session) = asked.request["sessionKey"].as_str() {
        shown.insert("sourceSessionKey".to_owned(), session.into());
    }
    shown.into()
}

/// A question that ended.
pub(super) fn ended(answered: &Answered) -> Value {
    let decision = answered.verdict.as_str();
    let (status, reason) = match (answered.cause, decision) {
        (Cause::Person, Some("deny")) => ("denied", "user"),
        (Cause::Person, Some(_)) => ("allowed", "user"),
        (Cause::Time, _) => ("expired", "timeout"),
        (Cause::Person | Cause::Asker, _) => ("cancelled", "run-aborted"),
    };
    let mut shown = common(&answered.asked, status);
    shown.insert("resolvedAtMs".to_owned(), answered.ended_at_ms.into());
    shown.insert("reason".to_owned(), reason.into());
    if answered.cause == Cause::Person {
        shown.insert("decision".to_owned(), decision.into());
    }
    if let Some(by) = &answered.by {
        shown.insert("resolver".to_owned(), json!({"kind": "runtime", "id": by}));
    }
    let mut source = Map::new();
    for name in ["agentId", "sessionKey"] {
        if let Some(text) = answered.asked.request[name].as_str().filter(|it| !it.is_empty()) {
            source.insert(name.to_owned(), text.into());
        }
    }
    if !source.is_empty() {
        shown.insert("source".to_owned(), source.into());
    }
    shown.into()
}

fn common(asked: &Asked, status: &str) -> Map<String, Value> {
    let field = |name: &str| asked.request.get(name).cloned().unwrap_or_default();
    let shown = json!({
        "id": asked.id,
        "urlPath": format!("/approve/{}", escaped(&asked.id)),
        "createdAtMs": asked.created_at_ms,
        "expiresAtMs": asked.expires_at_ms,
        "status": status,
        "presentation": {
            "kind": "exec",
            "commandText": field("command"),
            "commandPreview": Value::Null,
            "host": field("host"),
            "nodeId": field("nodeId"),
            "agentId": field("agentId"),
            "allowedDecisions": field("allowedDecisions"),
        },
    });
    if let Value::Object(shown) = shown { shown } else { Map::new() }
}

/// The id as one part of a path.
fn escaped(id: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    id.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_part_of_a_path_whatever_is_in_it() {
        assert_eq!(escaped("a-1_b"), "a-1_b");
        assert_eq!(escaped("../ä"), "%2E%2E%2F%C3%A4");
    }
}
