//! A setup without questions: flags in, decisions or a refusal out (`spec: cli` §3.2).
//!
//! Pure. The same flags answer questions in advance when there is a person to ask.

use domain::Secret;

use crate::{
    facts::{Facts, Token},
    offer::{self, CUSTOM, Meaning, OFFERS, Offer, Proof, SKIP},
    plan::is_filled,
    setup::{Auth, Channels, Dialect, GatewaySetup, ModelSetup, Reset, Setup, Target},
};

/// What a command line says.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Flags {
    /// `--reset`.
    pub reset: bool,
    /// `--workspace`.
    pub workspace: Option<String>,
    /// `--flow`; `manual` is `advanced`.
    pub flow: Option<String>,
    /// `--mode`.
    pub mode: Option<String>,
    /// `--auth-choice`.
    pub auth_choice: Option<String>,
    /// `--<provider>-api-key`: choice and key.
    pub keys: Vec<(&'static str, Secret)>,
    /// `--token-provider`.
    pub token_provider: Option<String>,
    /// `--token`.
    pub token: Option<Secret>,
    /// `--token-profile-id`.
    pub token_profile: Option<String>,
    /// When the token of `--token-expires-in` ends, in milliseconds since 1970.
    pub token_expires: Option<i64>,
    /// `--custom-base-url`.
    pub base_url: Option<String>,
    /// `--custom-model-id`, `--model`.
    pub model: Option<String>,
    /// `--custom-provider-id`.
    pub provider: Option<String>,
    /// `--custom-compatibility`: `openai` or `anthropic`.
    pub compatibility: Option<String>,
    /// `--gateway-port`.
    pub port: Option<u16>,
    /// `--gateway-bind`.
    pub bind: Option<String>,
    /// `--gateway-custom-host`.
    pub host: Option<String>,
    /// `--gateway-auth`.
    pub auth: Option<String>,
    /// `--gateway-token`.
    pub gateway_token: Option<Secret>,
    /// `--gateway-token-ref-env`.
    pub gateway_token_variable: Option<String>,
    /// `--gateway-password`.
    pub gateway_password: Option<Secret>,
    /// `--tailscale`.
    pub tailscale: Option<String>,
    /// `--tailscale-reset-on-exit`.
    pub tailscale_reset: bool,
    /// `--remote-url`.
    pub remote_url: Option<String>,
    /// `--remote-token`.
    pub remote_token: Option<Secret>,
    /// `--skip-channels`.
    pub skip_channels: bool,
    /// `--skip-skills`.
    pub skip_skills: bool,
    /// `--node-manager`.
    pub node_manager: Option<String>,
}

/// Why flags make no setup, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to type instead.
    pub hint: String,
}

impl Refusal {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}

impl Flags {
    /// The name of the auth choice in force: the flag, else that of the only key, else `skip`.
    ///
    /// # Errors
    ///
    /// When there are several keys and no choice, or the choice is none.
    pub fn choice(&self) -> Result<&str, Refusal> {
        if let Some(choice) = &self.auth_choice {
            return Ok(choice);
        }
        match self.keys.as_slice() {
            [] if self.token.is_some() => Ok(offer::TOKEN),
            [] if self.base_url.is_some() => Ok(CUSTOM),
            [] => Ok(SKIP),
            [(choice, _)] => Ok(choice),
            several => {
                let names: Vec<_> = several.iter().map(|(choice, _)| *choice).collect();
                Err(Refusal::new(
                    format!("several API keys are given: {}", names.join(", ")),
                    format!("say which one to use: --auth-choice {}", names[0]),
                ))
            }
        }
    }

    /// All decisions, without asking anybody.
    ///
    /// # Errors
    ///
    /// The first thing that makes no sense, with what to type instead.
    pub fn setup(&self, facts: &Facts) -> Result<Setup, Refusal> {
        let fresh = facts.without_config();
        let facts = if self.reset { &fresh } else { facts };
        let reset = self.reset.then_some(Reset::Full);
        if self.mode.as_deref() == Some("remote") {
            return Ok(Setup { reset, target: Some(self.remote()?), ..Setup::default() });
        }
        Ok(Setup {
            reset,
            target: Some(Target::Local),
            workspace: Some(self.workspace.clone().unwrap_or_else(|| facts.workspace())),
            model: self.model(facts)?,
            gateway: Some(self.gateway(facts)?),
            channels: Channels::default(),
            web_key: None,
            node_manager: self.node_manager.clone().filter(|_| !self.skip_skills),
        })
    }

    /// The gateway elsewhere.
    ///
    /// # Errors
    ///
    /// When its address is missing or none.
    pub fn remote(&self) -> Result<Target, Refusal> {
        let hint = "--remote-url wss://gateway.example.org";
        let Some(url) = self.remote_url.as_deref().map(str::trim).filter(|it| !it.is_empty())
        else {
            return Err(Refusal::new("remote mode needs the address of the gateway", hint));
        };
        check_gateway_url(url).map_err(|message| Refusal::new(message, hint))?;
        Ok(Target::Remote {
            url: url.to_owned(),
            token: self.remote_token.clone().filter(is_filled),
        })
    }

    /// The model of these flags; `None` when none is wanted.
    fn model(&self, facts: &Facts) -> Result<Option<ModelSetup>, Refusal> {
        let choice = self.choice()?;
        let Some(offer) = offer_of(choice)? else { return Ok(None) };
        let secret = self.secret(offer);
        let from_env = offer.variable.is_some_and(|name| facts.env.get(name).is_some());
        let needs_secret = matches!(offer.proof, Proof::Key | Proof::Token);
        if needs_secret && secret.is_none() && !from_env {
            return Err(no_secret(offer));
        }
        let base_url = self.base_url.clone().or_else(|| {
            // Its own machine's model server has an address that is right more often than not.
            offer.base_url.filter(|_| offer.proof == Proof::Address).map(str::to_owned)
        });
        if let Some(url) = &base_url {
            check_http_url(url)
                .map_err(|message| Refusal::new(message, "--custom-base-url https://host/v1"))?;
        } else if offer.proof == Proof::AddressAndKey {
            return Err(Refusal::new(
                "a server of your own needs its address",
                "--custom-base-url https://host/v1 --custom-model-id <model>",
            ));
        }
        // A token of another provider than the offer's wants that one's model.
        let other = self.token_provider.as_deref().filter(|_| offer.proof == Proof::Token);
        let of_provider =
            |id| OFFERS.iter().find(|it| it.provider == config::normalise_provider(id));
        let usual = other.and_then(of_provider).unwrap_or(offer).model;
        let model = self.model.clone().or_else(|| Some(usual.to_owned()));
        let model = model.filter(|it| !it.trim().is_empty());
        if model.is_none() {
            return Err(Refusal::new(
                format!("`--auth-choice {choice}` needs the name of a model"),
                "--custom-model-id <model>",
            ));
        }
        Ok(Some(self.model_setup(offer, secret, base_url, model)?))
    }

    pub(crate) fn model_setup(
        &self,
        offer: &'static Offer,
        secret: Option<Secret>,
        base_url: Option<String>,
        model: Option<String>,
    ) -> Result<ModelSetup, Refusal> {
        let mut provider = offer.provider.to_owned();
        if let Some(id) = self.provider.as_ref().filter(|_| offer.proof == Proof::AddressAndKey) {
            check_provider_id(id)?;
            provider.clone_from(id);
        }
        if let Some(id) = self.token_provider.as_ref().filter(|_| offer.proof == Proof::Token) {
            provider = config::normalise_provider(id);
        }
        let dialect = match self.compatibility.as_deref() {
            None | Some("openai") => Dialect::OpenAi,
            Some("anthropic") => Dialect::Anthropic,
            Some(other) => {
                return Err(Refusal::new(
                    format!("`{other}` is no dialect"),
                    "--custom-compatibility openai, or anthropic",
                ));
            }
        };
        let end = if offer.proof == Proof::Token { "manual" } else { "default" };
        let profile = self.token_profile.clone().filter(|_| offer.proof == Proof::Token);
        Ok(ModelSetup {
            offer,
            profile: profile.unwrap_or_else(|| format!("{provider}:{end}")),
            provider,
            secret,
            expires: self.token_expires.filter(|_| offer.proof == Proof::Token),
            base_url,
            dialect,
            model,
        })
    }

    /// The key or token that was given for `offer`.
    pub(crate) fn secret(&self, offer: &Offer) -> Option<Secret> {
        let given = |choice: &str| self.keys.iter().find(|(it, _)| *it == choice);
        let of_provider = || {
            // `--moonshot-api-key` serves both of Moonshot's choices.
            self.keys.iter().find(|(choice, _)| {
                offer_named(choice).is_some_and(|it| it.provider == offer.provider)
            })
        };
        let key = || given(offer.choice).or_else(of_provider).map(|(_, key)| key.clone());
        let found = match offer.proof {
            Proof::Token => self.token.clone(),
            Proof::Key => key().or_else(|| self.token.clone()),
            Proof::Address | Proof::AddressAndKey => key(),
        };
        found.filter(is_filled)
    }

    pub(crate) fn gateway(&self, facts: &Facts) -> Result<GatewaySetup, Refusal> {
        let kept = |flag: &Option<String>, pointer: &str, default: &str| {
            flag.clone().unwrap_or_else(|| facts.text(pointer).unwrap_or(default).to_owned())
        };
        let tailscale = kept(&self.tailscale, "/gateway/tailscale/mode", "off");
        let mut bind = kept(&self.bind, "/gateway/bind", "loopback");
        if tailscale != "off" {
            "loopback".clone_into(&mut bind);
        }
        let host =
            self.host.clone().or_else(|| facts.text("/gateway/customBindHost").map(str::to_owned));
        if bind == "custom" && host.is_none() {
            return Err(Refusal::new(
                "`--gateway-bind custom` needs an address",
                "--gateway-custom-host 192.168.1.10",
            ));
        }
        Ok(GatewaySetup {
            port: self.port.unwrap_or_else(|| facts.port()),
            host: host.filter(|_| bind == "custom"),
            bind,
            auth: self.auth(facts, &tailscale)?,
            tailscale,
            tailscale_reset: self.tailscale_reset,
        })
    }

    fn auth(&self, facts: &Facts, tailscale: &str) -> Result<Auth, Refusal> {
        let configured = facts.text("/gateway/auth/mode");
        let mode = if tailscale == "funnel" {
            "password"
        } else {
            self.auth.as_deref().or(configured).unwrap_or("token")
        };
        if mode != "password" {
            return self.token_source(facts).map(Auth::Token);
        }
        match self.gateway_password.clone().filter(is_filled) {
            Some(password) => Ok(Auth::Password(Some(password))),
            None if facts.text("/gateway/auth/password").is_some() => Ok(Auth::Password(None)),
            None => Err(Refusal::new(
                "password authentication needs a password",
                "--gateway-password <password>",
            )),
        }
    }

    /// Where the gateway's token comes from.
    ///
    /// # Errors
    ///
    /// When a variable is named that is not set.
    pub fn token_source(&self, facts: &Facts) -> Result<Token, Refusal> {
        if let Some(token) = self.gateway_token.clone().filter(is_filled) {
            return Ok(Token::Given(token));
        }
        let Some(name) = &self.gateway_token_variable else { return Ok(facts.token()) };
        if !is_variable(name) {
            return Err(Refusal::new(
                format!("`{name}` is no name of a variable"),
                "--gateway-token-ref-env OPENCLAW_GATEWAY_TOKEN",
            ));
        }
        if facts.env.get(name).is_none() {
            return Err(Refusal::new(
                format!("the variable `{name}` of --gateway-token-ref-env is not set"),
                format!("export {name}=$(openssl rand -hex 32)"),
            ));
        }
        Ok(Token::Variable(name.clone()))
    }
}

/// The offer that `choice` names; `None` for no model.
pub(crate) fn offer_of(choice: &str) -> Result<Option<&'static Offer>, Refusal> {
    let names = || {
        let names: Vec<_> = OFFERS.iter().map(|it| it.choice).collect();
        format!("--auth-choice {SKIP}, or one of: {}", names.join(", "))
    };
    match offer::meaning(choice) {
        Meaning::Offer(offer) => Ok(Some(offer)),
        Meaning::Skip => Ok(None),
        Meaning::Unsupported => Err(Refusal::new(
            format!("`{choice}` needs a login that this build does not have"),
            names(),
        )),
        Meaning::Unknown => Err(Refusal::new(format!("unknown auth choice `{choice}`"), names())),
    }
}

fn offer_named(choice: &str) -> Option<&'static Offer> {
    OFFERS.iter().find(|it| it.choice == choice)
}

fn no_secret(offer: &Offer) -> Refusal {
    let variable = offer.variable.unwrap_or_default();
    let flag = match (offer.proof, offer.choice) {
        (Proof::Token, _) => "--token <token>".to_owned(),
        (_, "apiKey") => "--anthropic-api-key <key>".to_owned(),
        (_, choice) if choice.ends_with("-api-key") => format!("--{choice} <key>"),
        (_, _) => format!("--{}-api-key <key>", offer.provider),
    };
    Refusal::new(
        format!("`--auth-choice {}` needs a key", offer.choice),
        format!("{flag}, or set {variable}"),
    )
}

/// Says what is wrong with the address of a gateway.
pub(crate) fn check_gateway_url(text: &str) -> Result<(), String> {
    check_url(text, &["ws", "wss"])
}

/// Says what is wrong with the address of a model server.
pub(crate) fn check_http_url(text: &str) -> Result<(), String> {
    check_url(text, &["http", "https"])
}

fn check_url(text: &str, schemes: &[&str]) -> Result<(), String> {
    let url = url::Url::parse(text.trim());
    match url {
        Ok(url) if schemes.contains(&url.scheme()) && url.host().is_some() => Ok(()),
        Ok(_) | Err(_) => Err(format!("`{text}` is no address that begins with {}://", schemes[0])),
    }
}

fn check_provider_id(id: &str) -> Result<(), Refusal> {
    let is_id = !id.is_empty()
        && id.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
    if is_id {
        return Ok(());
    }
    Err(Refusal::new(
        format!("`{id}` cannot name a provider"),
        "use lower-case letters, digits and dashes: --custom-provider-id my-server",
    ))
}

/// Whether the config may refer to a variable of this name.
pub(crate) fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|it| it.is_ascii_uppercase() || it == b'_')
        && bytes.all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_')
}
