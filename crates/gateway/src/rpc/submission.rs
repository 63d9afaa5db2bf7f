//! From a client's words to a message for a conversation.

use std::time::Duration;

use agent::Submission;
use domain::{Content, Part, SessionKey, TurnId};
use schemars::JsonSchema;
use serde::Deserialize;
use tracing::warn;

/// Largest image taken, in bytes of the file.
pub(crate) const IMAGE_BYTES_MAX: usize = 6 << 20;

/// A file sent along.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    /// As the client knows it.
    file_name: Option<String>,
    /// Base64 or a data URL.
    content: Option<String>,
}

/// The message of a client.
pub(crate) fn submission(
    turn: &str,
    session: SessionKey,
    text: String,
    attachments: &[Attachment],
) -> Submission {
    let mut parts = Vec::new();
    if !text.trim().is_empty() {
        parts.push(Part::text(text));
    }
    parts.extend(attachments.iter().filter_map(image));
    let mut submission = Submission::of(TurnId::new(turn), session, Content(parts));
    submission.is_kept = true;
    submission
}

/// A turn's time as clients give it; zero is without end.
pub(crate) fn time_limit(ms: Option<u64>) -> Option<Duration> {
    ms.map(Duration::from_millis)
}

/// The attachment, if it is an image that a model could take; by its first bytes, whatever
/// the client says of it.
fn image(attachment: &Attachment) -> Option<Part> {
    let content = attachment.content.as_deref()?.trim();
    let data = match content.strip_prefix("data:") {
        Some(url) => url.split_once(";base64,")?.1,
        None => content,
    };
    let name = attachment.file_name.as_deref().unwrap_or("attachment");
    if data.len() / 4 * 3 > IMAGE_BYTES_MAX {
        warn!(name, bytes = data.len() / 4 * 3, "image too large, dropped");
        return None;
    }
    let Some(mime_type) = sniff(data) else {
        warn!(name, "attachment is no image, dropped");
        return None;
    };
    Some(Part::Image { data: data.to_owned(), mime_type: mime_type.to_owned() })
}

/// The type of an image by its first bytes, which base64 keeps recognisable.
fn sniff(data: &str) -> Option<&'static str> {
    const MARKS: [(&str, &str); 5] = [
        ("iVBORw0KGgo", "image/png"),
        ("/9j/", "image/jpeg"),
        ("R0lGODdh", "image/gif"),
        ("R0lGODlh", "image/gif"),
        ("UklGR", "image/webp"),
    ];
    MARKS.iter().find(|(mark, _)| data.starts_with(mark)).map(|(_, mime_type)| *mime_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(content: &str) -> Attachment {
        Attachment { file_name: None, content: Some(content.to_owned()) }
    }

    #[test]
    fn images_are_told_by_their_first_bytes_and_others_are_dropped() {
        let key = || SessionKey::stored("agent:main:main");
        let files = [
            attachment("data:text/plain;base64,iVBORw0KGgoAAA"),
            attachment("aGVsbG8="),
            attachment("/9j/4AAQ"),
        ];

        let message = submission("t", key(), "look".to_owned(), &files);

        let png =
            Part::Image { data: "iVBORw0KGgoAAA".to_owned(), mime_type: "image/png".to_owned() };
        let jpeg = Part::Image { data: "/9j/4AAQ".to_owned(), mime_type: "image/jpeg".to_owned() };
        assert_eq!(message.content, Content(vec![Part::text("look"), png, jpeg]));
    }
}
