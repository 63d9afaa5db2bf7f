//! `session` and `messages`.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    node::Node,
    resolved::{Messages, Queue, QueueDrop, QueueMode, Reset, SendPolicy, SendRule, Session},
};

const RESET_HOUR: i8 = 4;
const IDLE_MINUTES: u64 = 60;
const PING_PONG_MAX: usize = 5;

pub(super) fn session(node: Node<'_>) -> Session {
    let triggers = || vec!["/new".to_owned(), "/reset".to_owned()];
    let by_type = node.at("resetByType").members();
    Session {
        global_scope: node.at("scope").str() == Some("global"),
        main_key: "main".to_owned(),
        reset_triggers: node.at("resetTriggers").texts().unwrap_or_else(triggers),
        reset: base_reset(node),
        reset_by_type: by_type
            .map(|(kind, node)| {
                let kind = if kind == "dm" { "direct" } else { kind };
                (kind.to_owned(), reset(node))
            })
            .collect(),
        reset_by_channel: node
            .at("resetByChannel")
            .members()
            .map(|(channel, node)| (channel.to_lowercase(), reset(node)))
            .collect(),
        store: node.at("store").text(),
        send_policy: send_policy(node.at("sendPolicy")),
        ping_pong_max: node.at("agentToAgent.maxPingPongTurns").size().unwrap_or(PING_PONG_MAX),
    }
}

fn send_policy(node: Node<'_>) -> SendPolicy {
    let denies = |node: Node<'_>| node.str() == Some("deny");
    let lower = |node: Node<'_>| node.text().map(|text| text.trim().to_lowercase());
    let rules = node.at("rules").items().into_iter().flatten().map(Node::of);
    SendPolicy {
        is_closed: denies(node.at("default")),
        rules: rules
            .map(|rule| SendRule {
                denies: denies(rule.at("action")),
                channel: lower(rule.at("match.channel")),
                chat_type: lower(rule.at("match.chatType")),
                key_prefix: lower(rule.at("match.keyPrefix")),
                raw_key_prefix: lower(rule.at("match.rawKeyPrefix")),
            })
            .collect(),
    }
}

/// Without a `reset` block the older `idleMinutes` alone decides.
fn base_reset(node: Node<'_>) -> Reset {
    match (node.at("reset").map(), node.at("idleMinutes").int()) {
        (None, Some(minutes)) => Reset { daily_at_hour: None, idle: Some(minutes_of(minutes)) },
        (Some(_), _) | (None, None) => reset(node.at("reset")),
    }
}

fn reset(node: Node<'_>) -> Reset {
    let idle = node.at("idleMinutes").int().map(minutes_of);
    let hour = node.at("atHour").int().and_then(|hour| i8::try_from(hour).ok());
    match node.at("mode").str() {
        Some("idle") => {
            Reset { daily_at_hour: None, idle: idle.or(Some(minutes_of(IDLE_MINUTES))) }
        }
        Some("none") => Reset { daily_at_hour: None, idle: None },
        Some(_) | None => Reset { daily_at_hour: hour.or(Some(RESET_HOUR)), idle },
    }
}

fn minutes_of(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}

pub(super) fn messages(node: Node<'_>) -> Messages {
    let queue = node.at("queue");
    let modes = queue.at("byChannel").members();
    let waits = queue.at("debounceMsByChannel").members();
    Messages {
        queue: Queue {
            mode: queue_mode(queue.at("mode")).unwrap_or(QueueMode::Collect),
            debounce: queue.at("debounceMs").millis().unwrap_or(Duration::from_secs(1)),
            cap: queue.at("cap").size().unwrap_or(20),
            drop: match queue.at("drop").str() {
                Some("old") => QueueDrop::Old,
                Some("new") => QueueDrop::New,
                Some(_) | None => QueueDrop::Summarize,
            },
        },
        queue_by_channel: modes
            .filter_map(|(channel, node)| Some((channel.clone(), queue_mode(node)?)))
            .collect(),
        debounce_by_channel: waits
            .filter_map(|(channel, node)| Some((channel.clone(), node.millis()?)))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn queue_mode(node: Node<'_>) -> Option<QueueMode> {
    match node.str()? {
        "steer" | "queue" => Some(QueueMode::Steer),
        "followup" => Some(QueueMode::Followup),
        "collect" => Some(QueueMode::Collect),
        "steer-backlog" | "steer+backlog" => Some(QueueMode::SteerBacklog),
        "interrupt" => Some(QueueMode::Interrupt),
        _ => None,
    }
}
