//! How people name models.

use crate::resolved::{CatalogueEntry, ModelRef};

use std::collections::BTreeMap;

/// The model that is used when none is configured.
pub const DEFAULT_MODEL: &str = "anthropic/claude-opus-4-6";

/// Reads a model name: `provider/model`, an alias of `catalogue`, or a bare model of Anthropic's.
///
/// `None` when the name is blank or one of its halves is.
pub fn parse_model_ref(
    text: &str,
    catalogue: &BTreeMap<String, CatalogueEntry>,
) -> Option<ModelRef> {
    let text = text.trim();
    match text.split_once('/') {
        Some((provider, model)) => full(provider, model),
        None => catalogue
            .iter()
            .find(|(_, entry)| {
                entry.alias.as_deref().is_some_and(|alias| alias.trim().eq_ignore_ascii_case(text))
            })
            .and_then(|(name, _)| name.split_once('/'))
            .and_then(|(provider, model)| full(provider, model))
            .or_else(|| full("anthropic", text)),
    }
}

fn full(provider: &str, model: &str) -> Option<ModelRef> {
    let (provider, model) = (normalise_provider(provider), model.trim());
    if provider.is_empty() || model.is_empty() {
        return None;
    }
    let model = match (provider.as_str(), model) {
        ("anthropic", "opus-4.6") => "claude-opus-4-6",
        ("anthropic", "opus-4.5") => "claude-opus-4-5",
        ("anthropic", "sonnet-4.5") => "claude-sonnet-4-5",
        ("google", "gemini-3-pro") => "gemini-3-pro-preview",
        ("google", "gemini-3-flash") => "gemini-3-flash-preview",
        (_, model) => model,
    };
    Some(ModelRef { model: model.to_owned(), provider })
}

/// The usual spelling of a provider id.
pub fn normalise_provider(text: &str) -> String {
    let id = text.trim().to_lowercase();
    match id.as_str() {
        "z.ai" | "z-ai" => "zai".to_owned(),
        "opencode-zen" => "opencode".to_owned(),
        "qwen" => "qwen-portal".to_owned(),
        "kimi-code" => "kimi-coding".to_owned(),
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_aliases_and_bare_names_are_read() {
        let entry = CatalogueEntry { alias: Some("Fast".to_owned()), ..CatalogueEntry::default() };
        let catalogue = BTreeMap::from([("z.ai/glm/5".to_owned(), entry)]);
        let read = |text| parse_model_ref(text, &catalogue).map(|model| model.to_string());

        assert_eq!(read("OpenAI/gpt-5.2").as_deref(), Some("openai/gpt-5.2"));
        assert_eq!(read(" openrouter/a/b ").as_deref(), Some("openrouter/a/b"));
        assert_eq!(read("fast").as_deref(), Some("zai/glm/5"));
        assert_eq!(read("sonnet-4.5").as_deref(), Some("anthropic/claude-sonnet-4-5"));
        assert_eq!(read("google/gemini-3-pro").as_deref(), Some("google/gemini-3-pro-preview"));
        assert_eq!(read("/x"), None);
        assert_eq!(read(" "), None);
    }
}
