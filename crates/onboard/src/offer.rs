//! Which model providers the wizard offers: names for scripts, labels, variables, default models.
//!
//! Data only. A row here needs a provider that `models` can reach without further configuration,
//! or one whose address is asked for.

use crate::language::Text;

/// A way to get at a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What `--auth-choice` calls it.
    pub choice: &'static str,
    /// The provider in the configuration.
    pub provider: &'static str,
    /// What people call it.
    pub label: Text,
    /// What is asked for.
    pub proof: Proof,
    /// Variable of the environment that may hold the key already.
    pub variable: Option<&'static str>,
    /// Default model, without its provider; empty when the person names one.
    pub model: &'static str,
    /// Short name of the default model.
    pub alias: Option<&'static str>,
    /// Where its API is, when that is not the one `models` knows; a default when it is asked for.
    pub base_url: Option<&'static str>,
}

/// What a provider asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// An API key.
    Key,
    /// A token that a subscription gives out.
    Token,
    /// An address, and no key.
    Address,
    /// An address, and perhaps a key.
    AddressAndKey,
}

/// Leaves the model for later.
pub const SKIP: &str = "skip";
/// Any server that speaks a known dialect.
pub(crate) const CUSTOM: &str = "custom-api-key";
/// Models on this machine.
pub(crate) const OLLAMA: &str = "ollama";
/// A token pasted by hand.
pub(crate) const TOKEN: &str = "token";

/// Choices of the reference that need a login in a browser, or a server that this build lacks.
const UNSUPPORTED: [&str; 10] = [
    "openai-codex",
    "minimax-portal",
    "google-antigravity",
    "google-gemini-cli",
    "qwen-portal",
    "github-copilot",
    "copilot-proxy",
    "chutes",
    "claude-cli",
    "cloudflare-ai-gateway-api-key",
];

const fn key(
    choice: &'static str,
    [provider, label, variable]: [&'static str; 3],
    model: &'static str,
    alias: Option<&'static str>,
) -> Offer {
    Offer {
        choice,
        provider,
        label: Text(label, label),
        proof: Proof::Key,
        variable: Some(variable),
        model,
        alias,
        base_url: None,
    }
}

/// All offers, the commonest first.
#[rustfmt::skip]
pub const OFFERS: &[Offer] = &[
    Offer {
        label: Text("Anthropic (API key)", "Anthropic（API 密钥）"),
        ..key("apiKey", ["anthropic", "", "ANTHROPIC_API_KEY"], "claude-opus-4-6", Some("opus"))
    },
    Offer {
        choice: TOKEN,
        label: Text("Anthropic (setup-token of a subscription)", "Anthropic（订阅的 setup-token）"),
        proof: Proof::Token,
        ..key(TOKEN, ["anthropic", "", "ANTHROPIC_OAUTH_TOKEN"], "claude-opus-4-6", Some("opus"))
    },
    key("openai-api-key", ["openai", "OpenAI", "OPENAI_API_KEY"], "gpt-5.2", Some("gpt")),
    key("openrouter-api-key", ["openrouter", "OpenRouter", "OPENROUTER_API_KEY"], "auto", Some("OpenRouter")),
    key("gemini-api-key", ["google", "Google Gemini", "GEMINI_API_KEY"], "gemini-3-pro-preview", Some("gemini")),
    Offer {
        choice: OLLAMA,
        provider: "ollama",
        label: Text("Ollama (models on your own machine)", "Ollama（本机模型）"),
        proof: Proof::Address,
        variable: None,
        model: "",
        alias: None,
        base_url: Some("http://127.0.0.1:11434/v1"),
    },
    Offer {
        choice: CUSTOM,
        provider: "custom",
        label: Text("Another server (OpenAI- or Anthropic-compatible)", "其他服务（兼容 OpenAI 或 Anthropic）"),
        proof: Proof::AddressAndKey,
        variable: None,
        model: "",
        alias: None,
        base_url: None,
    },
    key("deepseek-api-key", ["deepseek", "DeepSeek", "DEEPSEEK_API_KEY"], "deepseek-chat", Some("DeepSeek")),
    key("moonshot-api-key", ["moonshot", "Moonshot Kimi", "MOONSHOT_API_KEY"], "kimi-k2.5", Some("Kimi")),
    Offer {
        label: Text("Moonshot Kimi (China)", "Moonshot Kimi（国内）"),
        base_url: Some("https://api.moonshot.cn/v1"),
        ..key("moonshot-api-key-cn", ["moonshot", "", "MOONSHOT_API_KEY"], "kimi-k2.5", Some("Kimi"))
    },
    key("kimi-code-api-key", ["kimi-coding", "Kimi Coding", "KIMI_API_KEY"], "k2p5", Some("Kimi Coding")),
    key("zai-api-key", ["zai", "Z.AI GLM", "ZAI_API_KEY"], "glm-4.7", Some("GLM")),
    key("minimax-api", ["minimax", "MiniMax", "MINIMAX_API_KEY"], "MiniMax-M2.1", Some("Minimax")),
    key("minimax-api-lightning", ["minimax", "MiniMax Lightning", "MINIMAX_API_KEY"], "MiniMax-M2.1-lightning", Some("Minimax")),
    key("qianfan-api-key", ["qianfan", "Baidu Qianfan", "QIANFAN_API_KEY"], "deepseek-v3.2", Some("Qianfan")),
    key("xiaomi-api-key", ["xiaomi", "Xiaomi MiMo", "XIAOMI_API_KEY"], "mimo-v2-flash", Some("Xiaomi")),
    key("xai-api-key", ["xai", "xAI Grok", "XAI_API_KEY"], "grok-4", Some("Grok")),
    key("mistral-api-key", ["mistral", "Mistral", "MISTRAL_API_KEY"], "mistral-large-latest", Some("Mistral")),
    key("groq-api-key", ["groq", "Groq", "GROQ_API_KEY"], "openai/gpt-oss-120b", None),
    key("synthetic-api-key", ["synthetic", "Synthetic", "SYNTHETIC_API_KEY"], "hf:MiniMaxAI/MiniMax-M2.1", None),
    key("venice-api-key", ["venice", "Venice", "VENICE_API_KEY"], "llama-3.3-70b", None),
    key("opencode-zen", ["opencode", "OpenCode Zen", "OPENCODE_API_KEY"], "claude-opus-4-6", None),
    key("ai-gateway-api-key", ["vercel-ai-gateway", "Vercel AI Gateway", "AI_GATEWAY_API_KEY"], "anthropic/claude-opus-4.6", None),
];

/// What a name given to `--auth-choice` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// This offer.
    Offer(&'static Offer),
    /// No model for now.
    Skip,
    /// Known elsewhere, but not built here.
    Unsupported,
    /// Nothing.
    Unknown,
}

/// Reads a name given to `--auth-choice`.
pub fn meaning(choice: &str) -> Meaning {
    let choice = match choice {
        "setup-token" | "oauth" => TOKEN,
        "anthropic-api-key" => "apiKey",
        "google-api-key" => "gemini-api-key",
        "custom" => CUSTOM,
        other => other,
    };
    if choice == SKIP {
        return Meaning::Skip;
    }
    if let Some(offer) = OFFERS.iter().find(|it| it.choice == choice) {
        return Meaning::Offer(offer);
    }
    if UNSUPPORTED.contains(&choice) { Meaning::Unsupported } else { Meaning::Unknown }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_offer_is_found_by_a_name_of_its_own() {
        let names: BTreeSet<_> = OFFERS.iter().map(|it| it.choice).collect();

        assert_eq!(names.len(), OFFERS.len());
        for offer in OFFERS {
            assert_eq!(meaning(offer.choice), Meaning::Offer(offer));
            assert!(!offer.label.0.is_empty() && !offer.label.1.is_empty(), "{}", offer.choice);
        }
    }

    #[test]
    fn older_names_and_logins_of_the_reference_are_known() {
        assert!(matches!(meaning("setup-token"), Meaning::Offer(it) if it.choice == TOKEN));
        assert_eq!(meaning("skip"), Meaning::Skip);
        assert_eq!(meaning("openai-codex"), Meaning::Unsupported);
        assert_eq!(meaning("nonsense"), Meaning::Unknown);
    }
}
