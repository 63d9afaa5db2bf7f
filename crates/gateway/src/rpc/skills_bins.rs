//! `skills.bins`: the programs that skills work with, for nodes that let these run unasked.

use std::collections::BTreeSet;

use domain::Scope;
use policy::scope::Role;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cx, Kind, Method, RpcError};

/// Lists programs of skills.
pub(super) struct SkillsBins;

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {}

/// The programs.
#[derive(Serialize)]
pub(super) struct Reply {
    bins: BTreeSet<String>,
}

impl Method for SkillsBins {
    const NAME: &'static str = "skills.bins";
    const SCOPE: Scope = Scope::Read;
    const ROLE: Role = Role::Node;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, _: Params) -> Result<Reply, RpcError> {
        let config = cx.gateway.config();
        let mut bins = BTreeSet::new();
        for agent in &config.agents.list {
            let found = cx.gateway.sessions.skills(&agent.id).await;
            // What nobody can use is nothing to trust either.
            for found in found.iter().filter(|found| found.is_usable()) {
                let needs = &found.skill.requires;
                let ways = found.skill.install.iter().filter_map(|way| way.get("bins")?.as_array());
                let brought = ways.flatten().filter_map(Value::as_str).map(str::to_owned);
                let needed = needs.bins.iter().chain(&needs.any_bins).cloned();
                bins.extend(needed.chain(brought).filter(|bin| !bin.trim().is_empty()));
            }
        }
        Ok(Reply { bins })
    }
}
