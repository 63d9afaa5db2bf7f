//! The conversation as any dialect sends it.
//!
//! Leaves out what has nothing to say, describes images to models that cannot see, and lets
//! the person speak first. Pairing calls with results is the caller's duty.

use std::borrow::Cow;

use domain::{Assistant, Content, Message, Part, ToolResult, message::BashExecution};

use crate::{Model, Request};

/// Stands in for the person when the conversation begins with the model.
const OPENING: &str = "(The conversation begins with a message of yours.)";

/// Stands in for an image that the model cannot see.
const UNSEEN: &str = "(An image was here, but this model cannot see images.)";

/// What a tool that wrote nothing is reported to have written.
const SILENCE: &str = "(no output)";

/// One message to be sent.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    /// Of the person; never empty.
    User(Vec<Piece<'a>>),
    /// Of the model; has at least one part.
    Assistant {
        /// The message.
        message: &'a Assistant,
        /// Whether the very model wrote it that is asked now, so that its thinking goes back.
        own: bool,
    },
    /// Of a tool.
    Result(&'a ToolResult),
}

/// Part of what a person or a tool says.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece<'a> {
    /// Text; never empty.
    Text(Cow<'a, str>),
    /// An image in base64.
    Image {
        /// The base64 text.
        data: &'a str,
        /// Such as `image/png`.
        mime_type: &'a str,
    },
}

/// The messages of `request`, in order.
pub(crate) fn of(request: &Request) -> Vec<Turn<'_>> {
    let model = &*request.model;
    let mut turns = Vec::with_capacity(request.messages.len() + 1);
    for message in &request.messages {
        match &**message {
            Message::User(user) => {
                let pieces = pieces(&user.content, model);
                if !pieces.is_empty() {
                    turns.push(Turn::User(pieces));
                }
            }
            Message::Assistant(message) if says_something(message) => {
                if turns.is_empty() {
                    turns.push(Turn::User(vec![Piece::Text(Cow::Borrowed(OPENING))]));
                }
                turns.push(Turn::Assistant { message, own: is_own(message, model) });
            }
            Message::ToolResult(result) => turns.push(Turn::Result(result)),
            Message::BashExecution(run) if !run.exclude_from_context => {
                turns.push(Turn::User(vec![Piece::Text(Cow::Owned(told(run)))]));
            }
            Message::Assistant(_) | Message::BashExecution(_) => {}
        }
    }
    turns
}

/// The pieces of `content` that can be sent to `model`.
pub(crate) fn pieces<'a>(content: &'a Content, model: &Model) -> Vec<Piece<'a>> {
    let mut pieces = Vec::with_capacity(content.0.len());
    for part in &content.0 {
        match part {
            Part::Text { text, .. } if !text.trim().is_empty() => {
                pieces.push(Piece::Text(Cow::Borrowed(text)));
            }
            Part::Image { data, mime_type } if model.images => {
                pieces.push(Piece::Image { data, mime_type });
            }
            Part::Image { .. } => pieces.push(Piece::Text(Cow::Borrowed(UNSEEN))),
            Part::Text { .. } | Part::Thinking { .. } | Part::ToolCall { .. } => {}
        }
    }
    pieces
}

/// The text of a tool's result; never empty.
pub(crate) fn result_text<'a>(pieces: &[Piece<'a>]) -> Cow<'a, str> {
    let mut texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        Piece::Image { .. } => None,
    });
    match (texts.next(), texts.next()) {
        (None, _) if pieces.is_empty() => Cow::Borrowed(SILENCE),
        (None, _) => Cow::Borrowed("(see the image)"),
        (Some(only), None) => only.clone(),
        (Some(first), Some(second)) => {
            let mut all = format!("{first}\n{second}");
            for more in texts {
                all.push('\n');
                all.push_str(more);
            }
            Cow::Owned(all)
        }
    }
}

/// Whether `call` id characters are fit for every dialect; others are replaced.
pub(crate) fn safe_id(id: &str, chars_max: usize) -> Cow<'_, str> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    // `a|b` is how the responses dialect keeps the two ids of a call; the first is the call's.
    let id = id.split('|').next().unwrap_or(id);
    if id.len() <= chars_max && id.chars().all(is_safe) {
        return Cow::Borrowed(id);
    }
    let safe = id.chars().map(|c| if is_safe(c) { c } else { '_' });
    Cow::Owned(safe.take(chars_max).collect())
}

fn says_something(message: &Assistant) -> bool {
    message.content.0.iter().any(|part| match part {
        Part::Text { text, .. } => !text.trim().is_empty(),
        Part::ToolCall { .. } => true,
        // Thinking alone is not an answer that a provider takes back.
        Part::Thinking { .. } | Part::Image { .. } => false,
    })
}

fn is_own(message: &Assistant, model: &Model) -> bool {
    message.provider == model.provider
        && message.model == model.id
        && message.api == model.api.as_str()
}

fn told(run: &BashExecution) -> String {
    let cut = if run.truncated { "\n(The output is cut.)" } else { "" };
    let end = match (run.cancelled, run.exit_code) {
        (true, _) => "It was interrupted.".to_owned(),
        (false, Some(code)) => format!("It ended with status {code}."),
        (false, None) => "It ended.".to_owned(),
    };
    format!("I ran `{}` myself:\n```\n{}\n```\n{end}{cut}", run.command, run.output)
}
