//! From answers to typed decisions, by the same rules as flags.

use super::{
    Wizard,
    applies::{FROM_ENV, KEEP, OTHER, PRESENT},
};
use crate::{
    facts::{Facts, TOKEN_VARIABLE, Token},
    flags::Flags,
    question::{Answer, Ask},
    setup::{Auth, Channels, GatewaySetup, ModelSetup, Reset, Setup, Target},
};

impl Wizard {
    /// The decisions so far; what was not asked stays as it is or gets its default.
    pub(super) fn setup(&self) -> Setup {
        let channels = Channels {
            telegram: self.secret(Ask::TelegramToken).filter(|_| self.uses("telegram")),
            discord: self.secret(Ask::DiscordToken).filter(|_| self.uses("discord")),
            whatsapp: self.uses("whatsapp"),
            dm_policy: self
                .one(Ask::DmPolicy)
                .filter(|_| self.applies(Ask::DmPolicy))
                .map(str::to_owned),
        };
        let web_key = self.secret(Ask::WebKey).filter(|_| self.applies(Ask::WebKey));
        let node_manager = self.one(Ask::NodeManager).filter(|it| *it != KEEP);
        let node_manager = node_manager.filter(|_| self.applies(Ask::NodeManager));
        Setup {
            reset: self.reset(),
            target: self.target(),
            workspace: self.workspace(),
            model: self.model_setup(),
            gateway: self.gateway(),
            channels,
            web_key,
            node_manager: node_manager.map(str::to_owned),
        }
    }

    fn reset(&self) -> Option<Reset> {
        if self.flags.reset {
            return Some(Reset::Full);
        }
        if !self.applies(Ask::ResetScope) {
            return None;
        }
        match self.one(Ask::ResetScope)? {
            "config" => Some(Reset::Config),
            "state" => Some(Reset::State),
            _ => Some(Reset::Full),
        }
    }

    fn target(&self) -> Option<Target> {
        if !self.is_whole()
            || (self.keeps() && self.facts().text("/gateway/mode") == Some("remote"))
        {
            return None;
        }
        if !self.is_remote() {
            return Some(Target::Local);
        }
        let url = self.line(Ask::RemoteUrl)?.to_owned();
        Some(Target::Remote { url, token: self.secret(Ask::RemoteToken) })
    }

    fn workspace(&self) -> Option<String> {
        if self.is_remote() || !(self.is_whole() || self.applies(Ask::Workspace)) {
            return None;
        }
        let typed = self.line(Ask::Workspace).filter(|_| !self.keeps());
        Some(typed.map_or_else(|| self.facts().workspace(), str::to_owned))
    }

    /// The model, once all that it needs is known.
    pub(super) fn model_setup(&self) -> Option<ModelSetup> {
        if !self.applies(Ask::Provider) {
            return None;
        }
        let offer = self.offer()?;
        let asks =
            [Ask::BaseUrl, Ask::Dialect, Ask::KeySource, Ask::Key, Ask::Model, Ask::ModelName];
        if asks.iter().any(|ask| self.applies(*ask) && !self.answers.contains_key(ask)) {
            return None;
        }
        let is_elsewhere =
            self.applies(Ask::KeySource) && self.one(Ask::KeySource) == Some(FROM_ENV);
        let secret = self.secret(Ask::Key).filter(|_| self.applies(Ask::Key) && !is_elsewhere);
        let base_url = self.line(Ask::BaseUrl).filter(|_| self.applies(Ask::BaseUrl));
        let model = match self.one(Ask::Model).filter(|_| self.applies(Ask::Model)) {
            None | Some(OTHER) => self.line(Ask::ModelName).map(str::to_owned),
            Some(PRESENT) => self.present_model().map(|(_, model)| model.to_owned()),
            Some(model) => Some(model.to_owned()),
        };
        let dialect = self.one(Ask::Dialect).filter(|_| self.applies(Ask::Dialect));
        let flags = Flags { compatibility: dialect.map(str::to_owned), ..self.flags.clone() };
        flags.model_setup(offer, secret, base_url.map(str::to_owned), model).ok()
    }

    /// Provider and model that the config names.
    pub(super) fn present_model(&self) -> Option<(&str, &str)> {
        let model = &self.facts().resolved.pointer("/agents/defaults/model")?;
        let text = model.as_str().or_else(|| model.get("primary")?.as_str())?;
        text.split_once('/')
    }

    fn gateway(&self) -> Option<GatewaySetup> {
        let is_asked = self.applies(Ask::Port);
        let facts = self.facts();
        if !is_asked && (!self.is_whole() || self.is_remote() || self.keeps_gateway(facts)) {
            return None;
        }
        let mut flags = self.flags.clone();
        let text = |ask: Ask| self.one(ask).map(str::to_owned);
        flags.port = self.line(Ask::Port).and_then(|it| it.parse().ok()).or(flags.port);
        flags.bind = text(Ask::Bind).or(flags.bind);
        flags.host = self.line(Ask::Host).map(str::to_owned).or(flags.host);
        flags.auth = text(Ask::Auth).or(flags.auth);
        flags.gateway_password = self.secret(Ask::Password).or(flags.gateway_password);
        flags.gateway_token = self.secret(Ask::Token).or(flags.gateway_token);
        flags.gateway(facts).ok().or_else(|| Some(plain_gateway(facts)))
    }

    /// Whether the gateway stays as it is, which it cannot without anything to prove.
    fn keeps_gateway(&self, facts: &Facts) -> bool {
        let places = ["/gateway/auth/token", "/gateway/auth/password"];
        let has_proof = places.iter().any(|it| facts.text(it).is_some())
            || facts.env.first(&[TOKEN_VARIABLE, "OPENCLAW_GATEWAY_PASSWORD"]).is_some()
            || matches!(facts.text("/gateway/auth/mode"), Some("none" | "trusted-proxy"));
        self.keeps() && (has_proof || facts.text("/gateway/mode") == Some("remote"))
    }

    /// Whether the Telegram or Discord token in the config stays when none is typed.
    pub(super) fn has_token(&self, pointer: &str) -> bool {
        self.facts().text(pointer).is_some()
    }

    pub(super) fn many(&self, ask: Ask) -> &[String] {
        match self.answers.get(&ask) {
            Some(Answer::Many(values)) => values,
            _ => &[],
        }
    }
}

/// The gateway of somebody who is still answering.
fn plain_gateway(facts: &Facts) -> GatewaySetup {
    GatewaySetup {
        port: facts.port(),
        bind: "loopback".to_owned(),
        host: None,
        auth: Auth::Token(Token::Fresh(facts.fresh_token.clone())),
        tailscale: "off".to_owned(),
        tailscale_reset: false,
    }
}
