//! A conversation that a client of the API sends along, as one message for the agent. Pure.

use domain::{Content, Part};

/// One message for the agent.
#[derive(Debug, PartialEq)]
pub(super) struct Prompt {
    /// What it says.
    pub(super) content: Content,
    /// What is added to the system prompt.
    pub(super) system: Option<String>,
}

/// Who said something.
pub(super) enum Speaker {
    User,
    Assistant,
    /// A tool of the client, with its name or the id of its call; empty when unknown.
    Tool(String),
}

/// One thing that was said.
pub(super) struct Line {
    speaker: Speaker,
    text: String,
    images: Vec<Part>,
}

impl Line {
    /// A line, if there is something in it.
    pub(super) fn of(speaker: Speaker, text: String, images: Vec<Part>) -> Option<Self> {
        let is_something = !text.is_empty() || !images.is_empty();
        is_something.then_some(Self { speaker, text, images })
    }

    fn shown(&self) -> String {
        match &self.speaker {
            Speaker::User => format!("User: {}", self.text),
            Speaker::Assistant => format!("Assistant: {}", self.text),
            Speaker::Tool(name) if name.is_empty() => format!("Tool: {}", self.text),
            Speaker::Tool(name) => format!("Tool:{name}: {}", self.text),
        }
    }
}

/// Makes the message: the last of a user or tool, with what was said before in front of it.
/// `None` when there is none.
pub(super) fn prompt(system: Vec<String>, mut lines: Vec<Line>) -> Option<Prompt> {
    let at = lines.iter().rposition(|line| !matches!(line.speaker, Speaker::Assistant))?;
    let current = lines.swap_remove(at);
    lines.truncate(at);
    let text = if lines.is_empty() {
        current.text
    } else {
        let before: Vec<String> = lines.iter().map(Line::shown).collect();
        format!(
            "What was said before:\n{}\n\nThe message to answer now:\n{}",
            before.join("\n"),
            current.shown()
        )
    };
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::text(text));
    }
    parts.extend(current.images);
    let system: Vec<String> = system.into_iter().filter(|text| !text.is_empty()).collect();
    let system = (!system.is_empty()).then(|| system.join("\n\n"));
    Some(Prompt { content: Content(parts), system })
}
