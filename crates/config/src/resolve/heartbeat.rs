//! `heartbeat` of an agent: what it says itself, and else what holds for all.

use std::collections::BTreeMap;

use domain::AgentId;
use serde_json::Value;

use crate::{
    model_ref::parse_model_ref,
    node::Node,
    resolved::{CatalogueEntry, Heartbeat, Hours},
};

/// Characters that may stand beside the word for nothing.
const ACK_CHARS: usize = 300;

/// The heartbeat of agent `id`, which has `own`.
pub(super) fn heartbeat(
    root: Node<'_>,
    own: Node<'_>,
    (id, default): (&AgentId, &AgentId),
    catalogue: &BTreeMap<String, CatalogueEntry>,
) -> Heartbeat {
    let shared = root.at("agents.defaults.heartbeat");
    let text = |key: &str| own.at(key).text().or_else(|| shared.at(key).text());
    let shown = root.at("channels.defaults.heartbeat");
    let is_on = |key: &str, usual| shown.at(key).flag().unwrap_or(usual);
    let zone = root.at("agents.defaults.userTimezone").text();
    Heartbeat {
        runs: runs(root, id, default),
        hours: hours(own.at("activeHours"), zone.clone())
            .or_else(|| hours(shared.at("activeHours"), zone)),
        model: text("model").and_then(|name| parse_model_ref(&name, catalogue)),
        session: text("session").unwrap_or_else(|| "main".to_owned()),
        target: text("target").unwrap_or_else(|| "last".to_owned()).trim().to_ascii_lowercase(),
        prompt: text("prompt").filter(|text| !text.trim().is_empty()),
        ack_chars_max: own
            .at("ackMaxChars")
            .size()
            .or_else(|| shared.at("ackMaxChars").size())
            .unwrap_or(ACK_CHARS),
        is_shown: is_on("showOk", false)
            || is_on("showAlerts", true)
            || is_on("useIndicator", true),
    }
}

/// Whether the clock wakes an agent: those that have a heartbeat of their own, or else the
/// default one.
fn runs(root: Node<'_>, id: &AgentId, default: &AgentId) -> bool {
    let list = root.at("agents.list").items().map_or(&[][..], Vec::as_slice);
    let mut own = list.iter().filter(|agent| agent.get("heartbeat").is_some()).peekable();
    if own.peek().is_none() {
        return id == default;
    }
    let name = |agent: &Value| agent.get("id").and_then(Value::as_str).map(AgentId::normalise);
    own.any(|agent| name(agent).as_ref() == Some(id))
}

fn hours(node: Node<'_>, user_zone: Option<String>) -> Option<Hours> {
    let start = node.at("start").text().and_then(|text| minutes(&text));
    let end = node.at("end").text().and_then(|text| minutes(&text));
    if start.is_none() && end.is_none() {
        return None;
    }
    let zone = match node.at("timezone").text() {
        Some(zone) if zone == "local" => None,
        Some(zone) if zone != "user" => Some(zone),
        Some(_) | None => user_zone,
    };
    Some(Hours { start: start.unwrap_or(0), end: end.unwrap_or(24 * 60), zone })
}

/// A time such as `08:30`, which was checked before, in minutes.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    Some(hour.parse::<u16>().ok()? * 60 + minute.parse::<u16>().ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(root: &Value, id: &str) -> Heartbeat {
        let node = Node::of(root);
        let list = node.at("agents.list").items().map_or(&[][..], Vec::as_slice);
        let own = list.iter().find(|it| it["id"] == id).map_or(&Value::Null, |it| &it["heartbeat"]);
        let ids = (&AgentId::normalise(id), &AgentId::main());
        heartbeat(node, Node::of(own), ids, &BTreeMap::new())
    }

    #[test]
    fn an_agent_overrides_key_by_key_and_is_then_the_one_that_is_woken() {
        let root = json!({"agents": {
            "defaults": {"userTimezone": "Asia/Tokyo",
                "heartbeat": {"prompt": "look", "ackMaxChars": 5,
                    "activeHours": {"start": "08:30", "end": "24:00"}}},
            "list": [{"id": "main"}, {"id": "ops", "heartbeat": {"target": "none"}}],
        }});

        let (main, ops) = (of(&root, "main"), of(&root, "ops"));

        assert_eq!((main.runs, ops.runs), (false, true));
        assert_eq!((main.target.as_str(), ops.target.as_str()), ("last", "none"));
        assert_eq!((ops.prompt.as_deref(), ops.ack_chars_max), (Some("look"), 5));
        let zone = Some("Asia/Tokyo".to_owned());
        assert_eq!(ops.hours, Some(Hours { start: 510, end: 1440, zone }));
    }

    #[test]
    fn without_a_word_the_default_agent_is_woken_in_its_main_conversation() {
        let main = of(&json!({}), "main");

        assert_eq!((main.runs, main.session.as_str(), main.hours), (true, "main", None));
        assert!(main.is_shown && !of(&json!({}), "ops").runs);
        let hidden = json!({"channels": {"defaults": {"heartbeat":
            {"showAlerts": false, "useIndicator": false}}}});
        assert!(!of(&hidden, "main").is_shown);
    }
}
