//! The `env` block: variables that the config itself sets.

use serde_json::Value;

use crate::{env::Env, node::Node, problem::Finding, substitute};

/// Substitutes variables in `tree` with `env` and the tree's own `env` block, and yields both
/// together. Variables that are set already are left alone; blank counts as unset.
pub(crate) fn applied(tree: &mut Value, env: &Env, findings: &mut Vec<Finding>) -> Env {
    let mut full = env.clone();
    fill(&mut full, tree);
    findings.extend(substitute::variables(tree, &full));
    // Values that refer to other variables are only known now.
    let mut env = env.clone();
    fill(&mut env, tree);
    env
}

fn fill(env: &mut Env, tree: &Value) {
    let block = Node::of(tree).at("env");
    let own = block.members().filter(|(name, _)| *name != "vars" && *name != "shellEnv");
    for (name, value) in block.at("vars").members().chain(own) {
        if let Some(value) = value.str() {
            env.fill(name, value);
        }
    }
}
