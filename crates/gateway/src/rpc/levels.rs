//! Words for how hard a model thinks, as clients choose them.

use models::Model;
use protocol::Version;
use serde::Serialize;

const THINKING: [&str; 5] = ["off", "minimal", "low", "medium", "high"];

/// One level that a model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct ThinkingLevel {
    id: &'static str,
    label: &'static str,
}

impl ThinkingLevel {
    /// The levels that `model` knows, and the one it uses by itself.
    pub(super) fn of(model: Option<&Model>) -> (Vec<Self>, &'static str) {
        let thinks = model.is_some_and(|model| model.reasoning);
        let names = if thinks { &THINKING[..] } else { &THINKING[..1] };
        let levels = names.iter().map(|&name| Self { id: name, label: name }).collect();
        (levels, if thinks { "low" } else { "off" })
    }
}

/// The level that a person means; the error names the choices.
///
/// Version 3 offers all levels whatever the model can do, version 4 only what it can.
pub(super) fn thinking(
    text: &str,
    model: Option<&Model>,
    version: Version,
) -> Result<&'static str, String> {
    let thinks = model.is_none_or(|model| model.reasoning);
    let all = version == Version::V3 || thinks;
    let mut choices = if all { THINKING.to_vec() } else { vec!["off"] };
    if thinks && model.is_some_and(takes_xhigh) {
        choices.push("xhigh");
    }
    let meant = match text.trim().to_lowercase().as_str() {
        "off" | "none" => "off",
        "minimal" | "min" | "think" => "minimal",
        "low" | "on" => "low",
        "medium" | "med" | "mid" => "medium",
        "high" | "max" | "ultra" => "high",
        "xhigh" | "x-high" | "extra-high" => "xhigh",
        _ => "",
    };
    if choices.contains(&meant) {
        Ok(meant)
    } else {
        Err(format!("invalid thinkingLevel (use {})", choices.join("|")))
    }
}

/// Models with a level above `high`.
fn takes_xhigh(model: &Model) -> bool {
    model.provider.starts_with("openai") && model.id.starts_with("gpt-5")
        || model.provider == "anthropic" && model.id.starts_with("claude-opus-4-6")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_told_by_version() {
        let plain = Model {
            provider: "mock".to_owned(),
            id: "mock-1".to_owned(),
            name: "Mock".to_owned(),
            api: config::Api::OpenaiCompletions,
            context_tokens: 1,
            output_tokens_max: 1,
            reasoning: false,
            images: false,
            prices: domain::usage::Prices::default(),
        };
        let of = |text, version| thinking(text, Some(&plain), version);

        assert_eq!(of("Low", Version::V3), Ok("low"));
        assert_eq!(
            of("nonsense", Version::V3).unwrap_err(),
            "invalid thinkingLevel (use off|minimal|low|medium|high)"
        );
        assert_eq!(of("low", Version::V4).unwrap_err(), "invalid thinkingLevel (use off)");
        assert_eq!(of("off", Version::V4), Ok("off"));
    }
}
