//! Skills that a person calls by a command: the message becomes one that names the skill's file.

use std::{fmt::Write as _, sync::Arc};

use config::Config;
use domain::{Content, Part};
use policy::explain::Boxed;

use super::Session;
use crate::{Submission, SubmitError, Submitted, brief, commands, skills::offer::Offer};

impl Session {
    /// What this conversation can use of its agent's skills, as they are now.
    pub(super) async fn offer(&self, config: &Arc<Config>, agent: &config::Agent) -> Offer {
        let found = self.io.skills(config, &agent.id).await;
        let boxed = Boxed::of(config, agent, &self.key);
        let sight = brief::sight(agent, boxed.as_ref());
        Offer::of(&found, &config.skills, sight, &commands::is_taken)
    }

    /// The message, or what `/<skill>` in front of it makes of it. Other words with a slash are
    /// the model's to understand.
    pub(super) async fn with_skill(
        &self,
        config: &Arc<Config>,
        submission: Submission,
    ) -> Submission {
        let text = submission.content.joined_text();
        let Some((word, input)) = text.trim().strip_prefix('/').map(split) else {
            return submission;
        };
        let agent = config.agents.get(&self.agent).unwrap_or(&config.agents.list[0]);
        let offer = self.offer(config, agent).await;
        match offer.called(word).map(|skill| skill.request(input)) {
            Some(request) => reworded(submission, request),
            None => submission,
        }
    }

    /// `/skill <name> [input]`; without a name, the skills that can be called.
    pub(super) async fn call_skill(
        &mut self,
        words: &str,
        submission: Submission,
    ) -> Result<Submitted, SubmitError> {
        let config = self.io.config();
        let agent = config.agents.get(&self.agent).unwrap_or(&config.agents.list[0]);
        let offer = self.offer(&config, agent).await;
        let (word, input) = split(words);
        if let Some(skill) = offer.called(word).filter(|_| !word.is_empty()) {
            let submission = reworded(submission, skill.request(input));
            return self.line_up(&config, submission).await;
        }
        let text = listed(&offer, word);
        self.answer(&submission.turn, text).await?;
        Ok(Submitted::Started)
    }
}

/// The first word, and the rest.
fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    (word.trim_end_matches(':'), rest.trim())
}

/// The message with other words; what came beside them stays.
fn reworded(submission: Submission, text: String) -> Submission {
    let others = submission.content.0.iter().filter(|part| !matches!(part, Part::Text { .. }));
    let parts = [Part::text(text)].into_iter().chain(others.cloned()).collect();
    Submission { content: Content(parts), ..submission }
}

fn listed(offer: &Offer, word: &str) -> String {
    let commands = offer.commands();
    let mut text = match (word.is_empty(), commands.is_empty()) {
        (_, true) => return "No skill can be used here. `openclaw skills check` says why.".into(),
        (true, false) => "Usage: /skill <name> [input]. There are:".to_owned(),
        (false, false) => format!("No skill `{word}` can be used here. There are:"),
    };
    for command in commands {
        let description: String = command.description.chars().take(100).collect();
        // Writing to a `String` cannot fail.
        let _written = write!(text, "\n/{}: {description}", command.name);
    }
    text
}
