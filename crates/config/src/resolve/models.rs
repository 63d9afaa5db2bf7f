//! `models` and `auth.order`.

use domain::{Secret, usage::Prices};

use crate::{
    env::Env,
    model_ref::normalise_provider,
    node::Node,
    resolved::{Api, Compat, MaxTokensField, Models, Provider, ProviderModel},
    substitute,
};

/// Id of a provider, and the name of its own API.
const OLLAMA: &str = "ollama";

pub(super) fn models(root: Node<'_>, env: &Env) -> Models {
    let providers = root.at("models.providers").members();
    let order = root.at("auth.order").members();
    Models {
        providers: providers
            .map(|(id, node)| {
                let id = normalise_provider(id);
                let provider = provider(&id, node, env);
                (id, provider)
            })
            .collect(),
        replace: root.at("models.mode").str() == Some("replace"),
        auth_order: order
            .map(|(id, node)| (normalise_provider(id), node.texts().unwrap_or_default()))
            .collect(),
    }
}

fn provider(id: &str, node: Node<'_>, env: &Env) -> Provider {
    let base_url = node.at("baseUrl").str().unwrap_or_default().trim().trim_end_matches('/');
    let is_ollama = id == OLLAMA || node.at("api").str() == Some(OLLAMA);
    Provider {
        base_url: if is_ollama { ollama_address(base_url) } else { base_url.to_owned() },
        api_key: node.at("apiKey").text().map(|text| key(text.trim(), env)),
        api: api(node.at("api")),
        headers: node.at("headers").secrets(),
        auth_header: node.at("authHeader").flag().unwrap_or(false),
        streams: streams(node).unwrap_or(true),
        models: node.at("models").items().into_iter().flatten().map(Node::of).map(model).collect(),
    }
}

/// A key may be given as the name of a variable that has it.
fn key(text: &str, env: &Env) -> Secret {
    let named = env.get(text).filter(|_| substitute::is_name(text));
    Secret::new(named.unwrap_or(text))
}

fn api(node: Node<'_>) -> Option<Api> {
    let all = [
        Api::OpenaiCompletions,
        Api::OpenaiResponses,
        Api::AnthropicMessages,
        Api::GoogleGenerativeAi,
        Api::GithubCopilot,
        Api::BedrockConverseStream,
    ];
    let name = match node.str()? {
        // Ollama serves the completions of OpenAI beside its own API, with tools and streams.
        OLLAMA => Api::OpenaiCompletions.as_str(),
        "azure-openai-responses" => Api::OpenaiResponses.as_str(),
        name => name,
    };
    all.into_iter().find(|api| api.as_str() == name)
}

/// Where Ollama at `base_url` serves the completions of `OpenAI`. Files of 2026.3 and later name
/// the bare address of the server or its own API.
fn ollama_address(base_url: &str) -> String {
    let Some((scheme, rest)) = base_url.split_once("://") else { return base_url.to_owned() };
    match rest.split_once('/') {
        None | Some((_, "api")) => {
            let host = rest.split('/').next().unwrap_or_default();
            format!("{scheme}://{host}/v1")
        }
        Some(_) => base_url.to_owned(),
    }
}

fn model(node: Node<'_>) -> ProviderModel {
    let id = node.at("id").str().unwrap_or_default().to_owned();
    let window = node.at("contextWindow").int().unwrap_or(200_000);
    let price = |key: &str| node.at("cost").key(key).float().unwrap_or(0.0);
    let inputs = node.at("input").texts().unwrap_or_default();
    ProviderModel {
        name: node.at("name").text().unwrap_or_else(|| id.clone()),
        api: api(node.at("api")),
        reasoning: node.at("reasoning").flag().unwrap_or(false),
        images: inputs.iter().any(|input| input == "image"),
        prices: Prices {
            input: price("input"),
            output: price("output"),
            cache_read: price("cacheRead"),
            cache_write: price("cacheWrite"),
        },
        context_tokens: window,
        output_tokens_max: node.at("maxTokens").int().unwrap_or_else(|| window.min(8192)),
        headers: node.at("headers").secrets(),
        streams: streams(node),
        compat: compat(node.at("compat")),
        id,
    }
}

/// Both names are in use.
fn streams(node: Node<'_>) -> Option<bool> {
    node.at("stream").flag().or(node.at("streaming").flag())
}

fn compat(node: Node<'_>) -> Compat {
    Compat {
        supports_store: node.at("supportsStore").flag(),
        supports_developer_role: node.at("supportsDeveloperRole").flag(),
        supports_reasoning_effort: node.at("supportsReasoningEffort").flag(),
        max_tokens_field: match node.at("maxTokensField").str() {
            Some("max_tokens") => Some(MaxTokensField::MaxTokens),
            Some("max_completion_tokens") => Some(MaxTokensField::MaxCompletionTokens),
            Some(_) | None => None,
        },
    }
}
