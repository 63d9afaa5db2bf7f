//! Which questions apply, given the answers so far.

use super::{Section, Wizard};
use crate::{offer::Proof, question::Ask, setup::ModelSetup};

/// The choice "a model that is not listed".
pub(super) const OTHER: &str = "__other";
/// The choice "the model that is configured".
pub(super) const PRESENT: &str = "__present";
/// The choice "the key is in the environment".
pub(super) const FROM_ENV: &str = "env";
/// The choice "I type the key".
pub(super) const TYPED: &str = "typed";
/// The choice "leave it as it is".
pub(super) const KEEP: &str = "keep";

impl Wizard {
    pub(super) fn applies(&self, ask: Ask) -> bool {
        match ask {
            Ask::Risk => self.is_whole(),
            Ask::Existing => self.is_whole() && !self.flags.reset && self.is_set_up(),
            Ask::ResetScope => {
                self.applies(Ask::Existing) && self.one(Ask::Existing) == Some("reset")
            }
            Ask::Flow => self.is_whole() && !self.keeps(),
            Ask::Mode => self.is_whole() && !self.keeps() && self.is_advanced(),
            Ask::RemoteUrl | Ask::RemoteToken => self.is_remote(),
            Ask::Workspace => self.in_detail(Section::Workspace),
            Ask::Provider => self.asks_for_model(),
            Ask::BaseUrl
            | Ask::Dialect
            | Ask::KeySource
            | Ask::Key
            | Ask::Model
            | Ask::ModelName
            | Ask::CheckFailed => self.asks_for_model() && self.applies_to_model(ask),
            Ask::Port | Ask::Bind | Ask::Auth => self.in_detail(Section::Gateway),
            Ask::Host => {
                let is_known = self.facts().text("/gateway/customBindHost").is_some();
                self.one(Ask::Bind) == Some("custom") && self.needs(Section::Gateway, is_known)
            }
            Ask::Token => {
                self.in_detail(Section::Gateway) && self.one(Ask::Auth) != Some("password")
            }
            Ask::Password => {
                let is_known = self.facts().text("/gateway/auth/password").is_some();
                self.one(Ask::Auth) == Some("password") && self.needs(Section::Gateway, is_known)
            }
            Ask::Channels => self.goes_through(Section::Channels),
            Ask::TelegramToken => self.uses("telegram"),
            Ask::DiscordToken => self.uses("discord"),
            Ask::WhatsApp => self.uses("whatsapp"),
            Ask::DmPolicy => {
                let any = ["telegram", "discord", "whatsapp"].iter().any(|it| self.uses(it));
                any && self.in_detail(Section::Channels)
            }
            Ask::WebKey => self.sections.contains(&Section::Web),
            Ask::NodeManager => self.in_detail(Section::Skills) && !self.flags.skip_skills,
            Ask::Daemon => self.sections.contains(&Section::Daemon),
            Ask::Confirm => self.sections.is_empty() || self.changes_something(),
        }
    }

    fn applies_to_model(&self, ask: Ask) -> bool {
        let Some(proof) = self.proof() else { return false };
        let has_address = matches!(proof, Proof::Address | Proof::AddressAndKey);
        #[expect(clippy::wildcard_enum_match_arm, reason = "only questions about models come here")]
        match ask {
            Ask::BaseUrl => has_address,
            Ask::Dialect => proof == Proof::AddressAndKey,
            Ask::KeySource => !has_address && self.key_variable().is_some(),
            Ask::Key => {
                let is_elsewhere = self.applies_to_model(Ask::KeySource)
                    && self.one(Ask::KeySource) == Some(FROM_ENV);
                proof != Proof::Address && !is_elsewhere
            }
            Ask::Model => !has_address,
            Ask::ModelName => has_address || self.one(Ask::Model) == Some(OTHER),
            Ask::CheckFailed => matches!(self.checked, Some(Err(_))),
            _ => true,
        }
    }

    /// The model as decided, when its key was not tried yet.
    pub(super) fn untried(&self) -> Option<ModelSetup> {
        let is_asked = self.asks_for_model() && self.offer().is_some();
        let is_kept = self.answers.contains_key(&Ask::CheckFailed);
        self.model_setup().filter(|it| is_asked && !is_kept && it.model.is_some())
    }

    /// The variable that holds the provider's key already.
    pub(super) fn key_variable(&self) -> Option<&'static str> {
        self.offer()?.variable.filter(|name| self.facts.env.get(name).is_some())
    }

    /// Whether the whole setup is asked for.
    pub(super) fn is_whole(&self) -> bool {
        self.sections.is_empty()
    }

    pub(super) fn keeps(&self) -> bool {
        self.applies(Ask::Existing) && self.one(Ask::Existing) == Some(KEEP)
    }

    fn is_advanced(&self) -> bool {
        self.one(Ask::Flow) == Some("advanced")
    }

    /// Whether the gateway is, or shall be, elsewhere.
    pub(super) fn is_remote(&self) -> bool {
        self.is_whole() && !self.keeps() && self.one(Ask::Mode) == Some("remote")
    }

    /// Whether this part is asked about at all.
    fn goes_through(&self, section: Section) -> bool {
        if self.is_whole() {
            return !self.keeps() && !self.is_remote();
        }
        self.sections.contains(&section)
    }

    /// Whether a model is asked for: also where the rest is kept, if there is none.
    fn asks_for_model(&self) -> bool {
        let completes = self.keeps()
            && self.facts.text("/gateway/mode") != Some("remote")
            && self.facts.written.pointer("/agents/defaults/model").is_none();
        self.goes_through(Section::Model) || completes
    }

    /// Whether this part is asked about in all detail.
    fn in_detail(&self, section: Section) -> bool {
        self.goes_through(section) && (!self.is_whole() || self.is_advanced())
    }

    /// Whether something without a default is asked about, though details are not.
    fn needs(&self, section: Section, is_known: bool) -> bool {
        self.in_detail(section) || (self.goes_through(section) && !is_known)
    }

    pub(super) fn uses(&self, channel: &str) -> bool {
        self.applies(Ask::Channels) && self.has_chosen(Ask::Channels, channel)
    }

    /// Whether somebody has set this machine up before.
    fn is_set_up(&self) -> bool {
        let signs = ["/wizard/lastRunAt", "/gateway/mode", "/agents/defaults/model", "/channels"];
        self.facts.exists && signs.iter().any(|it| self.facts.written.pointer(it).is_some())
    }

    fn changes_something(&self) -> bool {
        let silent = [Section::Daemon, Section::Health];
        self.sections.iter().any(|section| !silent.contains(section))
    }
}
