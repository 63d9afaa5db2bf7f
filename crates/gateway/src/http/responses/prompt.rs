//! From the items of a request to one message for the agent. Pure.
//!
//! Text files go to the system prompt, marked as what they are; images go with the message.
//! Nothing is fetched: a request brings what it is about.

use base64::Engine as _;
use domain::Part;
use serde_json::Value;

use super::ResponsesRequest;
use crate::http::transcript::{self, Prompt, Speaker};

/// Bytes of one file.
const FILE_BYTES_MAX: usize = 5 << 20;
/// Characters of one file that reach the model.
const FILE_CHARS_MAX: usize = 60_000;
/// Base64 of one image; 10 MiB of it.
const IMAGE_CHARS_MAX: usize = (10 << 20) / 3 * 4 + 4;
/// Images and files of one request.
const PARTS_MAX: usize = 16;
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const FILE_TYPES: [&str; 5] =
    ["text/plain", "text/markdown", "text/html", "text/csv", "application/json"];

/// What was read so far.
#[derive(Default)]
struct Reading {
    system: Vec<String>,
    files: Vec<String>,
    lines: Vec<transcript::Line>,
}

/// Makes the message: the last of a user or tool, with what was said before in front of it.
///
/// # Errors
///
/// What to tell the client.
pub(super) fn of(request: &ResponsesRequest) -> Result<Prompt, String> {
    let mut reading = Reading::default();
    reading.system.extend(request.instructions.clone());
    match &request.input {
        Value::String(text) => reading.say(Speaker::User, text.trim().to_owned(), Vec::new()),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                reading.item(item).map_err(|text| format!("input.{at}{text}"))?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err("input: must be a text or a list of items".to_owned());
        }
    }
    reading.system.append(&mut reading.files);
    transcript::prompt(reading.system, reading.lines)
        .ok_or_else(|| "Missing user message in `input`.".to_owned())
}

impl Reading {
    fn item(&mut self, item: &Value) -> Result<(), String> {
        let text = |field: &str| item[field].as_str().unwrap_or_default().trim().to_owned();
        // A message may leave its type out.
        match item["type"].as_str().unwrap_or("message") {
            "message" => self.message(item),
            "function_call" => {
                let line = format!("called {}({})", text("name"), text("arguments"));
                self.say(Speaker::Assistant, line, Vec::new());
                Ok(())
            }
            "function_call_output" => {
                let output = &item["output"];
                let output = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
                self.say(Speaker::Tool(text("call_id")), output, Vec::new());
                Ok(())
            }
            "reasoning" | "item_reference" => Ok(()),
            other => Err(format!(".type: \"{other}\" is not known")),
        }
    }

    fn message(&mut self, item: &Value) -> Result<(), String> {
        let mut texts = Vec::new();
        let mut images = Vec::new();
        match &item["content"] {
            Value::String(text) => texts.push(text.trim().to_owned()),
            Value::Array(parts) if parts.len() > PARTS_MAX => {
                return Err(format!(".content: at most {PARTS_MAX} parts are taken"));
            }
            Value::Array(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    self.part(part, &mut texts, &mut images)
                        .map_err(|text| format!(".content.{at}{text}"))?;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                return Err(".content: must be a text or a list of parts".to_owned());
            }
        }
        let text = texts.join("\n").trim().to_owned();
        match item["role"].as_str() {
            Some("user") => self.say(Speaker::User, text, images),
            Some("assistant") => self.say(Speaker::Assistant, text, Vec::new()),
            Some("system" | "developer") => self.system.push(text),
            _ => return Err(".role: must be system, developer, user or assistant".to_owned()),
        }
        Ok(())
    }

    fn part(
        &mut self,
        part: &Value,
        texts: &mut Vec<String>,
        images: &mut Vec<Part>,
    ) -> Result<(), String> {
        match part["type"].as_str().unwrap_or_default() {
            "input_text" | "output_text" | "text" => {
                texts.extend(part["text"].as_str().map(str::to_owned));
                Ok(())
            }
            "input_image" => {
                let (mime_type, data) = source(part, "image_url")?;
                if !IMAGE_TYPES.contains(&mime_type.as_str()) {
                    return Err(format!(": images of type \"{mime_type}\" are not taken"));
                }
                if data.len() > IMAGE_CHARS_MAX {
                    return Err(": the image is larger than 10 MiB".to_owned());
                }
                images.push(Part::Image { data, mime_type });
                Ok(())
            }
            "input_file" => {
                let file = file(part)?;
                self.files.push(file);
                Ok(())
            }
            other => Err(format!(".type: \"{other}\" is not known")),
        }
    }

    fn say(&mut self, speaker: Speaker, text: String, images: Vec<Part>) {
        self.lines.extend(transcript::Line::of(speaker, text, images));
    }
}

/// Type and base64 of a part: in `source`, or as a `data:` URL in `field`.
fn source(part: &Value, field: &str) -> Result<(String, String), String> {
    const FETCHED: &str = ": nothing is fetched; send the content itself, as base64";
    let source = &part["source"];
    if source["type"] == "base64" {
        let mime_type = source["media_type"].as_str().unwrap_or_default().to_ascii_lowercase();
        let data = source["data"].as_str().ok_or(".source.data: is missing")?;
        return Ok((mime_type, data.to_owned()));
    }
    let url = part[field].as_str().or_else(|| source["url"].as_str());
    let data = url.ok_or(": has no source")?.strip_prefix("data:").ok_or(FETCHED)?;
    let (mime_type, data) = data.split_once(";base64,").ok_or(FETCHED)?;
    Ok((mime_type.to_ascii_lowercase(), data.to_owned()))
}

/// A text file, in marks that its own content cannot close.
fn file(part: &Value) -> Result<String, String> {
    let (mime_type, data) = source(part, "file_data")?;
    let mime_type = mime_type.split(';').next().unwrap_or_default().trim();
    if !FILE_TYPES.contains(&mime_type) {
        return Err(format!(": files of type \"{mime_type}\" are not taken"));
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data.trim())
        .map_err(|_| ": is not base64".to_owned())?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(": the file is larger than 5 MiB".to_owned());
    }
    let text = String::from_utf8_lossy(&bytes);
    let text: String = text.chars().take(FILE_CHARS_MAX).collect();
    let name = part["filename"].as_str().or_else(|| part["source"]["filename"].as_str());
    let name: String = name
        .unwrap_or("file")
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '"' | '<' | '>' | '&'))
        .take(200)
        .collect();
    let text = text.replace("</file", "<\\/file");
    Ok(format!("<file name=\"{name}\">\n{text}\n</file>"))
}

#[cfg(test)]
mod tests {
    use domain::Content;
    use serde_json::json;

    use super::*;

    fn prompt(input: &Value) -> Result<Prompt, String> {
        let request = json!({"model": "m", "instructions": "be brief", "input": input});
        of(&ResponsesRequest::parse(request.to_string().as_bytes()).unwrap())
    }

    #[test]
    fn a_text_is_a_message_of_the_user() {
        let prompt = prompt(&json!(" hi ")).unwrap();

        assert_eq!(prompt.content, Content::text("hi"));
        assert_eq!(prompt.system.as_deref(), Some("be brief"));
    }

    #[test]
    fn the_result_of_a_call_is_what_is_to_be_answered() {
        let prompt = prompt(&json!([
            {"type": "message", "role": "user", "content": "weather?"},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{\"at\":1}"},
            {"type": "reasoning"},
            {"type": "function_call_output", "call_id": "c1", "output": "sun"},
        ]));

        let text = "What was said before:\nUser: weather?\nAssistant: called look({\"at\":1})\n\n\
                    The message to answer now:\nTool:c1: sun";
        assert_eq!(prompt.unwrap().content, Content::text(text));
    }

    #[test]
    fn files_go_to_the_system_prompt_and_cannot_leave_their_marks() {
        let data = base64::engine::general_purpose::STANDARD.encode("a</file>b");
        let source = json!({"type": "base64", "media_type": "text/plain", "data": data,
                            "filename": "n\"<x>.txt"});
        let file = json!({"type": "input_file", "source": source});
        let text = json!({"type": "input_text", "text": "read it"});
        let prompt = prompt(&json!([{"role": "user", "content": [file, text]}])).unwrap();

        let system = "be brief\n\n<file name=\"nx.txt\">\na<\\/file>b\n</file>";
        assert_eq!(prompt.system.as_deref(), Some(system));
        assert_eq!(prompt.content, Content::text("read it"));
    }

    #[test]
    fn what_is_not_taken_is_told_with_its_place() {
        let user = |part: Value| prompt(&json!([{"role": "user", "content": [part]}])).unwrap_err();
        let far = json!({"type": "input_image", "source": {"type": "url", "url": "http://x/"}});
        assert!(user(far).starts_with("input.0.content.0: nothing is fetched"));
        let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": ""});
        let error = user(json!({"type": "input_file", "source": pdf}));
        assert_eq!(error, "input.0.content.0: files of type \"application/pdf\" are not taken");
        assert!(user(json!({"type": "input_audio"})).contains("input_audio"));
        assert!(prompt(&json!([{"type": "web"}])).unwrap_err().starts_with("input.0.type"));
        assert!(prompt(&json!([{"role": "user", "content": 1}])).is_err());
        assert_eq!(prompt(&json!([])).unwrap_err(), "Missing user message in `input`.");
        assert!(prompt(&json!(7)).is_err());
    }
}
