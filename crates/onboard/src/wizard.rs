//! The state machine of the wizard. Pure: no terminal, no wire, no disk.
//!
//! ```text
//!            ┌─ answer / back ─┐
//!            ▼                 │
//!   first question that applies and has no answer ──none──► Done(Setup)
//!            │ the model is named, its key untried
//!            ▼
//!   Check ── checked(ok) ─► on          Risk, Confirm: no ─► Declined
//!     └── checked(failed) ─► CheckFailed ─► another key, model, provider; keep; skip
//! ```
//!
//! The order of questions is that of [`Ask::ALL`]; what an answer makes pointless is passed over,
//! and what is asked depends on facts and answers alone. So going back is taking an answer away.

mod applies;
mod check;
mod gather;
mod places;
mod texts;
mod wording;

use std::collections::{BTreeMap, BTreeSet};

use domain::Secret;

use crate::{
    check::Failed,
    facts::Facts,
    flags::{Flags, Refusal, offer_of},
    language::Text,
    offer::{Offer, Proof},
    plan::Plan,
    question::{Answer, Ask, Kind, Question},
    setup::{ModelSetup, Setup},
};

/// A part of the setup that `configure` goes through alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named as in the command line")]
pub enum Section {
    Workspace,
    Model,
    Web,
    Gateway,
    Daemon,
    Channels,
    Skills,
    Health,
}

impl Section {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 8] = [
        ("workspace", Self::Workspace),
        ("model", Self::Model),
        ("web", Self::Web),
        ("gateway", Self::Gateway),
        ("daemon", Self::Daemon),
        ("channels", Self::Channels),
        ("skills", Self::Skills),
        ("health", Self::Health),
    ];

    /// The section of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(it, _)| *it == name).map(|(_, section)| *section)
    }
}

/// What happens next.
#[derive(Clone, Debug)]
pub enum Turn {
    /// A person is asked.
    Ask(Question),
    /// A key is tried, and [`Wizard::checked`] is told.
    Check(Box<(ModelSetup, Plan)>),
    /// All is decided.
    Done(Box<Setup>),
    /// The person does not want to.
    Declined,
}

/// The answers so far, and what is known besides.
#[derive(Clone, Debug)]
pub struct Wizard {
    facts: Facts,
    fresh: Facts,
    /// What `configure` goes through; empty for the whole of `onboard`.
    sections: BTreeSet<Section>,
    answers: BTreeMap<Ask, Answer>,
    /// Answers that flags gave; going back passes over them.
    given: BTreeSet<Ask>,
    /// What was said to questions that are asked again, to propose it.
    previous: BTreeMap<Ask, Answer>,
    flags: Flags,
    checked: Option<Result<(), Failed>>,
    command: &'static str,
}

impl Wizard {
    /// The whole setup; what `flags` say is not asked.
    ///
    /// # Errors
    ///
    /// When the flags make no sense.
    pub fn onboard(facts: Facts, flags: Flags, command: &'static str) -> Result<Self, Refusal> {
        let choice = match (flags.choice()?, &flags.auth_choice) {
            (choice, Some(_)) => Some(choice.to_owned()),
            (choice, None) => (choice != crate::offer::SKIP).then(|| choice.to_owned()),
        };
        let mut wizard = Self::new(facts, flags, command);
        if let Some(choice) = choice {
            let name = offer_of(&choice)?.map_or(crate::offer::SKIP, |offer| offer.choice);
            wizard.give(Ask::Provider, Answer::One(name.to_owned()));
        }
        if wizard.flags.mode.as_deref() == Some("remote") && wizard.flags.remote_url.is_some() {
            wizard.flags.remote()?;
        }
        wizard.flags.token_source(&wizard.facts)?;
        wizard.take_flags();
        Ok(wizard)
    }

    /// Some sections of an existing setup.
    pub fn configure(facts: Facts, sections: impl IntoIterator<Item = Section>) -> Self {
        let mut wizard = Self::new(facts, Flags::default(), "configure");
        wizard.sections.extend(sections);
        wizard
    }

    fn new(facts: Facts, flags: Flags, command: &'static str) -> Self {
        Self {
            fresh: facts.without_config(),
            facts,
            sections: BTreeSet::new(),
            answers: BTreeMap::new(),
            given: BTreeSet::new(),
            previous: BTreeMap::new(),
            flags,
            checked: None,
            command,
        }
    }

    /// Notes that the person knows the risk already.
    #[must_use]
    pub fn with_risk_accepted(mut self) -> Self {
        self.give(Ask::Risk, Answer::Yes(true));
        self
    }

    /// What happens next.
    pub fn turn(&self) -> Turn {
        if self.is_declined() {
            return Turn::Declined;
        }
        for ask in Ask::ALL {
            if ask == Ask::CheckFailed
                && self.checked.is_none()
                && let Some(model) = self.untried()
            {
                let plan = Plan::of(&self.setup(), self.facts(), None);
                return Turn::Check(Box::new((model, plan)));
            }
            if self.applies(ask) && !self.answers.contains_key(&ask) {
                return Turn::Ask(self.recalled(self.question(ask)));
            }
        }
        Turn::Done(Box::new(self.setup()))
    }

    /// Takes the answer to the present question.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in the person's language; the question stays.
    pub fn answer(&mut self, answer: Answer) -> Result<(), String> {
        let Turn::Ask(question) = self.turn() else { return Ok(()) };
        if !question.kind.takes(&answer) {
            return Err(
                self.say(Text("this is no answer to the question", "这不是该问题的有效回答"))
            );
        }
        let answer = trimmed(answer);
        self.check_answer(&question, &answer)?;
        if question.ask == Ask::CheckFailed {
            self.act_on_failure(answer);
        } else {
            self.answers.insert(question.ask, answer);
        }
        Ok(())
    }

    /// Takes the outcome of a check.
    pub fn checked(&mut self, outcome: Result<(), Failed>) {
        self.checked = Some(outcome);
    }

    /// Takes the last answer away; `false` when there is none.
    pub fn back(&mut self) -> bool {
        let last = self.answers.keys().rev().find(|ask| !self.given.contains(ask)).copied();
        let Some(last) = last else { return false };
        self.take(last);
        if last <= Ask::CheckFailed {
            self.checked = None;
        }
        true
    }

    /// What to write for `setup`.
    pub fn plan(&self, setup: &Setup) -> Plan {
        Plan::of(setup, self.facts(), Some(self.command))
    }

    /// The facts in force: those of an empty machine after a reset.
    pub fn facts(&self) -> &Facts {
        let resets = self.flags.reset || self.one(Ask::Existing) == Some("reset");
        if resets { &self.fresh } else { &self.facts }
    }

    fn is_declined(&self) -> bool {
        matches!(self.answers.get(&Ask::Risk), Some(Answer::Yes(false)))
            || self.one(Ask::Confirm) == Some("cancel")
    }

    fn say(&self, text: Text) -> String {
        text.of(self.facts.language).to_owned()
    }

    fn give(&mut self, ask: Ask, answer: Answer) {
        self.answers.insert(ask, answer);
        self.given.insert(ask);
    }

    fn forget(&mut self, asks: &[Ask]) {
        for ask in asks {
            self.take(*ask);
            self.given.remove(ask);
        }
        self.checked = None;
    }

    fn take(&mut self, ask: Ask) {
        if let Some(answer) = self.answers.remove(&ask) {
            self.previous.insert(ask, answer);
        }
    }

    /// The question with what was said to it before as its first value; never a secret.
    fn recalled(&self, mut question: Question) -> Question {
        let proposes = !matches!(question.ask, Ask::CheckFailed | Ask::Confirm);
        let previous = self.previous.get(&question.ask).filter(|_| proposes);
        match (&mut question.kind, previous) {
            (Kind::Text { initial, .. }, Some(Answer::Text(text))) => initial.clone_from(text),
            (Kind::One { choices, initial }, Some(Answer::One(value)))
                if choices.iter().any(|it| it.value == *value) =>
            {
                initial.clone_from(value);
            }
            (Kind::Many { initial, .. }, Some(Answer::Many(values))) => initial.clone_from(values),
            (
                Kind::Note
                | Kind::Confirm { .. }
                | Kind::One { .. }
                | Kind::Many { .. }
                | Kind::Text { .. }
                | Kind::Secret { .. },
                _,
            ) => {}
        }
        question
    }

    /// Puts what the flags say in the place of answers.
    fn take_flags(&mut self) {
        let flags = self.flags.clone();
        let one = |text: Option<String>| text.map(Answer::One);
        let line = |text: Option<String>| text.map(Answer::Text);
        let secret = |secret: Option<Secret>| secret.map(Answer::Secret);
        let flow = flags.flow.map(|it| if it == "manual" { "advanced".to_owned() } else { it });
        let key = self.offer().and_then(|offer| self.flags.secret(offer));
        let channels = flags.skip_channels.then(|| Answer::Many(Vec::new()));
        let given = [
            (Ask::Flow, one(flow)),
            (Ask::Mode, one(flags.mode)),
            (Ask::RemoteUrl, line(flags.remote_url)),
            (Ask::RemoteToken, secret(flags.remote_token)),
            (Ask::Workspace, line(flags.workspace)),
            (Ask::BaseUrl, line(flags.base_url)),
            (Ask::Dialect, one(flags.compatibility)),
            (Ask::Key, secret(key)),
            (Ask::Model, one(flags.model.as_ref().map(|_| applies::OTHER.to_owned()))),
            (Ask::ModelName, line(flags.model)),
            (Ask::Port, line(flags.port.map(|port| port.to_string()))),
            (Ask::Bind, one(flags.bind)),
            (Ask::Host, line(flags.host)),
            (Ask::Auth, one(flags.auth)),
            (Ask::Password, secret(flags.gateway_password)),
            (Ask::Channels, channels),
            (Ask::NodeManager, one(flags.node_manager)),
        ];
        for (ask, answer) in given {
            if let Some(answer) = answer {
                self.give(ask, answer);
            }
        }
        if flags.gateway_token.is_some() || flags.gateway_token_variable.is_some() {
            self.give(Ask::Token, Answer::Secret(Secret::new("")));
        }
        if self.answers.contains_key(&Ask::Key) {
            self.give(Ask::KeySource, Answer::One(applies::TYPED.to_owned()));
        }
    }

    fn one(&self, ask: Ask) -> Option<&str> {
        match self.answers.get(&ask) {
            Some(Answer::One(value)) => Some(value),
            _ => None,
        }
    }

    fn line(&self, ask: Ask) -> Option<&str> {
        match self.answers.get(&ask) {
            Some(Answer::Text(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    fn secret(&self, ask: Ask) -> Option<Secret> {
        match self.answers.get(&ask) {
            Some(Answer::Secret(secret)) if !secret.expose().is_empty() => Some(secret.clone()),
            _ => None,
        }
    }

    fn has_chosen(&self, ask: Ask, value: &str) -> bool {
        matches!(self.answers.get(&ask), Some(Answer::Many(values)) if values.iter().any(|it| it == value))
    }

    /// The offer that was taken, where one is asked for.
    fn offer(&self) -> Option<&'static Offer> {
        offer_of(self.one(Ask::Provider)?).ok().flatten()
    }

    fn proof(&self) -> Option<Proof> {
        self.offer().map(|offer| offer.proof)
    }

    /// Whether `kind` may stay empty.
    fn is_optional(kind: &Kind) -> bool {
        matches!(kind, Kind::Secret { optional: true })
    }
}

/// Blanks around an answer are slips of the hand.
fn trimmed(answer: Answer) -> Answer {
    match answer {
        Answer::Text(text) => Answer::Text(text.trim().to_owned()),
        Answer::Secret(secret) => Answer::Secret(Secret::new(secret.expose().trim())),
        Answer::Seen | Answer::Yes(_) | Answer::One(_) | Answer::Many(_) => answer,
    }
}

#[cfg(test)]
mod tests;
