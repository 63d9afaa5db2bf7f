//! What one turn tells models: system prompt, tools and conversation, per model.
//!
//! Tools and prompt depend on the model that answers (tool policy may differ by provider),
//! so they are made when a candidate is tried and kept for the rest of the turn.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use config::{Agent, Config, ElevatedLevel, ModelRef};
use domain::{AgentId, Messages, SessionKey, ToolSpec};
use models::{Model, Request, Thinking};
use policy::{
    Subject,
    elevated::{Rules, Sender},
    explain::Boxed,
    tool_policy::{Decision, Policy, Query},
};

use crate::{
    io::Place,
    overflow::{self, WINDOW_TOKENS_DEFAULT},
    prompt,
    skills::offer::{Offer, Sight},
};

/// The unchanging part of a turn's requests.
pub(crate) struct Brief {
    pub(crate) config: Arc<Config>,
    pub(crate) agent: AgentId,
    pub(crate) session: SessionKey,
    pub(crate) files: Vec<prompt::File>,
    pub(crate) workdir: String,
    pub(crate) channel: String,
    pub(crate) extra: Option<String>,
    /// Tools of whoever asks: offered, and never run here.
    pub(crate) client_tools: Arc<[ToolSpec]>,
    /// Most tokens per reply, if fewer than the model can write.
    pub(crate) output_tokens_max: Option<u64>,
    /// Level asked for by the turn or the session; `None`: by agent and model.
    pub(crate) thinking: Option<String>,
    pub(crate) cache_key: String,
    /// The session's sandbox; `None` when its tools run on the host.
    pub(crate) boxed: Option<Boxed>,
    /// What commands do that do not say whether to leave the sandbox.
    pub(crate) elevated: ElevatedLevel,
    /// What it can use of the agent's skills.
    pub(crate) skills: Offer,
    pub(crate) place: Arc<Place>,
    pub(crate) tools: tools::Registry,
    pub(crate) kits: Mutex<BTreeMap<ModelRef, Arc<Kit>>>,
}

/// What one model gets.
pub(crate) struct Kit {
    pub(crate) policy: Policy,
    pub(crate) specs: Arc<[ToolSpec]>,
    pub(crate) system: Arc<str>,
    pub(crate) thinking: Thinking,
    pub(crate) context_tokens: u64,
}

impl Brief {
    /// The agent's settings.
    ///
    /// Falls back to the default agent when a reload took the agent away in between; the
    /// list is never empty.
    pub(crate) fn agent(&self) -> &Agent {
        let agents = &self.config.agents;
        agents.get(&self.agent).unwrap_or(&agents.list[0])
    }

    /// The request to `model` with `messages`, whose results are cut where they are too long.
    pub(crate) fn request(
        &self,
        model: Arc<Model>,
        messages: Messages,
        result_bytes_max: Option<usize>,
    ) -> Request {
        let kit = self.kit(&model);
        let model = match self.output_tokens_max {
            Some(max) if max < model.output_tokens_max => {
                Arc::new(Model { output_tokens_max: max, ..(*model).clone() })
            }
            Some(_) | None => model,
        };
        Request {
            system: Arc::clone(&kit.system),
            messages,
            tools: self.offered(&kit),
            thinking: kit.thinking,
            cache_key: self.cache_key.clone(),
            result_bytes_max,
            model,
        }
    }

    /// Whether `tool` is one that whoever asks runs.
    pub(crate) fn is_of_client(&self, tool: &str) -> bool {
        self.client_tools.iter().any(|it| it.name == tool)
    }

    /// Most characters of one result that the models asked in this turn have room for.
    pub(crate) fn output_chars_max(&self) -> usize {
        let kits = self.kits.lock().unwrap_or_else(PoisonError::into_inner);
        let smallest = kits.values().map(|kit| kit.context_tokens).min();
        overflow::output_chars_max(smallest.unwrap_or(WINDOW_TOKENS_DEFAULT))
    }

    fn offered(&self, kit: &Kit) -> Arc<[ToolSpec]> {
        if self.client_tools.is_empty() {
            return Arc::clone(&kit.specs);
        }
        kit.specs.iter().chain(self.client_tools.iter()).cloned().collect()
    }

    /// What `model` gets, made once per turn.
    pub(crate) fn kit(&self, model: &Model) -> Arc<Kit> {
        let name = ModelRef { provider: model.provider.clone(), model: model.id.clone() };
        let mut kits = self.kits.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(kits.entry(name).or_insert_with_key(|name| Arc::new(self.make(name, model))))
    }

    /// Who acts when a model calls that was asked in this turn.
    pub(crate) fn subject(&self, provider: &str, model: &str) -> Subject {
        let name = ModelRef { provider: provider.to_owned(), model: model.to_owned() };
        let kits = self.kits.lock().unwrap_or_else(PoisonError::into_inner);
        let kit = kits.get(&name);
        let agent = self.agent();
        let sender = Sender { channel: self.channel.clone(), names: Vec::new() };
        Subject {
            tools: kit.map_or_else(|| self.policy(provider, model), |kit| kit.policy.clone()),
            elevated: Rules::of(&self.config, agent).standing(&sender, self.elevated),
            exec_host: agent.exec.host,
            host_exec: agent.host_exec,
            sandbox: self.boxed.clone(),
            door: policy::Door::Turn,
        }
    }

    fn policy(&self, provider: &str, model: &str) -> Policy {
        Policy::build(&Query {
            tools: &self.config.tools,
            agent: &self.agent().tools,
            provider,
            model,
            sandboxed: self.boxed.is_some(),
            subagent: self.session.is_subagent(),
            owner: true,
        })
    }

    fn make(&self, name: &ModelRef, model: &Model) -> Kit {
        let agent = self.agent();
        let policy = self.policy(&name.provider, &name.model);
        let specs: Arc<[ToolSpec]> =
            self.tools.specs_shared(|tool| policy.decide(tool) == Decision::Allowed);
        let thinking = thinking(self.thinking.as_deref().or(agent.thinking.as_deref()), model);
        let system = prompt::system(&prompt::Facts {
            agent: self.agent.as_str(),
            name: agent.identity.name.as_deref().or(agent.name.as_deref()),
            tools: &specs,
            workdir: &self.workdir,
            files: &self.files,
            timezone: agent.timezone.as_deref().unwrap_or(&self.place.timezone),
            model: &name.to_string(),
            thinking: thinking_name(thinking),
            channel: &self.channel,
            os: &self.place.os,
            host: &self.place.host,
            subagent: self.session.is_subagent(),
            sandbox: self.boxed.as_ref().map(|_| agent.sandbox_settings.workspace_access),
            skills: &self.skills.list(),
            extra: self.extra.as_deref(),
        });
        Kit { policy, specs, system, thinking, context_tokens: model.context_tokens }
    }
}

/// Where the tools of a session find files: in its box, if it has one.
pub(crate) fn sight<'a>(agent: &'a Agent, boxed: Option<&Boxed>) -> Sight<'a> {
    match boxed {
        Some(_) => Sight::Boxed {
            access: agent.sandbox_settings.workspace_access,
            workdir: &agent.sandbox_settings.docker.workdir,
            workspace: &agent.workspace,
        },
        None => Sight::Host,
    }
}

/// The level for `model`: as asked, never more than it can, `low` for thinking models when
/// nobody asked.
pub(crate) fn thinking(asked: Option<&str>, model: &Model) -> Thinking {
    if !model.reasoning {
        return Thinking::Off;
    }
    match asked {
        Some("off") => Thinking::Off,
        Some("minimal") => Thinking::Minimal,
        Some("medium") => Thinking::Medium,
        Some("high") => Thinking::High,
        Some("xhigh") => Thinking::XHigh,
        Some(_) | None => Thinking::Low,
    }
}

/// The name of a level in files and prompts.
pub(crate) fn thinking_name(level: Thinking) -> &'static str {
    match level {
        Thinking::Off => "off",
        Thinking::Minimal => "minimal",
        Thinking::Low => "low",
        Thinking::Medium => "medium",
        Thinking::High => "high",
        Thinking::XHigh => "xhigh",
    }
}

/// Models to try, in order: what the session chose, then the agent's list.
pub(crate) fn candidates(agent: &Agent, chosen: Option<ModelRef>) -> Vec<ModelRef> {
    let Some(chosen) = chosen else { return agent.models.clone() };
    let mut list = vec![chosen];
    // Fall-backs before the primary: the primary is the last resort of a chosen model.
    for model in agent.models.iter().skip(1).chain(agent.models.first()) {
        if !list.contains(model) {
            list.push(model.clone());
        }
    }
    list
}
