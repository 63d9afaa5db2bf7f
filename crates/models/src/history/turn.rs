//! What a turn of the conversation consists of.

use std::borrow::Cow;

use domain::{Content, Part};
use serde_json::Value;

use super::Rules;

/// Stands in for an image that the model cannot see.
const UNSEEN: &str = "(An image was here, but this model cannot see images.)";

/// Stands in for an image that no model reads.
const UNREADABLE: &str =
    "(An image was here, but it is broken, too large, or of a type that models do not read.)";

/// What a tool that wrote nothing is reported to have written.
const SILENCE: &str = "(no output)";

/// Beginnings of base64 texts, and the types of the images.
const IMAGES: [(&str, &str); 4] = [
    ("iVBORw0KGg", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
];

/// One turn to be sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Turn<'a> {
    /// Of the person; never empty.
    User(Vec<Piece<'a>>),
    /// Of the model; has at least one text or call, and calls end it.
    Assistant(Vec<Said<'a>>),
    /// Of a tool.
    Result(Answer<'a>),
}

/// Part of what a person or a tool says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece<'a> {
    /// Text; never blank.
    Text(Cow<'a, str>),
    /// An image in base64.
    Image {
        /// The base64 text.
        data: &'a str,
        /// Such as `image/png`.
        mime_type: &'a str,
    },
}

/// Part of what the model said.
#[derive(Debug, PartialEq)]
pub(crate) enum Said<'a> {
    /// Text; never blank.
    Text {
        /// The text.
        text: &'a str,
        /// What the asked model's server calls it.
        signature: Option<&'a str>,
    },
    /// Thinking of the asked model itself.
    Thinking {
        /// The thinking.
        text: &'a str,
        /// Its signature; never empty.
        signature: &'a str,
        /// Whether the signature stands for the text.
        redacted: bool,
    },
    /// A call.
    Call {
        /// Its id, unique in the conversation.
        id: String,
        /// Its second id in the responses dialect, if the asked model made it.
        item: Option<&'a str>,
        /// The tool.
        name: Cow<'a, str>,
        /// An object.
        arguments: Cow<'a, Value>,
        /// What the server gave with it, if the asked model made it.
        signature: Option<&'a str>,
        /// Whether the asked model made it.
        own: bool,
    },
}

/// What a tool brought.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer<'a> {
    /// The id of the call as it was sent.
    pub(crate) id: String,
    /// The tool, as it was sent.
    pub(crate) name: String,
    /// May be empty.
    pub(crate) pieces: Vec<Piece<'a>>,
    /// Whether the call failed.
    pub(crate) is_error: bool,
}

/// A part that is no call, as it can be sent.
pub(super) fn said(part: &Part, own: bool) -> Option<Said<'_>> {
    match part {
        Part::Text { text, text_signature } if !text.trim().is_empty() => {
            Some(Said::Text { text, signature: text_signature.as_deref().filter(|_| own) })
        }
        Part::Thinking { thinking, thinking_signature: Some(signature), redacted }
            if own && !signature.is_empty() =>
        {
            Some(Said::Thinking { text: thinking, signature, redacted: *redacted })
        }
        Part::Text { .. } | Part::Thinking { .. } | Part::Image { .. } | Part::ToolCall { .. } => {
            None
        }
    }
}

/// The pieces of `content` that can be sent.
pub(crate) fn pieces<'a>(content: &'a Content, rules: &Rules) -> Vec<Piece<'a>> {
    let mut pieces = Vec::with_capacity(content.0.len());
    for part in &content.0 {
        match part {
            Part::Text { text, .. } if !text.trim().is_empty() => {
                pieces.push(Piece::Text(Cow::Borrowed(text)));
            }
            Part::Image { data, .. } => pieces.push(image(data, rules)),
            Part::Text { .. } | Part::Thinking { .. } | Part::ToolCall { .. } => {}
        }
    }
    pieces
}

/// The pieces of a result, with texts cut in the middle where they exceed the rules.
pub(super) fn capped<'a>(content: &'a Content, rules: &Rules) -> Vec<Piece<'a>> {
    let mut pieces = pieces(content, rules);
    let mut room = rules.result_bytes_max;
    for piece in &mut pieces {
        if let Piece::Text(text) = piece {
            if text.len() > room {
                *text = Cow::Owned(shortened(text, room));
            }
            room = room.saturating_sub(text.len());
        }
    }
    pieces
}

/// The beginning and the end of `text`, about `bytes_max` in all.
fn shortened(text: &str, bytes_max: usize) -> String {
    let half = bytes_max / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half.min(text.len() - head));
    let left_out = tail - head;
    format!("{}\n[… {left_out} bytes left out …]\n{}", &text[..head], &text[tail..])
}

fn image<'a>(data: &'a str, rules: &Rules) -> Piece<'a> {
    if !rules.images {
        return Piece::Text(UNSEEN.into());
    }
    // A type that does not match the bytes is refused, so the bytes decide.
    let known = IMAGES.iter().find(|(beginning, _)| data.starts_with(beginning));
    match known {
        Some((_, mime_type)) if data.len() <= rules.image_chars_max && is_base64(data) => {
            Piece::Image { data, mime_type }
        }
        Some(_) | None => Piece::Text(UNREADABLE.into()),
    }
}

fn is_base64(data: &str) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let bare = data.trim_end_matches('=');
    data.len().is_multiple_of(4)
        && data.len() - bare.len() <= 2
        && bare.as_bytes().iter().all(is_digit)
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
