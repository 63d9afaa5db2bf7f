//! What a person decided, as typed values: where questions and flags meet.
//!
//! Everything optional means "leave it as it is".

use domain::Secret;

use crate::{facts::Token, offer::Offer};

/// All decisions of one run.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// What is set aside first.
    pub reset: Option<Reset>,
    /// Where the gateway is; `None` leaves it as it is.
    pub target: Option<Target>,
    /// The workspace, as typed.
    pub workspace: Option<String>,
    /// The model.
    pub model: Option<ModelSetup>,
    /// The gateway's own settings.
    pub gateway: Option<GatewaySetup>,
    /// Chat services.
    pub channels: Channels,
    /// Key of the web search.
    pub web_key: Option<Secret>,
    /// Which package manager installs what skills need.
    pub node_manager: Option<String>,
}

/// What is set aside before a new start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The config file.
    Config,
    /// Credentials and sessions too.
    State,
    /// The workspace too.
    Full,
}

/// Where the gateway is.
#[derive(Clone, Debug)]
pub enum Target {
    /// Here.
    Local,
    /// Elsewhere.
    Remote {
        /// `ws://` or `wss://`.
        url: String,
        /// Its token.
        token: Option<Secret>,
    },
}

/// A model and the way to it.
#[derive(Clone, Debug)]
pub struct ModelSetup {
    /// Which offer was taken.
    pub offer: &'static Offer,
    /// The provider's id in the config.
    pub provider: String,
    /// The key or token; `None` leaves it to the environment, or there is none.
    pub secret: Option<Secret>,
    /// Name of the stored profile, such as `anthropic:default`.
    pub profile: String,
    /// When a token ends, in milliseconds since 1970.
    pub expires: Option<i64>,
    /// The address of its API, when it was asked for.
    pub base_url: Option<String>,
    /// The dialect, when it was asked for.
    pub dialect: Dialect,
    /// The model, without its provider; `None` leaves the model as it is.
    pub model: Option<String>,
}

/// How a server of one's own is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// As `OpenAI` chat completions.
    #[default]
    OpenAi,
    /// As Anthropic messages.
    Anthropic,
}

/// The gateway's own settings.
#[derive(Clone, Debug)]
pub struct GatewaySetup {
    /// Its port.
    pub port: u16,
    /// `loopback`, `lan`, `tailnet`, `auto` or `custom`.
    pub bind: String,
    /// The address of `custom`.
    pub host: Option<String>,
    /// How clients prove themselves.
    pub auth: Auth,
    /// `off`, `serve` or `funnel`.
    pub tailscale: String,
    /// Whether Tailscale forgets the gateway when it ends.
    pub tailscale_reset: bool,
}

/// How clients of the gateway prove themselves.
#[derive(Clone, Debug)]
pub enum Auth {
    /// By a shared token.
    Token(Token),
    /// By a shared password; `None` keeps the configured one.
    Password(Option<Secret>),
}

impl Auth {
    /// Its name in the config.
    pub fn mode(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Password(_) => "password",
        }
    }
}

/// Chat services.
#[derive(Clone, Debug, Default)]
pub struct Channels {
    /// Token of a Telegram bot.
    pub telegram: Option<Secret>,
    /// Token of a Discord bot.
    pub discord: Option<Secret>,
    /// Whether `WhatsApp` is to be used.
    pub whatsapp: bool,
    /// Who may write to the assistant in private.
    pub dm_policy: Option<String>,
}

impl ModelSetup {
    /// `provider/model`, if a model was chosen.
    pub fn reference(&self) -> Option<String> {
        self.model.as_ref().map(|model| format!("{}/{model}", self.provider))
    }
}
