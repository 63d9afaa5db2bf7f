//! The flags of `onboard`: names that scripts and container setups know.
//!
//! Knows how they are spelled. What they mean together is `onboard::Flags`' to say.

use domain::{Clock, Secret};
use onboard::Flags;

use crate::{
    args::secret,
    error::{Failure, Kind},
};

/// Set up gateway, model, workspace and channels
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw onboard\n  \
        openclaw onboard --non-interactive --accept-risk --auth-choice skip --skip-health")]
pub(crate) struct Args {
    /// Ask nothing; needs --accept-risk
    #[arg(long)]
    pub(crate) non_interactive: bool,
    /// Know that an agent with tools can do harm, and go on
    #[arg(long)]
    pub(crate) accept_risk: bool,
    /// Move config, credentials, sessions and workspace away first
    #[arg(long)]
    pub(crate) reset: bool,
    /// Workspace of the agent
    #[arg(long, value_name = "DIR")]
    workspace: Option<String>,
    /// How much is asked
    #[arg(long, value_name = "FLOW", value_parser = ["quickstart", "advanced", "manual"])]
    flow: Option<String>,
    /// Where the gateway is
    #[arg(long, value_name = "MODE", value_parser = ["local", "remote"])]
    mode: Option<String>,
    /// Language of the questions, such as en or zh
    #[arg(long, value_name = "LANG")]
    pub(crate) lang: Option<String>,
    #[command(flatten)]
    model: Model,
    #[command(flatten)]
    keys: Keys,
    #[command(flatten)]
    gateway: Server,
    #[command(flatten)]
    pub(crate) steps: Steps,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Model")]
struct Model {
    /// How to get at a model, such as apiKey, openai-api-key, ollama or skip
    #[arg(long, value_name = "CHOICE")]
    auth_choice: Option<String>,
    /// Provider of --token
    #[arg(long, value_name = "PROVIDER")]
    token_provider: Option<String>,
    /// Token for --auth-choice token
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    token: Option<Secret>,
    /// Name under which the token is kept
    #[arg(long, value_name = "ID")]
    token_profile_id: Option<String>,
    /// How long the token lives, such as 365d
    #[arg(long, value_name = "DURATION")]
    token_expires_in: Option<String>,
    /// Model to use, without its provider
    #[arg(long, value_name = "MODEL", alias = "model")]
    custom_model_id: Option<String>,
    /// Address of a model server of your own
    #[arg(long, value_name = "URL")]
    custom_base_url: Option<String>,
    /// Name of that server in the config
    #[arg(long, value_name = "ID")]
    custom_provider_id: Option<String>,
    /// What that server speaks
    #[arg(long, value_name = "DIALECT", value_parser = ["openai", "anthropic"])]
    custom_compatibility: Option<String>,
    /// Try the key with one request before anything is written
    #[arg(long)]
    check_key: bool,
}

/// One flag for each provider that takes a key.
macro_rules! keys {
    ($($field:ident $choice:literal $provider:literal),* $(,)?) => {
        #[derive(Debug, clap::Args)]
        #[command(next_help_heading = "Keys")]
        struct Keys {
            $(
                #[arg(long, value_name = "KEY", value_parser = secret, help = $provider)]
                $field: Option<Secret>,
            )*
        }

        impl Keys {
            fn given(&self) -> Vec<(&'static str, Secret)> {
                let mut given = Vec::new();
                $(given.extend(self.$field.clone().map(|key| ($choice, key)));)*
                given
            }
        }
    };
}

keys! {
    anthropic_api_key "apiKey" "Key of Anthropic",
    openai_api_key "openai-api-key" "Key of OpenAI",
    openrouter_api_key "openrouter-api-key" "Key of OpenRouter",
    gemini_api_key "gemini-api-key" "Key of Google Gemini",
    deepseek_api_key "deepseek-api-key" "Key of DeepSeek",
    moonshot_api_key "moonshot-api-key" "Key of Moonshot",
    kimi_code_api_key "kimi-code-api-key" "Key of Kimi Coding",
    zai_api_key "zai-api-key" "Key of Z.AI",
    minimax_api_key "minimax-api" "Key of MiniMax",
    qianfan_api_key "qianfan-api-key" "Key of Baidu Qianfan",
    xiaomi_api_key "xiaomi-api-key" "Key of Xiaomi",
    xai_api_key "xai-api-key" "Key of xAI",
    mistral_api_key "mistral-api-key" "Key of Mistral",
    groq_api_key "groq-api-key" "Key of Groq",
    synthetic_api_key "synthetic-api-key" "Key of Synthetic",
    venice_api_key "venice-api-key" "Key of Venice",
    opencode_zen_api_key "opencode-zen" "Key of OpenCode Zen",
    ai_gateway_api_key "ai-gateway-api-key" "Key of Vercel AI Gateway",
    custom_api_key "custom-api-key" "Key of the server at --custom-base-url",
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Gateway")]
struct Server {
    /// Port of the gateway
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    gateway_port: Option<u16>,
    /// Where it listens
    #[arg(long, value_name = "BIND", value_parser = ["loopback", "lan", "tailnet", "auto", "custom"])]
    gateway_bind: Option<String>,
    /// Address for --gateway-bind custom
    #[arg(long, value_name = "ADDRESS")]
    gateway_custom_host: Option<String>,
    /// How clients prove themselves
    #[arg(long, value_name = "MODE", value_parser = ["token", "password"])]
    gateway_auth: Option<String>,
    /// Shared token; made if there is none
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    gateway_token: Option<Secret>,
    /// Keep the token in this variable and let the config refer to it
    #[arg(long, value_name = "NAME", conflicts_with = "gateway_token")]
    gateway_token_ref_env: Option<String>,
    /// Shared password
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    gateway_password: Option<Secret>,
    /// Gateway to use in remote mode
    #[arg(long, value_name = "URL")]
    remote_url: Option<String>,
    /// Token of that gateway
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    remote_token: Option<Secret>,
    /// Tailscale
    #[arg(long, value_name = "MODE", value_parser = ["off", "serve", "funnel"])]
    tailscale: Option<String>,
    /// Take the gateway out of Tailscale when it ends
    #[arg(long)]
    tailscale_reset_on_exit: bool,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Steps")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Steps {
    /// Install a service
    #[arg(long, overrides_with_all = ["no_install_daemon", "skip_daemon"])]
    pub(crate) install_daemon: bool,
    /// Install no service
    #[arg(long)]
    no_install_daemon: bool,
    /// The same as --no-install-daemon
    #[arg(long)]
    skip_daemon: bool,
    /// Accepted for scripts; this program needs no runtime
    #[arg(long, value_name = "RUNTIME", value_parser = ["node", "bun"])]
    pub(crate) daemon_runtime: Option<String>,
    /// Ask nothing about channels
    #[arg(long, alias = "skip-providers")]
    skip_channels: bool,
    /// Ask nothing about skills
    #[arg(long)]
    pub(crate) skip_skills: bool,
    /// Do not ask the gateway how it is
    #[arg(long)]
    pub(crate) skip_health: bool,
    /// Say nothing about the Control UI
    #[arg(long)]
    pub(crate) skip_ui: bool,
    /// Print no gateway token
    #[arg(long)]
    pub(crate) suppress_gateway_token_output: bool,
    /// Package manager that installs what skills need
    #[arg(long, value_name = "NAME", value_parser = ["npm", "pnpm", "bun"])]
    node_manager: Option<String>,
    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// Whether more is asked for than a config and a workspace.
    pub(crate) fn asks_for_wizard(&self) -> bool {
        let names_model = self.model.auth_choice.is_some() || !self.keys.given().is_empty();
        let names_target = self.mode.is_some()
            || self.gateway.remote_url.is_some()
            || self.gateway.remote_token.is_some();
        self.non_interactive || self.reset || self.flow.is_some() || names_model || names_target
    }

    /// The workspace that was named.
    pub(crate) fn workspace(&self) -> Option<&str> {
        self.workspace.as_deref()
    }

    /// Whether the key is tried where nobody is asked.
    pub(crate) fn check_key(&self) -> bool {
        self.model.check_key
    }

    /// The flags as the `onboard` crate reads them.
    pub(crate) fn flags(&self, clock: &dyn Clock) -> Result<Flags, Failure> {
        let Self { model, gateway, steps, .. } = self;
        let token_expires = match &model.token_expires_in {
            None => None,
            Some(text) => {
                let lives = config::parse_duration(text, config::Unit::Days)
                    .and_then(|it| i64::try_from(it.as_millis()).ok())
                    .ok_or_else(|| {
                        Failure::new(Kind::Usage, format!("`{text}` is no duration"))
                            .hint("--token-expires-in 365d")
                    })?;
                Some(clock.now().0.saturating_add(lives))
            }
        };
        Ok(Flags {
            reset: self.reset,
            workspace: self.workspace.clone(),
            flow: self.flow.clone(),
            mode: self.mode.clone(),
            auth_choice: model.auth_choice.clone(),
            keys: self.keys.given(),
            token_provider: model.token_provider.clone(),
            token: model.token.clone(),
            token_profile: model.token_profile_id.clone(),
            token_expires,
            base_url: model.custom_base_url.clone(),
            model: model.custom_model_id.clone(),
            provider: model.custom_provider_id.clone(),
            compatibility: model.custom_compatibility.clone(),
            port: gateway.gateway_port,
            bind: gateway.gateway_bind.clone(),
            host: gateway.gateway_custom_host.clone(),
            auth: gateway.gateway_auth.clone(),
            gateway_token: gateway.gateway_token.clone(),
            gateway_token_variable: gateway.gateway_token_ref_env.clone(),
            gateway_password: gateway.gateway_password.clone(),
            tailscale: gateway.tailscale.clone(),
            tailscale_reset: gateway.tailscale_reset_on_exit,
            remote_url: gateway.remote_url.clone(),
            remote_token: gateway.remote_token.clone(),
            skip_channels: steps.skip_channels,
            skip_skills: steps.skip_skills,
            node_manager: steps.node_manager.clone(),
        })
    }
}
