//! `agents`: every agent with the defaults merged in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use domain::AgentId;
use serde_json::Value;

use super::{heartbeat, sandbox, tools};
use crate::{
    duration::{Unit, parse_duration},
    env::{Env, absolute},
    locations::Locations,
    model_ref::{DEFAULT_MODEL, parse_model_ref},
    node::Node,
    resolved::{
        Agent, Agents, CatalogueEntry, Compaction, ElevatedLevel, Identity, ModelRef, Subagents,
    },
};

const HEARTBEAT: &str = "30m";
const RESERVE_TOKENS: u64 = 20_000;
const KEEP_RECENT_TOKENS: u64 = 20_000;
const BOOTSTRAP_CHARS: usize = 20_000;
const TIMEOUT: Duration = Duration::from_mins(10);
const ARCHIVE_MINUTES: u64 = 60;

pub(super) fn agents(root: &Value, locations: &Locations, env: &Env) -> Agents {
    let node = Node::of(root);
    let paths = AgentPaths::of(root, locations);
    let defaults = node.at("agents.defaults");
    let catalogue = catalogue(defaults.at("models"));
    let reader = Reader { paths: &paths, defaults, catalogue: &catalogue, root: node, env };
    let written = node.at("agents.list").items().map_or(&[][..], Vec::as_slice);
    let mut list: Vec<Agent> = Vec::new();
    for agent in written.iter().map(Node::of) {
        let id = AgentId::normalise(agent.at("id").str().unwrap_or_default());
        if list.iter().all(|known| known.id != id) {
            list.push(reader.agent(id, agent));
        }
    }
    if list.is_empty() {
        list.push(reader.agent(AgentId::main(), Node::of(&Value::Null)));
    }
    Agents {
        list,
        default: paths.default.clone(),
        concurrent_max: defaults.at("maxConcurrent").size().unwrap_or(4),
        subagents_max: defaults.at("subagents.maxConcurrent").size().unwrap_or(8),
    }
}

/// Where agents keep their files unless they say otherwise.
#[derive(Debug)]
pub(crate) struct AgentPaths<'a> {
    locations: &'a Locations,
    default: AgentId,
    default_workspace: Option<String>,
}

impl<'a> AgentPaths<'a> {
    /// Reads what matters from `root`, which may have problems.
    pub(crate) fn of(root: &Value, locations: &'a Locations) -> Self {
        let node = Node::of(root);
        let list = node.at("agents.list").items().map_or(&[][..], Vec::as_slice);
        let is_default =
            |agent: &&Value| agent.get("default").and_then(Value::as_bool) == Some(true);
        let default = list.iter().find(is_default).or(list.first());
        let id = default.and_then(|agent| agent.get("id")).and_then(Value::as_str);
        Self {
            locations,
            default: id.map_or_else(AgentId::main, AgentId::normalise),
            default_workspace: node.at("agents.defaults.workspace").text(),
        }
    }

    /// The workspace of agent `id`, which may have `own`.
    pub(crate) fn workspace(&self, id: &AgentId, own: Option<String>) -> PathBuf {
        let inherited = || self.default_workspace.clone().filter(|_| *id == self.default);
        match own.or_else(inherited) {
            Some(text) => absolute(&text, &self.locations.home, &self.locations.home),
            None if *id == self.default => self.locations.workspace_default.clone(),
            None => self.locations.home.join(".openclaw").join(format!("workspace-{id}")),
        }
    }

    /// The agent directory of agent `id`, which may have `own`.
    pub(crate) fn agent_dir(&self, id: &AgentId, own: Option<String>) -> PathBuf {
        let state: &Path = &self.locations.state_dir;
        match own {
            Some(text) => absolute(&text, &self.locations.home, state),
            None => state.join("agents").join(id.as_str()).join("agent"),
        }
    }
}

struct Reader<'a> {
    paths: &'a AgentPaths<'a>,
    defaults: Node<'a>,
    catalogue: &'a BTreeMap<String, CatalogueEntry>,
    root: Node<'a>,
    env: &'a Env,
}

impl Reader<'_> {
    fn agent(&self, id: AgentId, own: Node<'_>) -> Agent {
        let defaults = self.defaults;
        let sandboxes = sandbox::Pair { defaults: defaults.at("sandbox"), own: own.at("sandbox") };
        let every = own.at("heartbeat.every").text();
        let every = every.or_else(|| defaults.at("heartbeat.every").text());
        let every = every.unwrap_or_else(|| HEARTBEAT.to_owned());
        Agent {
            name: own.at("name").text(),
            identity: identity(own.at("identity")),
            workspace: self.paths.workspace(&id, own.at("workspace").text()),
            agent_dir: self.agent_dir(&id, own),
            models: self.models(own.at("model")),
            catalogue: self.catalogue.clone(),
            context_tokens_max: defaults.at("contextTokens").int(),
            thinking: defaults.at("thinkingDefault").text(),
            verbose: defaults.at("verboseDefault").text().unwrap_or_else(|| "off".to_owned()),
            timeout: Some(defaults.at("timeoutSeconds").int().map_or(TIMEOUT, Duration::from_secs)),
            bootstrap_chars_max: defaults.at("bootstrapMaxChars").size().unwrap_or(BOOTSTRAP_CHARS),
            skip_bootstrap: defaults.at("skipBootstrap").flag().unwrap_or(false),
            timezone: defaults.at("userTimezone").text(),
            compaction: compaction(defaults.at("compaction")),
            heartbeat_every: parse_duration(&every, Unit::Minutes).filter(|gap| !gap.is_zero()),
            heartbeat_every_text: every,
            heartbeat: heartbeat::heartbeat(
                self.root,
                own.at("heartbeat"),
                (&id, &self.paths.default),
                self.catalogue,
            ),
            sandbox: sandbox::mode(sandboxes),
            sandbox_settings: sandbox::sandbox(sandboxes, self.paths.locations),
            tools: tools::layers(
                own.at("tools"),
                sandbox::tools(
                    sandbox::Pair {
                        defaults: self.root.at("tools.sandbox.tools"),
                        own: own.at("tools.sandbox.tools"),
                    },
                    sandboxes,
                ),
            ),
            elevated: tools::elevated(own.at("tools.elevated")),
            host_exec: tools::host_exec(self.root.at("tools.exec"), own.at("tools.exec")),
            elevated_default: defaults
                .at("elevatedDefault")
                .str()
                .and_then(ElevatedLevel::parse)
                .unwrap_or_default(),
            exec: tools::exec(self.root.at("tools.exec"), own.at("tools.exec")),
            skills: own.at("skills").texts().map(BTreeSet::from_iter),
            subagents: self.subagents(own.at("subagents")),
            id,
        }
    }

    fn agent_dir(&self, id: &AgentId, own: Node<'_>) -> PathBuf {
        let named = own.at("agentDir").text();
        let named = named.or_else(|| {
            let variable = self.env.first(&["OPENCLAW_AGENT_DIR", "PI_CODING_AGENT_DIR"]);
            variable.filter(|_| *id == self.paths.default).map(str::to_owned)
        });
        self.paths.agent_dir(id, named)
    }

    fn subagents(&self, own: Node<'_>) -> Subagents {
        let shared = self.defaults.at("subagents");
        let model = |node: Node<'_>| node.text().or_else(|| node.at("primary").text());
        let seconds = shared.at("runTimeoutSeconds").int();
        let minutes = shared.at("archiveAfterMinutes").int().unwrap_or(ARCHIVE_MINUTES);
        Subagents {
            allow: own.at("allowAgents").texts().unwrap_or_default(),
            model: model(own.at("model"))
                .or_else(|| model(shared.at("model")))
                .or_else(|| model(self.root.at("tools.subagents.model"))),
            thinking: own.at("thinking").text().or_else(|| shared.at("thinking").text()),
            timeout: seconds.map(Duration::from_secs),
            archive_after: (minutes > 0).then(|| Duration::from_secs(minutes.saturating_mul(60))),
        }
    }

    /// The primary and the fallbacks, each the agent's own if it has any.
    fn models(&self, own: Node<'_>) -> Vec<ModelRef> {
        let shared = self.defaults.at("model");
        let primary = |node: Node<'_>| node.text().or_else(|| node.at("primary").text());
        let fallbacks = |node: Node<'_>| node.at("fallbacks").texts();
        let first = primary(own).or_else(|| primary(shared));
        let first = first.unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let rest = fallbacks(own).or_else(|| fallbacks(shared)).unwrap_or_default();
        let mut models: Vec<ModelRef> = Vec::new();
        for name in std::iter::once(&first).chain(&rest) {
            if let Some(model) = parse_model_ref(name, self.catalogue)
                && !models.contains(&model)
            {
                models.push(model);
            }
        }
        models
    }
}

fn identity(node: Node<'_>) -> Identity {
    Identity {
        name: node.at("name").text(),
        theme: node.at("theme").text(),
        emoji: node.at("emoji").text(),
        avatar: node.at("avatar").text(),
    }
}

fn catalogue(node: Node<'_>) -> BTreeMap<String, CatalogueEntry> {
    let entry = |node: Node<'_>| CatalogueEntry {
        alias: node.at("alias").text(),
        streaming: node.at("streaming").flag(),
        params: node.at("params").map().cloned().unwrap_or_default(),
    };
    node.members().map(|(name, node)| (name.clone(), entry(node))).collect()
}

fn compaction(node: Node<'_>) -> Compaction {
    let floor = node.at("reserveTokensFloor").int().unwrap_or(RESERVE_TOKENS);
    let reserve = node.at("reserveTokens").int().unwrap_or(0);
    let keep = node.at("keepRecentTokens").int();
    Compaction {
        reserve_tokens: reserve.max(floor),
        keep_recent_tokens: keep.unwrap_or(KEEP_RECENT_TOKENS),
    }
}
