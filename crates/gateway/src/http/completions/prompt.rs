//! From the messages of a request to one message for the agent. Pure.

use domain::Part;
use serde_json::Value;

use crate::http::transcript::{self, Line, Prompt, Speaker};

/// Images taken from one request.
const IMAGES_MAX: usize = 8;
const IMAGE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Makes the message.
///
/// # Errors
///
/// What to tell the client: there is nothing to answer, or the message to answer holds something
/// that is not taken. In what was said before, such parts are only noted as left out, since the
/// conversation could not go on otherwise.
pub(super) fn of(messages: &Value) -> Result<Prompt, String> {
    let mut system = Vec::new();
    let mut lines = Vec::new();
    let messages = messages.as_array().map_or(&[][..], Vec::as_slice);
    if let Some(at) = messages.iter().rposition(|message| message["role"] == "user") {
        let current = messages.get(at).unwrap_or(&Value::Null);
        let refusal = |(part, why): (usize, String)| format!("messages.{at}.content.{part}: {why}");
        check(current).map_err(refusal)?;
    }
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default().trim();
        let text = text_of(message.get("content"));
        if matches!(role, "system" | "developer") {
            system.push(text);
        } else {
            lines.extend(line(role, message, text));
        }
    }
    transcript::prompt(system, lines)
        .ok_or_else(|| "Missing user message in `messages`.".to_owned())
}

/// Whether all parts of a message are taken; else the place of one that is not, and why not.
fn check(message: &Value) -> Result<(), (usize, String)> {
    let parts = message["content"].as_array().map_or(&[][..], Vec::as_slice);
    let mut images = 0;
    for (at, part) in parts.iter().enumerate() {
        match part["type"].as_str() {
            Some("text" | "input_text") => {}
            Some("image_url" | "input_image") => {
                images += 1;
                if images > IMAGES_MAX {
                    return Err((at, format!("at most {IMAGES_MAX} images are taken")));
                }
                let url = image_url(part).unwrap_or_default();
                if image(url).is_none() {
                    return Err((at, why_no_image(url)));
                }
            }
            Some(kind) => return Err((at, not_taken(kind))),
            None if part.is_object() => return Err((at, "a part has a type".to_owned())),
            None => {}
        }
    }
    Ok(())
}

fn not_taken(kind: &str) -> String {
    let kind: String = kind.chars().take(40).collect();
    format!(
        "parts of type \"{kind}\" are not taken here; send text, or an image. Text files are taken \
         by /v1/responses as input_file"
    )
}

fn why_no_image(url: &str) -> String {
    let types = IMAGE_TYPES.join(", ");
    if url.starts_with("data:") {
        format!("the image is not taken; it must be base64 of one of {types}")
    } else {
        format!("an image is not fetched; send it as a data: URL with base64 of one of {types}")
    }
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

/// The text of a part, or a note that something was left out.
fn text_part(part: &Value) -> Option<&str> {
    match part.get("type").and_then(Value::as_str)? {
        "text" | "input_text" | "output_text" => part.get("text").and_then(Value::as_str),
        "refusal" => part.get("refusal").and_then(Value::as_str),
        "image_url" | "input_image" => None,
        _ => Some("[a file that was left out]"),
    }
}

/// Images that the request itself holds; nothing is fetched.
fn images_of(content: Option<&Value>) -> Vec<Part> {
    let parts = content.and_then(Value::as_array);
    let urls = parts.into_iter().flatten().filter_map(image_url);
    urls.filter_map(image).take(IMAGES_MAX).collect()
}

fn image_url(part: &Value) -> Option<&str> {
    let image = part.get("image_url")?;
    image.as_str().or_else(|| image.get("url")?.as_str())
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
        assert_eq!(prompt, Ok(Prompt { content: Content::text("hi"), system }));
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
            assert!(of(&messages).is_err(), "{messages}");
        }
    }

    #[test]
    fn images_of_the_current_message_are_taken() {
        let png = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
        let prompt = of(&json!([{"role": "user", "content": [png]}])).unwrap();

        let image = Part::Image { data: "AAAA".to_owned(), mime_type: "image/png".to_owned() };
        assert_eq!(prompt.content, Content(vec![image]));
    }

    #[test]
    fn what_is_not_taken_is_refused_with_its_place_and_the_way_to_send_it() {
        let refusal = |part: Value| {
            let content = json!([{"type": "text", "text": "look"}, part]);
            of(&json!([{"role": "user", "content": content}])).unwrap_err()
        };

        let file = json!({"type": "file", "file": {"file_data": "data:text/plain;base64,QQ=="}});
        let said = refusal(file);
        assert!(said.starts_with("messages.0.content.1: parts of type \"file\""), "{said}");
        assert!(said.contains("/v1/responses"), "{said}");
        let far = json!({"type": "image_url", "image_url": {"url": "http://169.254.169.254/x"}});
        assert!(refusal(far).contains("not fetched"));
        let tiff = json!({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA"}});
        assert!(refusal(tiff).contains("image/webp"));
        assert!(refusal(json!({"type": "input_audio", "input_audio": {}})).contains("input_audio"));
    }

    #[test]
    fn a_file_in_what_was_said_before_is_noted_as_left_out() {
        let prompt = of(&json!([
            {"role": "user", "content": [{"type": "file", "file": {}}, {"type": "text", "text": "1"}]},
            {"role": "user", "content": "2"},
        ]));

        let text = "What was said before:\nUser: [a file that was left out]\n1\n\n\
                    The message to answer now:\nUser: 2";
        assert_eq!(prompt.unwrap().content, Content::text(text));
    }
}
