//! Who wrote a message, and how far it is from a person's word.
//!
//! Sessions write to each other and start sub-agents, and what these bring makes them go on.
//! Each such message carries a trail from the person's message that it all began with; the
//! trail ends after a number of steps and of messages, so nothing goes on for ever by itself.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Steps from a person's message to the last that may follow from it.
pub(crate) const STEPS_MAX: usize = 10;

/// Messages that may follow from a person's message, all branches together.
const MESSAGES_MAX: usize = 100;

/// What messages that no person wrote come by, in the place of a channel. Nobody is listed for
/// it who may leave a sandbox.
pub(crate) const INTERNAL: &str = "internal";

/// Who wrote a message.
#[derive(Clone, Debug, Default)]
pub enum Origin {
    /// A person, or a program for one.
    #[default]
    Person,
    /// Another session.
    Letter(Trail),
    /// The session that started this sub-agent: its task.
    Task(Trail),
    /// The gateway: what became of a sub-agent.
    Report(Trail),
}

impl Origin {
    /// Whether a person wrote it.
    pub(crate) fn is_person(&self) -> bool {
        matches!(self, Self::Person)
    }

    /// The way from a person's word; a person's message begins one.
    pub(crate) fn trail(&self) -> Trail {
        match self {
            Self::Person => Trail::default(),
            Self::Letter(trail) | Self::Task(trail) | Self::Report(trail) => trail.clone(),
        }
    }
}

/// The way from a person's message to one that follows from it. The default is its beginning.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    steps: usize,
    messages: Arc<AtomicUsize>,
}

impl Trail {
    /// How many steps it is long.
    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// A trail that has come this far before a restart.
    pub(crate) fn at(steps: usize, messages: usize) -> Self {
        Self { steps, messages: Arc::new(AtomicUsize::new(messages)) }
    }

    /// How many steps and messages it has taken.
    pub(crate) fn distance(&self) -> (usize, usize) {
        (self.steps, self.messages.load(Ordering::Relaxed))
    }

    /// One step further; `None` when that would be too far, or too much followed already.
    pub(crate) fn further(&self) -> Option<Self> {
        let next = Self { steps: self.steps + 1, messages: Arc::clone(&self.messages) };
        (next.steps <= STEPS_MAX && next.spend()).then_some(next)
    }

    /// Takes one of the messages that may follow; `false` when none is left.
    pub(crate) fn spend(&self) -> bool {
        self.messages.fetch_add(1, Ordering::Relaxed) < MESSAGES_MAX
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_trail_ends_after_its_steps() {
        let mut trail = Trail::default();
        for _ in 0..STEPS_MAX {
            trail = trail.further().unwrap();
        }

        assert!(trail.further().is_none());
    }

    proptest! {
        #[test]
        fn whatever_branches_there_are_the_messages_are_bounded(
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..400),
        ) {
            let mut trails = vec![Trail::default()];
            for pick in picks {
                if let Some(next) = pick.get(&trails).further() {
                    trails.push(next);
                }
            }

            prop_assert!(trails.len() <= MESSAGES_MAX + 1);
            prop_assert!(trails.iter().all(|trail| trail.steps() <= STEPS_MAX));
        }
    }
}
