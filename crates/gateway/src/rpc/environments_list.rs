//! `environments.list`: the machines that commands may run on: this one, and the nodes.

use domain::Scope;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cx, Kind, Method, RpcError, node_list};

pub(super) struct EnvironmentsList;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

impl Method for EnvironmentsList {
    const NAME: &'static str = "environments.list";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Value;

    async fn call(cx: Cx, _: Params) -> Result<Value, RpcError> {
        let here = json!({
            "id": "gateway", "type": "local", "label": "Gateway", "status": "available",
            "platform": std::env::consts::OS, "sessionHost": true, "trust": "persistent",
            "capabilities": ["agent.run", "sessions", "tools", "workspace"],
        });
        let nodes = node_list::rows(&cx).into_iter().filter_map(|row| {
            let node = serde_json::to_value(row).ok()?;
            let id = node["nodeId"].as_str()?;
            let label = node["displayName"].as_str().unwrap_or(id);
            let status = if node["connected"] == true { "available" } else { "unavailable" };
            let mut environment = json!({
                "id": format!("node:{id}"), "type": "node", "label": label, "status": status,
                "sessionHost": false, "trust": "persistent",
            });
            for field in ["platform", "lastSeenAtMs", "lastSeenReason"] {
                if let Some(value) = node.get(field) {
                    environment[field] = value.clone();
                }
            }
            Some(environment)
        });
        let environments: Vec<Value> = [here].into_iter().chain(nodes).collect();
        Ok(json!({ "environments": environments }))
    }
}
