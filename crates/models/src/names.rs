//! Model references as people write them: aliases, provider aliases, shorthands.

use config::ModelRef;

/// Provider names that mean another one.
const PROVIDER_ALIASES: &[(&str, &str)] = &[
    ("z.ai", "zai"),
    ("z-ai", "zai"),
    ("opencode-zen", "opencode"),
    ("qwen", "qwen-portal"),
    ("kimi-code", "kimi-coding"),
];

/// Model names that mean another one, by provider.
const SHORTHANDS: &[(&str, &str, &str)] = &[
    ("anthropic", "opus-4.6", "claude-opus-4-6"),
    ("anthropic", "opus-4.5", "claude-opus-4-5"),
    ("anthropic", "sonnet-4.5", "claude-sonnet-4-5"),
    ("google", "gemini-3-pro", "gemini-3-pro-preview"),
    ("google", "gemini-3-flash", "gemini-3-flash-preview"),
];

/// Aliases that hold for models listed in the catalogue without one of their own.
const BUILT_IN: &[(&str, &str)] = &[
    ("opus", "anthropic/claude-opus-4-6"),
    ("sonnet", "anthropic/claude-sonnet-4-5"),
    ("gpt", "openai/gpt-5.2"),
    ("gpt-mini", "openai/gpt-5-mini"),
    ("gemini", "google/gemini-3-pro-preview"),
    ("gemini-flash", "google/gemini-3-flash-preview"),
];

/// Reads `text`: an alias of `agent`'s catalogue, `provider/model`, or a bare Anthropic model.
pub(crate) fn parse(agent: &config::Agent, text: &str) -> ModelRef {
    let text = text.trim();
    let known = agent.catalogue.iter().find_map(|(reference, entry)| {
        let alias = entry.alias.as_deref()?;
        alias.eq_ignore_ascii_case(text).then_some(reference.as_str())
    });
    let built_in = || {
        let (_, reference) = BUILT_IN.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(text))?;
        let entry = agent.catalogue.get(*reference)?;
        entry.alias.is_none().then_some(*reference)
    };
    let reference = known.or_else(built_in).unwrap_or(text);
    let (provider, model) = reference.split_once('/').unwrap_or(("anthropic", reference));
    normalise(provider, model)
}

/// Resolves provider aliases and model shorthands.
pub(crate) fn normalise(provider: &str, model: &str) -> ModelRef {
    let provider = provider.trim().to_lowercase();
    let provider = PROVIDER_ALIASES
        .iter()
        .find(|(alias, _)| *alias == provider)
        .map_or(provider, |(_, name)| (*name).to_owned());
    let model = model.trim();
    let model = SHORTHANDS
        .iter()
        .find(|(of, short, _)| *of == provider && short.eq_ignore_ascii_case(model))
        .map_or(model, |(_, _, long)| long);
    ModelRef { provider, model: model.to_owned() }
}
