//! Which tools a session has: layers of allow and deny lists (`spec: tools` §16).
//!
//! A tool must pass every layer, so a layer can only remove. The first layer that removes a
//! tool gives the rule that is named in the refusal, which is a path of the config file.
//! Knows no single call: that is [`crate::judge()`].

mod layer;
mod names;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use config::{SandboxTools, Source, ToolLayer, ToolLayers, ToolProfile, Tools};

use layer::{Layer, List};

const AGENT: &str = "agents.list[].tools";
const SANDBOX: &str = "tools.sandbox.tools";

/// What the tools of a session depend on.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Global settings.
    pub tools: &'a Tools,
    /// The agent's own settings, with the lists of its sandboxed sessions.
    pub agent: &'a ToolLayers,
    /// Provider of the model in use.
    pub provider: &'a str,
    /// Model in use, without the provider.
    pub model: &'a str,
    /// Whether commands run in a sandbox.
    pub sandboxed: bool,
    /// Whether a sub-agent holds the session.
    pub subagent: bool,
    /// Whether the owner is speaking.
    pub owner: bool,
}

/// The layers of one session, in order. The default has none: every tool passes.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    layers: Vec<Layer>,
    /// What is wrong with the lists, for the log: names that no tool has.
    pub warnings: Vec<String>,
}

/// Whether a session has a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It has.
    Allowed,
    /// It has not.
    Denied {
        /// The rule of the first layer that removes it.
        rule: String,
    },
}

/// What the lists of sandboxed sessions have against a tool: config paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxBlock {
    /// The deny list that has it.
    pub denied_by: Option<String>,
    /// The allow list that lacks it.
    pub missing_from: Option<String>,
}

impl SandboxBlock {
    /// Whether `rule` is one of the lists.
    pub(crate) fn names(&self, rule: &str) -> bool {
        [&self.denied_by, &self.missing_from].into_iter().flatten().any(|list| list == rule)
    }
}

/// What one layer does to one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its lists let the tool pass.
    Kept,
    /// Its lists remove the tool.
    Removed,
    /// It has no lists.
    Absent,
}

impl Policy {
    /// Collects the layers that apply.
    pub fn build(q: &Query<'_>) -> Self {
        let mut policy = Self::default();
        policy.push(apply_patch_gate(q));
        policy.push(owner_gate(q));
        policy.push(profile(q));
        let provider_of_tools = by_provider(&q.tools.layers.by_provider, q);
        let provider_of_agent = by_provider(&q.agent.by_provider, q);
        policy.push(provider_profile(provider_of_tools.as_ref(), provider_of_agent.as_ref()));
        policy.push(lists("tools", &q.tools.layers.layer));
        policy.push(provider_lists("tools", provider_of_tools.as_ref()));
        policy.push(lists(AGENT, &q.agent.layer));
        policy.push(provider_lists(AGENT, provider_of_agent.as_ref()));
        policy.push_as_written(sandbox(q));
        policy.push_as_written(read_only(q));
        policy.push_as_written(subagent(q));
        policy
    }

    /// Says whether the session has `tool`.
    pub fn decide(&self, tool: &str) -> Decision {
        let tool = names::normalise(tool);
        match self.layers.iter().find_map(|layer| layer.removes(&tool)) {
            Some(rule) => Decision::Denied { rule: rule.to_owned() },
            None => Decision::Allowed,
        }
    }

    /// What the lists of sandboxed sessions have against `tool`; `None` when nothing.
    pub fn sandbox_block(&self, tool: &str) -> Option<SandboxBlock> {
        let tool = names::normalise(tool);
        let layer = self.layers.iter().find(|layer| layer.name == SANDBOX)?;
        let (denied_by, missing_from) = layer.reasons(&tool);
        let owned = |rule: Option<&str>| rule.map(str::to_owned);
        let block = SandboxBlock { denied_by: owned(denied_by), missing_from: owned(missing_from) };
        (block != SandboxBlock::default()).then_some(block)
    }

    /// Says what each layer does to `tool`, in order.
    pub fn explain(&self, tool: &str) -> Vec<(&str, Verdict)> {
        let tool = names::normalise(tool);
        self.layers
            .iter()
            .map(|layer| {
                let verdict = match layer.removes(&tool) {
                    Some(_) => Verdict::Removed,
                    None if layer.is_blank() => Verdict::Absent,
                    None => Verdict::Kept,
                };
                (layer.name.as_str(), verdict)
            })
            .collect()
    }

    /// Adds a layer, dropping an allow list that would remove every tool there is: it names
    /// plug-ins that are not there, and must not take the core tools with it.
    fn push(&mut self, mut layer: Layer) {
        if let Some(allow) = layer.allow.take_if(|allow| allow.is_unknown_only()) {
            self.warnings.push(format!(
                "`{}` names no known tool ({}) and is ignored",
                allow.rule,
                allow.written().join(", ")
            ));
        }
        self.push_as_written(layer);
    }

    /// Adds a layer that stays closed whatever it names.
    fn push_as_written(&mut self, layer: Layer) {
        for list in [&layer.allow, &layer.deny].into_iter().flatten() {
            let unknown = list.unknown();
            if !unknown.is_empty() {
                let names = unknown.join(", ");
                self.warnings.push(format!("`{}` names unknown tools ({names})", list.rule));
            }
        }
        self.layers.push(layer);
    }
}

/// One entry of a `byProvider` table.
struct ByProvider<'a> {
    key: &'a str,
    profile: Option<ToolProfile>,
    layer: &'a ToolLayer,
}

/// Finds the entry for `provider/model`, else for `provider`.
fn by_provider<'a>(
    table: &'a BTreeMap<String, (Option<ToolProfile>, ToolLayer)>,
    q: &Query<'_>,
) -> Option<ByProvider<'a>> {
    let provider = names::provider(q.provider);
    let model = q.model.trim().to_lowercase();
    [format!("{provider}/{model}"), model, provider].iter().find_map(|wanted| {
        let (key, (profile, layer)) =
            table.iter().find(|(key, _)| normalised_key(key) == *wanted)?;
        Some(ByProvider { key, profile: *profile, layer })
    })
}

fn normalised_key(key: &str) -> String {
    match key.split_once('/') {
        Some((provider, model)) => {
            format!("{}/{}", names::provider(provider), model.trim().to_lowercase())
        }
        None => names::provider(key),
    }
}

fn apply_patch_gate(q: &Query<'_>) -> Layer {
    let model = q.model.trim().to_lowercase();
    let full = format!("{}/{model}", names::provider(q.provider));
    let is_listed = q.tools.apply_patch_models.iter().any(|entry| {
        let entry = entry.trim().to_lowercase();
        entry == model || normalised_key(&entry) == full
    });
    let rule = if !q.tools.apply_patch {
        Some("tools.exec.applyPatch.enabled")
    } else if !q.tools.apply_patch_models.is_empty() && !is_listed {
        Some("tools.exec.applyPatch.allowModels")
    } else {
        None
    };
    let deny = rule.and_then(|rule| List::new(rule, ["apply_patch"]));
    Layer { name: "tools.exec.applyPatch".to_owned(), allow: None, deny }
}

fn owner_gate(q: &Query<'_>) -> Layer {
    let rule = "commands.ownerAllowFrom";
    let restricted = if q.owner { &[] } else { names::OWNER_ONLY };
    Layer { name: rule.to_owned(), allow: None, deny: List::new(rule, restricted) }
}

fn profile(q: &Query<'_>) -> Layer {
    let (scope, chosen) = match q.agent.profile {
        Some(profile) => (AGENT, Some(profile)),
        None => ("tools", q.tools.layers.profile),
    };
    let also = match q.agent.layer.also_allow.as_slice() {
        [] => &q.tools.layers.layer.also_allow,
        _ => &q.agent.layer.also_allow,
    };
    profile_layer(format!("{scope}.profile"), chosen, also)
}

fn provider_profile(tools: Option<&ByProvider<'_>>, agent: Option<&ByProvider<'_>>) -> Layer {
    let of_agent = agent.filter(|entry| entry.profile.is_some()).map(|entry| (AGENT, entry));
    let Some((scope, entry)) = of_agent.or(tools.map(|entry| ("tools", entry))) else {
        return Layer { name: "tools.byProvider[].profile".to_owned(), allow: None, deny: None };
    };
    let also = match agent.map(|entry| entry.layer.also_allow.as_slice()) {
        Some(also @ [_, ..]) => also,
        Some([]) | None => tools.map_or(&[][..], |entry| &entry.layer.also_allow),
    };
    profile_layer(format!("{scope}.byProvider[{}].profile", entry.key), entry.profile, also)
}

fn profile_layer(rule: String, chosen: Option<ToolProfile>, also: &[String]) -> Layer {
    let entries = chosen.and_then(names::profile).map(|entries| {
        entries.iter().copied().chain(also.iter().map(String::as_str)).collect::<Vec<_>>()
    });
    let allow = entries.and_then(|entries| List::new(&rule, entries));
    Layer { name: rule, allow, deny: None }
}

fn lists(scope: &str, layer: &ToolLayer) -> Layer {
    let allow = layer.allow.as_ref().filter(|allow| !allow.is_empty()).and_then(|allow| {
        List::new(&format!("{scope}.allow"), allow.iter().chain(&layer.also_allow))
    });
    let deny = List::new(&format!("{scope}.deny"), &layer.deny);
    Layer { name: scope.to_owned(), allow, deny }
}

fn provider_lists(scope: &str, entry: Option<&ByProvider<'_>>) -> Layer {
    match entry {
        Some(entry) => lists(&format!("{scope}.byProvider[{}]", entry.key), entry.layer),
        None => Layer { name: format!("{scope}.byProvider[]"), allow: None, deny: None },
    }
}

fn sandbox(q: &Query<'_>) -> Layer {
    if !q.sandboxed {
        return Layer { name: SANDBOX.to_owned(), allow: None, deny: None };
    }
    let lists = SandboxLists::of(&q.agent.sandbox);
    let listed = |(key, list): (String, Vec<String>)| List::new(&key, list);
    Layer {
        name: SANDBOX.to_owned(),
        allow: listed((lists.allow_key, lists.allow)),
        deny: listed((lists.deny_key, lists.deny)),
    }
}

/// Where the workspace is read-only, tools that write files are not there.
fn read_only(q: &Query<'_>) -> Layer {
    let name = "sandbox.workspaceAccess";
    let denied = if q.sandboxed { removed(&q.agent.sandbox) } else { &[] };
    Layer { name: name.to_owned(), allow: None, deny: List::new(name, denied) }
}

fn removed(tools: &SandboxTools) -> &'static [&'static str] {
    if tools.read_only { names::WRITING } else { &[] }
}

/// The lists of sandboxed sessions as they are applied, with where each is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxLists {
    /// Empty is everything.
    pub allow: Vec<String>,
    /// Wins.
    pub deny: Vec<String>,
    /// Config path of `allow`.
    pub allow_key: String,
    /// Config path of `deny`.
    pub deny_key: String,
    /// What a read-only workspace takes away besides.
    pub removed: &'static [&'static str],
}

impl SandboxLists {
    /// Adds what is added and names the keys. Images go along with any other tool, as a deny
    /// list that names them wins all the same.
    pub fn of(tools: &SandboxTools) -> Self {
        let (mut allow, deny) = (tools.allow.entries.clone(), tools.deny.entries.clone());
        if !allow.is_empty() {
            allow.extend(tools.also_allow.iter().cloned());
            let names_image =
                |list: &[String]| List::new("", list).is_some_and(|list| list.denies("image"));
            if !names_image(&allow) && !names_image(&deny) {
                allow.push("image".to_owned());
            }
        }
        let key = |source, list: &str| match source {
            Source::Agent => format!("{AGENT}.sandbox.tools.{list}"),
            Source::Global | Source::Default => format!("{SANDBOX}.{list}"),
        };
        Self {
            allow,
            deny,
            allow_key: key(tools.allow.source, "allow"),
            deny_key: key(tools.deny.source, "deny"),
            removed: removed(tools),
        }
    }
}

fn subagent(q: &Query<'_>) -> Layer {
    let name = "tools.subagents.tools";
    if !q.subagent {
        return Layer { name: name.to_owned(), allow: None, deny: None };
    }
    let configured = &q.tools.subagents;
    let lifted = List::new("", &configured.also_allow);
    let deny = names::SUBAGENT_DENY
        .iter()
        .copied()
        .filter(|tool| !lifted.as_ref().is_some_and(|lifted| lifted.denies(tool)))
        .chain(configured.deny.iter().map(String::as_str));
    Layer { deny: List::new(&format!("{name}.deny"), deny), ..lists(name, configured) }
}
