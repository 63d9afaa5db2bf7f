//! What is known about a model and how it is reached: config first, catalogue second,
//! defaults last. Pure.

use config::ModelRef;

use crate::{
    ErrorKind, Model, ModelError, PROVIDERS, catalog,
    dialect::{Dialect, Route},
    quirks::Quirks,
};

/// Context window of a model that nobody described, in tokens.
const CONTEXT_TOKENS_DEFAULT: u64 = 200_000;

/// Most tokens per reply of a model that nobody described.
const OUTPUT_TOKENS_DEFAULT: u64 = 8_192;

/// What is known about `wanted`: config first, catalogue second, defaults last.
pub(crate) fn describe(
    models: &config::Models,
    agent: &config::Agent,
    wanted: &ModelRef,
) -> Result<Model, ModelError> {
    let configured = models.providers.get(&wanted.provider);
    let known_provider = catalog::provider(&wanted.provider).filter(|_| !models.replace);
    if configured.is_none() && known_provider.is_none() {
        return Err(unknown_provider(wanted));
    }
    let api = configured
        .and_then(|it| it.api)
        .or(catalog::provider(&wanted.provider).map(|it| it.api))
        .unwrap_or(config::Api::OpenaiCompletions);
    let mut model = Model {
        provider: wanted.provider.clone(),
        id: wanted.model.clone(),
        name: wanted.model.clone(),
        api,
        context_tokens: CONTEXT_TOKENS_DEFAULT,
        output_tokens_max: OUTPUT_TOKENS_DEFAULT,
        reasoning: false,
        images: false,
        prices: domain::usage::Prices::default(),
    };
    let own = configured.and_then(|it| it.models.iter().find(|it| it.id == wanted.model));
    if let Some(own) = own {
        model.name.clone_from(&own.name);
        model.api = own.api.unwrap_or(api);
        model.context_tokens = own.context_tokens;
        model.output_tokens_max = own.output_tokens_max;
        model.reasoning = own.reasoning;
        model.images = own.images;
        model.prices = own.prices;
    } else if let Some(known) = catalog::model(&wanted.provider, &wanted.model) {
        known.name.clone_into(&mut model.name);
        model.context_tokens = known.context_tokens;
        model.output_tokens_max = known.output_tokens_max;
        model.reasoning = known.skills.thinks();
        model.images = known.skills.sees();
        model.prices = known.prices;
    }
    if let Some(most) = agent.context_tokens_max {
        model.context_tokens = model.context_tokens.min(most);
    }
    Ok(model)
}

/// How `model` is reached, without its key.
pub(crate) fn route_of(models: &config::Models, agent: &config::Agent, model: &Model) -> Route {
    let configured = models.providers.get(&model.provider);
    let own = configured.and_then(|it| it.models.iter().find(|it| it.id == model.id));
    let base_url = configured
        .map(|it| it.base_url.as_str())
        .filter(|it| !it.is_empty())
        .or(catalog::provider(&model.provider).map(|it| it.base_url))
        .unwrap_or_default();
    let mut headers = configured.map(|it| it.headers.clone()).unwrap_or_default();
    if let Some(own) = own {
        headers.extend(own.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    let entry = agent.catalogue.get(&format!("{}/{}", model.provider, model.id));
    Route {
        base_url: base_url.trim_end_matches('/').to_owned(),
        key: None,
        headers,
        auth_header: configured.is_some_and(|it| it.auth_header),
        compat: own.map(|it| it.compat).unwrap_or_default(),
        streams: own
            .and_then(|it| it.streams)
            .or(entry.and_then(|it| it.streaming))
            .unwrap_or(configured.is_none_or(|it| it.streams)),
        quirks: Quirks::default(),
        params: entry.map(|it| it.params.clone()).unwrap_or_default(),
    }
}

pub(crate) fn dialect_of(model: &Model) -> Result<&'static Dialect, ModelError> {
    PROVIDERS.iter().find(|it| it.api == model.api).copied().ok_or_else(|| ModelError {
        kind: ErrorKind::Format,
        provider: model.provider.clone(),
        model: model.id.clone(),
        text: format!("the API `{}` is not supported yet", model.api.as_str()),
        status: None,
        retry_after: None,
    })
}

fn unknown_provider(wanted: &ModelRef) -> ModelError {
    ModelError {
        kind: ErrorKind::Format,
        provider: wanted.provider.clone(),
        model: wanted.model.clone(),
        text: format!(
            "unknown provider `{0}`; hint: configure it under `models.providers.{0}`",
            wanted.provider
        ),
        status: None,
        retry_after: None,
    }
}

pub(crate) fn no_key(model: &Model, agent: &config::Agent) -> ModelError {
    let provider = &model.provider;
    let variable = catalog::provider(provider)
        .and_then(|it| it.env.last())
        .map(|name| format!("; or set `{name}`"))
        .unwrap_or_default();
    ModelError {
        kind: ErrorKind::Auth,
        provider: provider.clone(),
        model: model.id.clone(),
        text: format!(
            "no API key found for provider `{provider}`; hint: openclaw configure --section \
             model{variable}, or `models.providers.{provider}.apiKey` (auth store: {})",
            agent.agent_dir.join("auth-profiles.json").display()
        ),
        status: None,
        retry_after: None,
    }
}

pub(crate) fn nothing_to_ask() -> ModelError {
    ModelError {
        kind: ErrorKind::Format,
        provider: "none".to_owned(),
        model: "none".to_owned(),
        text: "no model is configured".to_owned(),
        status: None,
        retry_after: None,
    }
}
