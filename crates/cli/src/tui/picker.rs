//! A list to choose from: typing narrows it.

use crate::ui::safe;

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Session,
    Agent,
    Model,
    /// How the chat is set.
    Settings,
    /// Whether commands may run here.
    Shell,
}

/// One thing to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
}

/// A list to choose from.
#[derive(Debug)]
pub(crate) struct Picker {
    pub(crate) kind: Kind,
    pub(crate) filter: String,
    at: usize,
    choices: Vec<Choice>,
}

impl Choice {
    /// A choice whose words come from elsewhere.
    pub(crate) fn new(value: &str, about: &str) -> Self {
        let label = safe::line(&format!("{value}  {about}"));
        Self { value: value.to_owned(), label }
    }
}

impl Picker {
    pub(crate) fn new(kind: Kind, choices: Vec<Choice>) -> Self {
        Self { kind, filter: String::new(), at: 0, choices }
    }

    pub(crate) fn title(&self) -> &'static str {
        match self.kind {
            Kind::Session => "Conversations",
            Kind::Agent => "Agents",
            Kind::Model => "Models",
            Kind::Settings => "Settings",
            Kind::Shell => "Run commands on this machine, as you?",
        }
    }

    /// What fits the filter: words that have it as it is come first.
    pub(crate) fn fitting(&self) -> Vec<&Choice> {
        let wanted = self.filter.to_lowercase();
        let mut fitting: Vec<(bool, &Choice)> = self
            .choices
            .iter()
            .filter_map(|it| {
                let label = it.label.to_lowercase();
                let is_whole = label.contains(&wanted);
                (is_whole || is_within(&wanted, &label)).then_some((!is_whole, it))
            })
            .collect();
        fitting.sort_by_key(|(is_loose, _)| *is_loose);
        fitting.into_iter().map(|(_, it)| it).collect()
    }

    /// Where the mark is, among what fits.
    pub(crate) fn at(&self) -> usize {
        self.at.min(self.fitting().len().saturating_sub(1))
    }

    pub(crate) fn chosen(&self) -> Option<String> {
        self.fitting().get(self.at()).map(|it| it.value.clone())
    }

    pub(crate) fn up(&mut self) {
        self.at = self.at().saturating_sub(1);
    }

    pub(crate) fn down(&mut self) {
        self.at = self.at() + 1;
    }

    pub(crate) fn narrow(&mut self, text: &str) {
        self.filter.push_str(&safe::line(text));
        self.at = 0;
    }

    pub(crate) fn widen(&mut self) {
        self.filter.pop();
        self.at = 0;
    }
}

/// Whether the characters of `wanted` are in `label` in their order.
fn is_within(wanted: &str, label: &str) -> bool {
    let mut label = label.chars();
    wanted.chars().all(|char| label.any(|it| it == char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_narrows_and_whole_words_come_first() {
        let choices = ["agent:main:work", "agent:main:wander okay", "agent:main:home"];
        let choices = choices.map(|key| Choice::new(key, "")).to_vec();
        let mut picker = Picker::new(Kind::Session, choices);

        picker.down();
        picker.narrow("wok");
        let loose: Vec<&str> = picker.fitting().iter().map(|it| it.value.as_str()).collect();

        assert_eq!(loose, ["agent:main:work", "agent:main:wander okay"]);
        picker.narrow("ay");
        assert_eq!(picker.chosen().as_deref(), Some("agent:main:wander okay"));
        picker.down();
        assert_eq!(picker.at(), 0);
    }
}
