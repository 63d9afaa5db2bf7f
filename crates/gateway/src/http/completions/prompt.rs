//! From the messages of a request to one message for the agent. Pure.

use domain::{Content, Part};
use serde_json::Value;

/// Images taken from one request.
const IMAGES_MAX: usize = 8;
const IMAGE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// One message for the agent.
#[derive(Debug, PartialEq)]
pub(super) struct Prompt {
    /// What it says.
    pub(super) content: Content,
    /// What is added to the system prompt.
    pub(super) system: Option<String>,
}

/// One message of the request.
struct Line {
    speaker: String,
    text: String,
    images: Vec<Part>,
    is_answerable: bool,
}

/// Makes the message: the last of a user or tool, with what was said before in front of it.
/// `None` when there is none.
pub(super) fn of(messages: &Value) -> Option<Prompt> {
    let mut system = Vec::new();
    let mut lines = Vec::new();
    for message in messages.as_array().into_iter().flatten() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default().trim();
        let text = text_of(message.get("content"));
        if matches!(role, "system" | "developer") {
            if !text.is_empty() {
                system.push(text);
            }
        } else if let Some(line) = line(role, message, text) {
            lines.push(line);
        }
    }
    let at = lines.iter().rposition(|line| line.is_answerable)?;
    let current = lines.swap_remove(at);
    lines.truncate(at);
    let text = match lines.as_slice() {
        [] => current.text,
        before => {
            let before: Vec<String> = before.iter().map(Line::shown).collect();
            format!(
                "What was said before:\n{}\n\nThe message to answer now:\n{}: {}",
                before.join("\n"),
                current.speaker,
                current.text
            )
        }
    };
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(Part::text(text));
    }
    parts.extend(current.images);
    let system = (!system.is_empty()).then(|| system.join("\n\n"));
    Some(Prompt { content: Content(parts), system })
}

impl Line {
    fn shown(&self) -> String {
        format!("{}: {}", self.speaker, self.text)
    }
}

fn line(role: &str, message: &Value, text: String) -> Option<Line> {
    let (speaker, images, is_answerable) = match role {
        "user" => ("User".to_owned(), images_of(message.get("content")), true),
        "assistant" => ("Assistant".to_owned(), Vec::new(), false),
        "tool" | "function" => {
            let name = message.get("name").and_then(Value::as_str).map(str::trim);
            let name = name.filter(|name| !name.is_empty());
            (
                name.map_or_else(|| "Tool".to_owned(), |name| format!("Tool:{name}")),
                Vec::new(),
                true,
            )
        }
        _ => return None,
    };
    let is_something = !text.is_empty() || !images.is_empty();
    is_something.then_some(Line { speaker, text, images, is_answerable })
}

fn text_of(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(text_part).collect();
            texts.join("\n").trim().to_owned()
        }
        _ => String::new(),
    }
}

fn text_part(part: &Value) -> Option<&str> {
    match part.get("type").and_then(Value::as_str) {
        Some("text" | "input_text") => part.get("text").and_then(Value::as_str),
        Some(_) | None => None,
    }
}

/// Images that the request itself holds; nothing is fetched.
fn images_of(content: Option<&Value>) -> Vec<Part> {
    let parts = content.and_then(Value::as_array);
    let urls = parts.into_iter().flatten().filter_map(|part| {
        let image = part.get("image_url")?;
        image.as_str().or_else(|| image.get("url")?.as_str())
    });
    urls.filter_map(image).take(IMAGES_MAX).collect()
}

fn image(url: &str) -> Option<Part> {
    let (mime_type, data) = url.strip_prefix("data:")?.split_once(";base64,")?;
    let mime_type = mime_type.to_ascii_lowercase();
    let is_taken = IMAGE_TYPES.contains(&mime_type.as_str());
    is_taken.then(|| Part::Image { data: data.to_owned(), mime_type })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lone_message_is_taken_as_it_is() {
        let prompt = of(&json!([
            {"role": "system", "content": "be brief"},
            {"role": "developer", "content": [{"type": "text", "text": "be kind"}]},
            {"role": "user", "content": "hi"},
        ]));

        let system = Some("be brief\n\nbe kind".to_owned());
        assert_eq!(prompt, Some(Prompt { content: Content::text("hi"), system }));
    }

    #[test]
    fn earlier_messages_come_first_and_the_current_one_is_apart() {
        let prompt = of(&json!([
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "tool", "name": "look", "content": "three"},
            {"role": "assistant", "content": "after"},
        ]));

        let text = "What was said before:\nUser: one\nAssistant: two\n\n\
                    The message to answer now:\nTool:look: three";
        assert_eq!(prompt.unwrap().content, Content::text(text));
    }

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        for messages in [
            json!(null),
            json!([]),
            json!("x"),
            json!([1, {"role": "user"}]),
            json!([{"role": "assistant", "content": "x"}]),
            json!([{"role": "user", "content": 5}]),
        ] {
            assert_eq!(of(&messages), None, "{messages}");
        }
    }

    #[test]
    fn images_of_the_current_message_are_taken_and_none_is_fetched() {
        let png = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
        let far = json!({"type": "image_url", "image_url": {"url": "http://169.254.169.254/x"}});
        let prompt = of(&json!([{"role": "user", "content": [far, png]}])).unwrap();

        let image = Part::Image { data: "AAAA".to_owned(), mime_type: "image/png".to_owned() };
        assert_eq!(prompt.content, Content(vec![image]));
    }
}
