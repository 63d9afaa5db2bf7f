//! The status card of a conversation, and choosing its model.

use std::fmt::Write as _;

use config::ModelRef;
use domain::{AgentId, SessionKey};
use store::StoreError;

use crate::{brief, io::Io, session::chosen};

/// Says how a conversation stands.
pub(crate) fn card(io: &Io, key: &SessionKey, agent: &AgentId, busy: bool) -> String {
    let config = io.config();
    let agents = &config.agents;
    let settings = agents.get(agent).unwrap_or(&agents.list[0]);
    let entry = io.store.sessions(agent).get(key);
    let wanted = brief::candidates(settings, entry.as_deref().and_then(chosen));
    let model = wanted.first().map_or_else(|| "none".to_owned(), ToString::to_string);
    let window = wanted
        .first()
        .and_then(|model| io.models.resolve(&config, settings, model).ok())
        .map(|model| model.context_tokens);
    let now = io.clock.now().timestamp().to_zoned(io.zone());
    let mut lines = vec![
        format!("OpenClaw {}", env!("CARGO_PKG_VERSION")),
        format!("Time: {}", now.strftime("%a %Y-%m-%d %H:%M %Z")),
        format!("Model: {model}"),
        format!("Session: {key}"),
    ];
    if let Some(entry) = &entry {
        let mut tokens = format!("Context: {}", entry.total_tokens.unwrap_or(0));
        if let Some(window) = window {
            // Writing to a `String` cannot fail.
            let _written = write!(tokens, " of {window} tokens");
        }
        lines.push(tokens);
        lines.push(format!("Compactions: {}", entry.compaction_count.unwrap_or(0)));
        let level = |value: &Option<String>| value.clone().unwrap_or_else(|| "default".to_owned());
        lines.push(format!(
            "Thinking: {} · Verbose: {} · Queue: {}",
            level(&entry.thinking_level),
            level(&entry.verbose_level),
            level(&entry.queue_mode)
        ));
    }
    if busy {
        lines.push("Working on something now.".to_owned());
    }
    for note in io.notices.peek(key).into_iter().map(|note| note.text) {
        lines.push(format!("Note: {note}"));
    }
    lines.join("\n")
}

/// Chooses the model of a conversation; `default` goes back to the agent's.
///
/// The inner error is for the person: the model may not be chosen, and why.
pub(crate) async fn choose_model(
    io: &Io,
    key: &SessionKey,
    agent: &AgentId,
    name: &str,
) -> Result<Result<ModelRef, String>, StoreError> {
    let config = io.config();
    let agents = &config.agents;
    let settings = agents.get(agent).unwrap_or(&agents.list[0]);
    let sessions = io.store.sessions(agent);
    if name.eq_ignore_ascii_case("default") {
        sessions
            .update(key, |entry| (entry.provider_override, entry.model_override) = (None, None))
            .await?;
        return Ok(settings
            .models
            .first()
            .cloned()
            .ok_or_else(|| "no model is configured".to_owned()));
    }
    let wanted = io.models.parse_ref(settings, name);
    if !may_choose(settings, &config, &wanted) {
        let known: Vec<&str> = settings.catalogue.keys().map(String::as_str).collect();
        return Ok(Err(format!("`{wanted}` is not in the list of models: {}", known.join(", "))));
    }
    if let Err(error) = io.models.resolve(&config, settings, &wanted) {
        return Ok(Err(error.to_string()));
    }
    let (provider, model) = (wanted.provider.clone(), wanted.model.clone());
    sessions
        .update(key, |entry| {
            entry.provider_override = Some(provider);
            entry.model_override = Some(model);
        })
        .await?;
    Ok(Ok(wanted))
}

/// Whether the list of models, if there is one, has it; configured providers' models and the
/// agent's own are always in (`spec: agent-runtime` §5).
fn may_choose(agent: &config::Agent, config: &config::Config, wanted: &ModelRef) -> bool {
    agent.catalogue.is_empty()
        || agent.catalogue.contains_key(&wanted.to_string())
        || agent.models.contains(wanted)
        || config.models.providers.contains_key(&wanted.provider)
}
