//! Built-in providers and models, as data: where they are, which environment variables hold
//! their keys, what they can do and what they cost.

use config::Api;
use domain::usage::Prices;

/// A provider that needs no configuration beyond a key.
pub(crate) struct KnownProvider {
    /// Its id.
    pub(crate) id: &'static str,
    /// Its dialect.
    pub(crate) api: Api,
    /// Its base URL.
    pub(crate) base_url: &'static str,
    /// Environment variables that may hold its key, best first.
    pub(crate) env: &'static [&'static str],
}

/// A model that needs no configuration.
pub(crate) struct KnownModel {
    /// Provider id.
    pub(crate) provider: &'static str,
    /// Model id.
    pub(crate) id: &'static str,
    /// Human name.
    pub(crate) name: &'static str,
    /// Context window in tokens.
    pub(crate) context_tokens: u64,
    /// Most tokens per reply.
    pub(crate) output_tokens_max: u64,
    /// What it can do beside text.
    pub(crate) skills: Skills,
    /// Dollars per million tokens.
    pub(crate) prices: Prices,
}

/// What a model can do beside text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skills {
    /// Nothing.
    Text,
    /// Think.
    Thinks,
    /// See.
    Sees,
    /// Both.
    ThinksAndSees,
}

impl Skills {
    pub(crate) fn thinks(self) -> bool {
        matches!(self, Self::Thinks | Self::ThinksAndSees)
    }

    pub(crate) fn sees(self) -> bool {
        matches!(self, Self::Sees | Self::ThinksAndSees)
    }
}

/// The built-in provider called `id`.
pub(crate) fn provider(id: &str) -> Option<&'static KnownProvider> {
    PROVIDERS.iter().find(|it| it.id == id)
}

/// The built-in model `provider/id`.
pub(crate) fn model(provider: &str, id: &str) -> Option<&'static KnownModel> {
    MODELS.iter().find(|it| it.provider == provider && it.id == id)
}

/// All built-in models.
pub(crate) fn models() -> &'static [KnownModel] {
    MODELS
}

const fn known(
    id: &'static str,
    api: Api,
    base_url: &'static str,
    env: &'static [&'static str],
) -> KnownProvider {
    KnownProvider { id, api, base_url, env }
}

const CHAT: Api = Api::OpenaiCompletions;
const MESSAGES: Api = Api::AnthropicMessages;

const PROVIDERS: &[KnownProvider] = &[
    known(
        "anthropic",
        MESSAGES,
        "https://api.anthropic.com",
        &["ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY"],
    ),
    known("openai", Api::OpenaiResponses, "https://api.openai.com/v1", &["OPENAI_API_KEY"]),
    // Its chat completions face; the native dialect is not built.
    known(
        "google",
        CHAT,
        "https://generativelanguage.googleapis.com/v1beta/openai",
        &["GEMINI_API_KEY"],
    ),
    known("openrouter", CHAT, "https://openrouter.ai/api/v1", &["OPENROUTER_API_KEY"]),
    known("xai", CHAT, "https://api.x.ai/v1", &["XAI_API_KEY"]),
    known("groq", CHAT, "https://api.groq.com/openai/v1", &["GROQ_API_KEY"]),
    known("cerebras", CHAT, "https://api.cerebras.ai/v1", &["CEREBRAS_API_KEY"]),
    known("mistral", CHAT, "https://api.mistral.ai/v1", &["MISTRAL_API_KEY"]),
    known("deepseek", CHAT, "https://api.deepseek.com/v1", &["DEEPSEEK_API_KEY"]),
    known("zai", CHAT, "https://api.z.ai/api/coding/paas/v4", &["ZAI_API_KEY", "Z_AI_API_KEY"]),
    known("moonshot", CHAT, "https://api.moonshot.ai/v1", &["MOONSHOT_API_KEY"]),
    known(
        "kimi-coding",
        MESSAGES,
        "https://api.kimi.com/coding",
        &["KIMI_API_KEY", "KIMICODE_API_KEY"],
    ),
    known("minimax", CHAT, "https://api.minimax.chat/v1", &["MINIMAX_API_KEY"]),
    known("minimax-portal", MESSAGES, "https://api.minimax.io/anthropic", &["MINIMAX_OAUTH_TOKEN"]),
    known("xiaomi", MESSAGES, "https://api.xiaomimimo.com/anthropic", &["XIAOMI_API_KEY"]),
    known("synthetic", MESSAGES, "https://api.synthetic.new/anthropic", &["SYNTHETIC_API_KEY"]),
    known("venice", CHAT, "https://api.venice.ai/api/v1", &["VENICE_API_KEY"]),
    known("qianfan", CHAT, "https://qianfan.baidubce.com/v2", &["QIANFAN_API_KEY"]),
    known(
        "qwen-portal",
        CHAT,
        "https://portal.qwen.ai/v1",
        &["QWEN_OAUTH_TOKEN", "QWEN_PORTAL_API_KEY"],
    ),
    known(
        "opencode",
        CHAT,
        "https://opencode.ai/zen/v1",
        &["OPENCODE_API_KEY", "OPENCODE_ZEN_API_KEY"],
    ),
    known("vercel-ai-gateway", MESSAGES, "https://ai-gateway.vercel.sh", &["AI_GATEWAY_API_KEY"]),
    known("chutes", CHAT, "https://llm.chutes.ai/v1", &["CHUTES_OAUTH_TOKEN", "CHUTES_API_KEY"]),
    known("ollama", CHAT, "http://127.0.0.1:11434/v1", &["OLLAMA_API_KEY"]),
];

const fn entry(
    [provider, id, name]: [&'static str; 3],
    tokens: (u64, u64),
    skills: Skills,
    dollars: [f64; 4],
) -> KnownModel {
    let [input, output, cache_read, cache_write] = dollars;
    KnownModel {
        provider,
        id,
        name,
        context_tokens: tokens.0,
        output_tokens_max: tokens.1,
        skills,
        prices: Prices { input, output, cache_read, cache_write },
    }
}

const T: Skills = Skills::Thinks;
const TS: Skills = Skills::ThinksAndSees;
const S: Skills = Skills::Sees;

#[rustfmt::skip]
const MODELS: &[KnownModel] = &[
    entry(["anthropic", "claude-opus-4-6", "Claude Opus 4.6"], (200_000, 128_000), TS, [5.0, 25.0, 0.5, 6.25]),
    entry(["anthropic", "claude-opus-4-5", "Claude Opus 4.5"], (200_000, 64_000), TS, [5.0, 25.0, 0.5, 6.25]),
    entry(["anthropic", "claude-sonnet-4-5", "Claude Sonnet 4.5"], (200_000, 64_000), TS, [3.0, 15.0, 0.3, 3.75]),
    entry(["anthropic", "claude-haiku-4-5", "Claude Haiku 4.5"], (200_000, 64_000), TS, [1.0, 5.0, 0.1, 1.25]),
    entry(["anthropic", "claude-opus-4-1", "Claude Opus 4.1"], (200_000, 32_000), TS, [15.0, 75.0, 1.5, 18.75]),
    entry(["anthropic", "claude-sonnet-4-0", "Claude Sonnet 4"], (200_000, 64_000), TS, [3.0, 15.0, 0.3, 3.75]),
    entry(["openai", "gpt-5.2", "GPT-5.2"], (400_000, 128_000), TS, [1.75, 14.0, 0.175, 0.0]),
    entry(["openai", "gpt-5.1", "GPT-5.1"], (400_000, 128_000), TS, [1.25, 10.0, 0.125, 0.0]),
    entry(["openai", "gpt-5", "GPT-5"], (400_000, 128_000), TS, [1.25, 10.0, 0.125, 0.0]),
    entry(["openai", "gpt-5-mini", "GPT-5 mini"], (400_000, 128_000), TS, [0.25, 2.0, 0.025, 0.0]),
    entry(["openai", "gpt-5-nano", "GPT-5 nano"], (400_000, 128_000), TS, [0.05, 0.4, 0.005, 0.0]),
    entry(["openai", "gpt-4.1", "GPT-4.1"], (1_047_576, 32_768), S, [2.0, 8.0, 0.5, 0.0]),
    entry(["openai", "gpt-4o", "GPT-4o"], (128_000, 16_384), S, [2.5, 10.0, 1.25, 0.0]),
    entry(["google", "gemini-3-pro-preview", "Gemini 3 Pro"], (1_048_576, 65_536), TS, [2.0, 12.0, 0.2, 0.0]),
    entry(["google", "gemini-3-flash-preview", "Gemini 3 Flash"], (1_048_576, 65_536), TS, [0.5, 3.0, 0.05, 0.0]),
    entry(["google", "gemini-2.5-pro", "Gemini 2.5 Pro"], (1_048_576, 65_536), TS, [1.25, 10.0, 0.125, 0.0]),
    entry(["xai", "grok-4", "Grok 4"], (256_000, 64_000), TS, [3.0, 15.0, 0.75, 0.0]),
    entry(["xai", "grok-code-fast-1", "Grok Code Fast 1"], (256_000, 10_000), T, [0.2, 1.5, 0.02, 0.0]),
    entry(["deepseek", "deepseek-chat", "DeepSeek Chat"], (128_000, 8_192), Skills::Text, [0.28, 0.42, 0.028, 0.0]),
    entry(["deepseek", "deepseek-reasoner", "DeepSeek Reasoner"], (128_000, 65_536), T, [0.28, 0.42, 0.028, 0.0]),
    entry(["zai", "glm-4.7", "GLM-4.7"], (204_800, 131_072), T, [0.6, 2.2, 0.11, 0.0]),
    entry(["moonshot", "kimi-k2.5", "Kimi K2.5"], (262_144, 32_768), S, [0.6, 3.0, 0.1, 0.0]),
    entry(["moonshot", "kimi-k2-thinking", "Kimi K2 Thinking"], (262_144, 32_768), T, [0.6, 2.5, 0.15, 0.0]),
    entry(["minimax", "MiniMax-M2.1", "MiniMax M2.1"], (204_800, 131_072), T, [0.3, 1.2, 0.03, 0.375]),
    entry(["mistral", "mistral-large-latest", "Mistral Large"], (262_144, 32_768), S, [0.5, 1.5, 0.0, 0.0]),
    entry(["mistral", "devstral-medium-latest", "Devstral"], (262_144, 32_768), Skills::Text, [0.4, 2.0, 0.0, 0.0]),
    entry(["groq", "openai/gpt-oss-120b", "GPT-OSS 120B"], (131_072, 65_536), T, [0.15, 0.6, 0.075, 0.0]),
    entry(["cerebras", "gpt-oss-120b", "GPT-OSS 120B"], (131_072, 32_768), T, [0.35, 0.75, 0.0, 0.0]),
    entry(["openrouter", "anthropic/claude-opus-4.6", "Claude Opus 4.6"], (200_000, 128_000), TS, [5.0, 25.0, 0.5, 6.25]),
    entry(["openrouter", "auto", "Auto Router"], (200_000, 8_192), S, [0.0, 0.0, 0.0, 0.0]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_provider_and_a_reply_that_fits_its_window() {
        for model in MODELS {
            assert!(provider(model.provider).is_some(), "{}", model.provider);
            assert!(model.output_tokens_max < model.context_tokens, "{}", model.id);
        }
    }
}
