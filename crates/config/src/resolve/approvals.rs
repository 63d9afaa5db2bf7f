//! `approvals.exec`.

use domain::AgentId;

use crate::{
    node::Node,
    resolved::{ForwardTarget, Forwarding},
};

pub(super) fn forwarding(node: Node<'_>) -> Option<Forwarding> {
    let exec = node.at("exec");
    if exec.at("enabled").flag() != Some(true) {
        return None;
    }
    let mode = exec.at("mode").str().unwrap_or("session");
    let agents = exec.at("agentFilter").texts().unwrap_or_default();
    let targets = if mode == "session" { Vec::new() } else { targets(exec) };
    Some(Forwarding {
        to_session: mode != "targets",
        agents: agents.iter().map(|agent| AgentId::normalise(agent)).collect(),
        sessions: exec.at("sessionFilter").texts().unwrap_or_default(),
        targets,
    })
}

fn targets(exec: Node<'_>) -> Vec<ForwardTarget> {
    let text = |node: Node<'_>, name: &str| node.at(name).str().unwrap_or_default().to_owned();
    let items = exec.at("targets").items().into_iter().flatten().map(Node::of);
    items.map(|it| ForwardTarget { channel: text(it, "channel"), to: text(it, "to") }).collect()
}
