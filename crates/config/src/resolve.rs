//! From a valid tree to the [`Config`] that everybody else reads.

mod agents;
mod approvals;
mod gateway;
mod heartbeat;
mod intake;
mod models;
mod sandbox;
mod session;
mod skills;
mod tools;

use serde_json::Value;

pub(crate) use agents::AgentPaths;

use crate::{
    env::{Env, absolute},
    locations::Locations,
    node::Node,
    resolved::{Config, Logging},
};

/// Reads everything out of `root`, which was checked and filled.
pub(crate) fn config(root: &Value, locations: &Locations, env: &Env) -> Config {
    let node = Node::of(root);
    Config {
        gateway: gateway::gateway(node, locations, env),
        agents: agents::agents(root, locations, env),
        models: models::models(node, env),
        tools: tools::tools(node),
        session: session::session(node.at("session")),
        messages: session::messages(node.at("messages")),
        skills: skills::skills(root, locations),
        approvals: approvals::forwarding(node.at("approvals")),
        logging: logging(node.at("logging"), locations),
    }
}

fn logging(node: Node<'_>, locations: &Locations) -> Logging {
    let level = |key: &str| node.key(key).text().unwrap_or_else(|| "info".to_owned());
    let file = node.at("file").text();
    Logging {
        level: level("level"),
        console_level: level("consoleLevel"),
        console_style: node.at("consoleStyle").text(),
        file: file.map(|file| absolute(&file, &locations.home, &locations.state_dir)),
    }
}
