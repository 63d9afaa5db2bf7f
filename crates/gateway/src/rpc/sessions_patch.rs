//! `sessions.patch`: changes the settings of a conversation.
//!
//! A setting that is left out stays, `null` clears it. All is checked before anything is
//! changed, so that a refusal changes nothing.

use std::sync::Arc;

use config::{Agent, Config, ModelRef};
use domain::SessionKey;
use protocol::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::SessionEntry;

use super::{
    Cx, Method, RpcError,
    change::Change,
    levels,
    session_row::{self, Resolved},
    session_target::{agent_of, check_session},
    sessions_list,
};
use crate::{events, state::Gateway};

const LABEL_CHARS_MAX: usize = 64;

/// Changes the settings of a conversation.
pub(super) struct SessionsPatch;

type Text = Change<String>;

/// Which conversation, and what changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    key: String,
    agent_id: Option<String>,
    /// The session id that the client saw; another one refuses the patch.
    expected_session_id: Option<String>,
    #[serde(default)]
    label: Text,
    #[serde(default)]
    thinking_level: Text,
    #[serde(default)]
    verbose_level: Text,
    #[serde(default)]
    reasoning_level: Text,
    #[serde(default)]
    response_usage: Text,
    #[serde(default)]
    elevated_level: Text,
    #[serde(default)]
    exec_host: Text,
    #[serde(default)]
    exec_security: Text,
    #[serde(default)]
    exec_ask: Text,
    #[serde(default)]
    exec_node: Text,
    #[serde(default)]
    model: Text,
    #[serde(default)]
    spawned_by: Text,
    #[serde(default)]
    send_policy: Text,
    #[serde(default)]
    group_activation: Text,
}

/// The conversation as it is now.
#[derive(Serialize)]
pub(super) struct Reply {
    ok: bool,
    path: String,
    key: SessionKey,
    entry: Arc<SessionEntry>,
    resolved: Resolved,
}

impl Method for SessionsPatch {
    const NAME: &'static str = "sessions.patch";
    const SCOPE: domain::Scope = domain::Scope::Admin;
    const KIND: super::Kind = super::Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let reply = Self::apply(&cx, params).await?;
        let change = events::Change::By("patch");
        cx.gateway.events.conversation_changed(&cx.gateway, &reply.key, change);
        Ok(reply)
    }
}

impl SessionsPatch {
    /// Changes the settings and tells nobody.
    pub(super) async fn apply(cx: &Cx, params: Params) -> Result<Reply, RpcError> {
        let gateway = &cx.gateway;
        let config = gateway.config();
        let key = gateway.session_key(&params.key, agent_of(params.agent_id.as_deref()).as_ref());
        let id = key.agent().unwrap_or_else(|| config.agents.default.clone());
        let Some(agent) = config.agents.get(&id) else {
            return Err(RpcError::invalid(format!("unknown agent id \"{id}\"")));
        };
        let sessions = gateway.sessions_of(&key);
        let scene = Scene {
            gateway,
            config: &config,
            agent,
            key: &key,
            entry: sessions.get(&key),
            version: cx.caller.version,
        };
        check_session(scene.entry.as_deref(), params.expected_session_id.as_deref())?;
        let checked = scene.check(params).map_err(RpcError::invalid)?;
        let entry = sessions.update(&key, |entry| checked.apply(entry)).await?;
        let resolved = session_row::resolved(&config, &key, &entry);
        Ok(Reply { ok: true, path: sessions.path(), key, entry, resolved })
    }
}

/// What the checks look at.
struct Scene<'a> {
    gateway: &'a Gateway,
    config: &'a Config,
    agent: &'a Agent,
    key: &'a SessionKey,
    entry: Option<Arc<SessionEntry>>,
    version: Version,
}

/// Changes that may be made.
struct Checked {
    texts: Vec<(Field, Option<String>)>,
    model: Change<ModelRef>,
}

type Field = fn(&mut SessionEntry) -> &mut Option<String>;

/// A setting that has one of a few words.
struct Words {
    field: Field,
    name: &'static str,
    choices: &'static [&'static str],
    off: Off,
}

/// What `off` is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Off {
    /// A word like the others.
    IsStored,
    /// The same as no word.
    MeansNone,
}

impl Checked {
    fn apply(self, entry: &mut SessionEntry) {
        for (field, value) in self.texts {
            *field(entry) = value;
        }
        match self.model {
            Change::Keep => {}
            Change::Clear => (entry.provider_override, entry.model_override) = (None, None),
            Change::Set(model) => {
                entry.provider_override = Some(model.provider);
                entry.model_override = Some(model.model);
            }
        }
    }
}

impl Scene<'_> {
    fn check(&self, params: Params) -> Result<Checked, String> {
        let model = self.model(params.model)?;
        let mut texts: Vec<(Field, Option<String>)> = Vec::new();
        let mut put = |field: Field, change: Text| match change {
            Change::Keep => {}
            Change::Clear => texts.push((field, None)),
            Change::Set(text) => texts.push((field, Some(text))),
        };
        put(|entry| &mut entry.label, self.label(params.label)?);
        put(|entry| &mut entry.spawned_by, self.spawned_by(params.spawned_by)?);
        put(|entry| &mut entry.thinking_level, self.thinking(params.thinking_level, &model)?);
        put(|entry| &mut entry.exec_node, filled("execNode", params.exec_node)?);
        let given = [
            params.verbose_level,
            params.reasoning_level,
            params.response_usage,
            params.elevated_level,
            params.exec_host,
            params.exec_security,
            params.exec_ask,
            params.send_policy,
            params.group_activation,
        ];
        for (words, change) in WORDS.iter().zip(given) {
            put(words.field, words.check(change)?);
        }
        Ok(Checked { texts, model })
    }

    fn label(&self, change: Text) -> Result<Text, String> {
        let label = match filled("label", change)? {
            Change::Set(label) => label,
            other @ (Change::Keep | Change::Clear) => return Ok(other),
        };
        if label.chars().count() > LABEL_CHARS_MAX {
            return Err(format!("invalid label: too long (max {LABEL_CHARS_MAX})"));
        }
        let is_taken = sessions_list::all(self.gateway, None)
            .iter()
            .any(|(key, entry)| key != self.key && entry.label.as_ref() == Some(&label));
        if is_taken {
            Err(format!("label already in use: {label}"))
        } else {
            Ok(Change::Set(label))
        }
    }

    fn spawned_by(&self, change: Text) -> Result<Text, String> {
        let before = self.entry.as_ref().and_then(|entry| entry.spawned_by.as_ref());
        match filled("spawnedBy", change)? {
            Change::Clear if before.is_some() => {
                Err("spawnedBy cannot be cleared once set".to_owned())
            }
            Change::Set(_) if !self.key.is_subagent() => {
                Err("spawnedBy is only supported for subagent:* sessions".to_owned())
            }
            Change::Set(parent) if before.is_some_and(|before| *before != parent) => {
                Err("spawnedBy cannot be changed once set".to_owned())
            }
            change @ (Change::Keep | Change::Clear | Change::Set(_)) => Ok(change),
        }
    }

    fn thinking(&self, change: Text, model: &Change<ModelRef>) -> Result<Text, String> {
        let Change::Set(text) = change else { return Ok(change) };
        let wanted = match model {
            Change::Set(model) => model.clone(),
            Change::Clear => session_row::model_of(self.config, &self.agent.id, None),
            Change::Keep => {
                session_row::model_of(self.config, &self.agent.id, self.entry.as_deref())
            }
        };
        let known = self.gateway.models.resolve(self.config, self.agent, &wanted).ok();
        match levels::thinking(&text, known.as_deref(), self.version)? {
            "off" => Ok(Change::Clear),
            level => Ok(Change::Set(level.to_owned())),
        }
    }

    fn model(&self, change: Text) -> Result<Change<ModelRef>, String> {
        let name = match filled("model", change)? {
            Change::Keep => return Ok(Change::Keep),
            Change::Clear => return Ok(Change::Clear),
            Change::Set(name) => name,
        };
        let wanted = self.gateway.models.parse_ref(self.agent, &name);
        let is_listed = self.agent.catalogue.is_empty()
            || self.agent.catalogue.contains_key(&wanted.to_string())
            || self.agent.models.contains(&wanted)
            || self.config.models.providers.contains_key(&wanted.provider);
        if !is_listed {
            return Err(format!("model not allowed: {wanted}"));
        }
        if let Err(error) = self.gateway.models.resolve(self.config, self.agent, &wanted) {
            return Err(format!("model not allowed: {wanted}: {}", error.text));
        }
        let is_default = self.agent.models.first() == Some(&wanted);
        Ok(if is_default { Change::Clear } else { Change::Set(wanted) })
    }
}

const WORDS: [Words; 9] = [
    Words {
        field: |entry| &mut entry.verbose_level,
        name: "verboseLevel",
        choices: &["on", "off", "full"],
        off: Off::IsStored,
    },
    Words {
        field: |entry| &mut entry.reasoning_level,
        name: "reasoningLevel",
        choices: &["on", "off", "stream"],
        off: Off::MeansNone,
    },
    Words {
        field: |entry| &mut entry.response_usage,
        name: "responseUsage",
        choices: &["off", "tokens", "full", "on"],
        off: Off::MeansNone,
    },
    Words {
        field: |entry| &mut entry.elevated_level,
        name: "elevatedLevel",
        choices: &["on", "off", "ask", "full"],
        off: Off::IsStored,
    },
    Words {
        field: |entry| &mut entry.exec_host,
        name: "execHost",
        choices: &["sandbox", "gateway", "node"],
        off: Off::IsStored,
    },
    Words {
        field: |entry| &mut entry.exec_security,
        name: "execSecurity",
        choices: &["deny", "allowlist", "full"],
        off: Off::IsStored,
    },
    Words {
        field: |entry| &mut entry.exec_ask,
        name: "execAsk",
        choices: &["off", "on-miss", "always"],
        off: Off::IsStored,
    },
    Words {
        field: |entry| &mut entry.send_policy,
        name: "sendPolicy",
        choices: &["allow", "deny"],
        off: Off::IsStored,
    },
    Words {
        field: |entry| &mut entry.group_activation,
        name: "groupActivation",
        choices: &["mention", "always"],
        off: Off::IsStored,
    },
];

impl Words {
    fn check(&self, change: Text) -> Result<Text, String> {
        let Change::Set(text) = change else { return Ok(change) };
        let word = text.trim().to_lowercase();
        if !self.choices.contains(&word.as_str()) {
            let choices: Vec<String> =
                self.choices.iter().map(|choice| format!("\"{choice}\"")).collect();
            return Err(format!("invalid {} (use {})", self.name, choices.join("|")));
        }
        let means_none = word == "off" && self.off == Off::MeansNone;
        Ok(if means_none { Change::Clear } else { Change::Set(word) })
    }
}

/// A text without blanks around it, which must leave something.
fn filled(name: &str, change: Text) -> Result<Text, String> {
    match change {
        Change::Set(text) if text.trim().is_empty() => Err(format!("invalid {name}: empty")),
        Change::Set(text) => Ok(Change::Set(text.trim().to_owned())),
        other @ (Change::Keep | Change::Clear) => Ok(other),
    }
}
