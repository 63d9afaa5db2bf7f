//! Whether a key works: one small real request, through the same code as every turn.
//!
//! Looks at the key that was just given and at no other, writes nothing, and lets go of the
//! reply as soon as it begins.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use config::{Env, Loaded, Locations};
use domain::{Clock, Content, Message, Secret};
use futures_util::StreamExt as _;
use models::{Delta, ErrorKind, Limits, Models, Request, Settings, Thinking};
use store::{OpenOptions, Store};

use crate::{
    apply::{ApplyError, Place, preview},
    language::{Language, Text},
    plan::Plan,
    setup::ModelSetup,
};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the provider may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// What is said to the model.
const GREETING: &str = "Reply with the single word: ready";

/// Why a key did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// What sort of failure; decides the advice.
    pub reason: &'static str,
    /// What the provider said.
    pub text: String,
}

impl Failed {
    /// What a person can do about it.
    pub fn advice(&self, language: Language) -> &'static str {
        let text = match self.reason {
            "auth" => Text(
                "The provider does not accept this key. Copy it again in full, and check that it \
                 belongs to this provider and is not revoked.",
                "服务商不接受这个密钥。请重新完整复制，并确认它属于该服务商且未被吊销。",
            ),
            "billing" => Text(
                "The key is right, but the account has no credit. Add credit, or take another key.",
                "密钥正确，但账户余额不足。请充值或换一个密钥。",
            ),
            "rate_limit" => Text(
                "The key is right, but the provider is busy or a limit is reached. You can keep it.",
                "密钥正确，但服务繁忙或已达限额。可以保留该密钥。",
            ),
            "timeout" => Text(
                "The provider cannot be reached from here. Check the address, the network and any \
                 proxy (HTTPS_PROXY); on a closed network keep the key as it is.",
                "从这里无法连接服务商。请检查地址、网络和代理（HTTPS_PROXY）；内网环境可直接保留密钥。",
            ),
            "format" => Text(
                "The provider refused the request: most often the name of the model is wrong, or \
                 the account may not use it.",
                "服务商拒绝了请求：通常是模型名称有误，或账户无权使用该模型。",
            ),
            _ => Text(
                "The provider failed, which often passes. Try again, or keep the key as it is.",
                "服务商出错，通常很快恢复。请重试，或直接保留密钥。",
            ),
        };
        text.of(language)
    }
}

/// What a check needs beside the plan.
#[derive(Clone, Debug)]
pub struct Check {
    loaded: Loaded,
    env: Arc<BTreeMap<String, String>>,
    reference: String,
    clock: Arc<dyn Clock>,
    nowhere: PathBuf,
}

impl Check {
    /// Makes a check of `model` as `plan` would configure it; `None` when no model is named.
    ///
    /// # Errors
    ///
    /// When the config's rules refuse the plan.
    pub fn of(
        model: &ModelSetup,
        plan: &Plan,
        place: &Place<'_>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>, ApplyError> {
        let Some(reference) = model.reference() else { return Ok(None) };
        // No auth profile of this machine is there, so that none can stand in for a bad key.
        let nowhere = place.locations.state_dir.join(".key-check-without-profiles");
        let locations = Locations { state_dir: nowhere.clone(), ..place.locations.clone() };
        let edited = preview(plan, place)?;
        let loaded = config::load_text(&edited.raw, &locations, place.env);
        let env = Arc::new(environment(model, place.env));
        Ok(Some(Self { loaded, env, reference, clock, nowhere }))
    }

    /// The variables that the request will see.
    #[cfg(test)]
    pub(crate) fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// Asks the model for a word.
    ///
    /// # Errors
    ///
    /// What the provider said instead.
    pub async fn run(self) -> Result<(), Failed> {
        let Some(config) = &self.loaded.config else { return Ok(()) };
        let Some(agent) = config.agents.get(&config.agents.default) else { return Ok(()) };
        let options = OpenOptions {
            state_dir: self.nowhere,
            sessions_template: None,
            clock: Arc::clone(&self.clock),
        };
        let store = Store::open_unlocked(options).map_err(|error| garbage(error.to_string()))?;
        let settings = Settings { store, clock: Arc::clone(&self.clock), env: self.env };
        let limits = Limits { connect_timeout: CONNECT, idle_timeout: SILENCE, ..Limits::STANDARD };
        let models = Models::with_limits(settings, limits);
        let mut agent = agent.clone();
        // The agent's own directory would name profiles that are there.
        agent.agent_dir.clone_from(&PathBuf::from("/nonexistent"));
        let wanted = models.parse_ref(&agent, &self.reference);
        let model = models.resolve(config, &agent, &wanted).map_err(|error| failed(&error))?;

        let request = Request {
            model,
            system: Arc::from("You are being tested for a connection. Reply with one word."),
            messages: vec![Arc::new(Message::User(domain::User {
                content: Content::text(GREETING),
                timestamp: self.clock.now(),
            }))]
            .into(),
            tools: Arc::from([]),
            thinking: Thinking::Off,
            cache_key: "key-check".to_owned(),
            result_bytes_max: None,
        };
        let mut deltas = models.stream(config, &agent, request);
        while let Some(delta) = deltas.next().await {
            match delta.map_err(|error| failed(&error))? {
                Delta::Model { .. } => {}
                Delta::Text(_)
                | Delta::Thinking(_)
                | Delta::TextWasThinking
                | Delta::CallStarted { .. }
                | Delta::Done(_) => {
                    return Ok(());
                }
            }
        }
        Err(garbage("the provider answered nothing".to_owned()))
    }
}

fn failed(error: &models::ModelError) -> Failed {
    Failed { reason: error.kind.reason(), text: error.text.clone() }
}

fn garbage(text: String) -> Failed {
    Failed { reason: ErrorKind::Garbage.reason(), text }
}

/// The environment with the key that is to be checked, and without the others of its provider.
fn environment(model: &ModelSetup, env: &Env) -> BTreeMap<String, String> {
    let mut vars = env.vars().clone();
    if let (Some(secret), Some(variable)) = (&model.secret, model.offer.variable) {
        let of_provider = crate::offer::OFFERS.iter().filter(|it| it.provider == model.provider);
        for other in of_provider.filter_map(|it| it.variable) {
            vars.remove(other);
        }
        vars.insert(variable.to_owned(), Secret::expose(secret).to_owned());
    }
    vars
}
