//! From the messages of a request to one message for the agent. Pure.

use domain::Part;
use serde_json::Value;

use crate::http::transcript::{self, Line, Prompt, Speaker};

/// Images taken from one request.
const IMAGES_MAX: usize = 8;
const IMAGE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Makes the message. `None` when there is nothing to answer.
pub(super) fn of(messages: &Value) -> Option<Prompt> {
    let mut system = Vec::new();
    let mut lines = Vec::new();
    for message in messages.as_array().into_iter().flatten() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default().trim();
        let text = text_of(message.get("content"));
        if matches!(role, "system" | "developer") {
            system.push(text);
        } else {
            lines.extend(line(role, message, text));
        }
    }
    transcript::prompt(system, lines)
}

fn line(role: &str, message: &Value, text: String) -> Option<Line> {
    match role {
        "user" => Line::of(Speaker::User, text, images_of(message.get("content"))),
        "assistant" => Line::of(Speaker::Assistant, with_calls(text, message), Vec::new()),
        "tool" | "function" => {
            let name = message.get("name").or_else(|| message.get("tool_call_id"));
            let name = name.and_then(Value::as_str).map(str::trim).unwrap_or_default();
            Line::of(Speaker::Tool(name.to_owned()), text, Vec::new())
        }
        _ => None,
    }
}

/// What the assistant said, and which of the client's tools it called.
fn with_calls(text: String, message: &Value) -> String {
    let calls = message.get("tool_calls").and_then(Value::as_array).into_iter().flatten();
    let calls = calls.filter_map(|call| {
        let function = call.get("function")?;
        let arguments = function.get("arguments").and_then(Value::as_str).unwrap_or_default();
        Some(format!("called {}({arguments})", function.get("name")?.as_str()?))
    });
    let said = (!text.is_empty()).then_some(text);
    said.into_iter().chain(calls).collect::<Vec<_>>().join("\n")
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
    use domain::Content;
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
            {"role": "assistant", "content": "two", "tool_calls": [
                {"id": "c", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "tool", "name": "look", "content": "three"},
            {"role": "assistant", "content": "after"},
        ]));

        let text = "What was said before:\nUser: one\nAssistant: two\ncalled look({})\n\n\
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
