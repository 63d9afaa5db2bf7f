//! From the items of a request to one message for the agent. Pure.
//!
//! Text files go to the system prompt, marked as what they are; images go with the message. What is
//! named by URL was fetched before ([`super::remote`]).

use base64::Engine as _;
use config::Intake;
use domain::Part;
use serde_json::Value;

use super::{
    ResponsesRequest,
    remote::{Remote, Remotes, Sort},
};
use crate::http::transcript::{self, Prompt, Speaker};

/// Images and files of one message.
const PARTS_MAX: usize = 16;

/// What was read so far.
struct Reading<'a> {
    intake: &'a Intake,
    remotes: &'a Remotes,
    system: Vec<String>,
    files: Vec<String>,
    lines: Vec<transcript::Line>,
}

/// Makes the message: the last of a user or tool, with what was said before in front of it.
///
/// # Errors
///
/// What to tell the client.
pub(super) fn of(
    request: &ResponsesRequest,
    intake: &Intake,
    remotes: &Remotes,
) -> Result<Prompt, String> {
    let mut reading =
        Reading { intake, remotes, system: Vec::new(), files: Vec::new(), lines: Vec::new() };
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

impl Reading<'_> {
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
                images.push(self.image(part)?);
                Ok(())
            }
            "input_file" => {
                let file = self.file(part)?;
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

impl Reading<'_> {
    /// A picture, of a type that is taken.
    fn image(&self, part: &Value) -> Result<Part, String> {
        let limits = &self.intake.images;
        let (mime_type, data) = self.source(Sort::Image, part)?;
        if !limits.types.contains(&mime_type) {
            return Err(format!(": images of type \"{mime_type}\" are not taken"));
        }
        if data.len() / 4 * 3 > limits.bytes_max.saturating_add(3) {
            return Err(format!(": the image is larger than {} bytes", limits.bytes_max));
        }
        Ok(Part::Image { data, mime_type })
    }

    /// A text file, in marks that its own content cannot close.
    fn file(&self, part: &Value) -> Result<String, String> {
        let limits = &self.intake.files;
        let (mime_type, data) = self.source(Sort::File, part)?;
        let mime_type = mime_type.split(';').next().unwrap_or_default().trim();
        if !limits.types.iter().any(|it| it == mime_type) {
            return Err(format!(": files of type \"{mime_type}\" are not taken"));
        }
        if mime_type == "application/pdf" {
            return Err(": PDF files cannot be read yet; send their text".to_owned());
        }
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data.trim())
            .map_err(|_| ": is not base64".to_owned())?;
        if bytes.len() > limits.bytes_max {
            return Err(format!(": the file is larger than {} bytes", limits.bytes_max));
        }
        let text = String::from_utf8_lossy(&bytes);
        let text: String = text.chars().take(self.intake.file_chars_max).collect();
        let name = part["filename"].as_str().or_else(|| part["source"]["filename"].as_str());
        let in_url = || Remote::of(Sort::File, part).and_then(|it| it.file_name());
        let name: String = name
            .map(str::to_owned)
            .or_else(in_url)
            .unwrap_or_else(|| "file".to_owned())
            .chars()
            .filter(|c| !c.is_control() && !matches!(c, '"' | '<' | '>' | '&'))
            .take(200)
            .collect();
        let text = text.replace("</file", "<\\/file");
        Ok(format!("<file name=\"{name}\">\n{text}\n</file>"))
    }

    /// Type and base64 of a part: in `source`, as a `data:` URL, or as it was fetched.
    fn source(&self, sort: Sort, part: &Value) -> Result<(String, String), String> {
        let source = &part["source"];
        if source["type"] == "base64" {
            let mime_type = source["media_type"].as_str().unwrap_or_default().to_ascii_lowercase();
            let data = source["data"].as_str().ok_or(".source.data: is missing")?;
            return Ok((mime_type, data.to_owned()));
        }
        if let Some(remote) = Remote::of(sort, part) {
            return match self.remotes.get(&remote) {
                Some(Ok(found)) => Ok(found.clone()),
                Some(Err(text)) => Err(format!(": what its URL names {text}")),
                None => Err(": nothing is fetched; send the content itself, as base64".to_owned()),
            };
        }
        let url = sort.url(part).ok_or(": has no source")?;
        let data = url.strip_prefix("data:").and_then(|data| data.split_once(";base64,"));
        let (mime_type, data) = data.ok_or(": its URL is neither http, https nor base64 data")?;
        Ok((mime_type.to_ascii_lowercase(), data.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use domain::Content;
    use serde_json::json;

    use super::*;

    fn prompt(input: &Value) -> Result<Prompt, String> {
        let request = json!({"model": "m", "instructions": "be brief", "input": input});
        let request = ResponsesRequest::parse(request.to_string().as_bytes()).unwrap();
        of(&request, &Intake::usual(), &Remotes::new())
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
    fn what_was_fetched_is_taken_like_what_was_sent() {
        let url = "https://example.org/a/notes.md?x";
        let part = json!({"type": "input_file", "source": {"type": "url", "url": url}});
        let far = json!({"type": "input_image", "image_url": "https://example.org/i.png"});
        let data = base64::engine::general_purpose::STANDARD.encode("text");
        let found = Ok(("text/markdown".to_owned(), data));
        let mut remotes = Remotes::new();
        remotes.insert(Remote::of(Sort::File, &part).unwrap(), found);
        remotes.insert(Remote::of(Sort::Image, &far).unwrap(), Err("took too long".to_owned()));
        let prompt = |parts: Value| {
            let request = json!({"model": "m", "input": [{"role": "user", "content": parts}]});
            let request = ResponsesRequest::parse(request.to_string().as_bytes()).unwrap();
            of(&request, &Intake::usual(), &remotes)
        };

        let text = json!({"type": "input_text", "text": "read it"});
        let read = prompt(json!([part, text])).unwrap();
        let lost = prompt(json!([far])).unwrap_err();

        assert_eq!(read.system.as_deref(), Some("<file name=\"notes.md\">\ntext\n</file>"));
        assert_eq!(lost, "input.0.content.0: what its URL names took too long");
    }

    #[test]
    fn what_is_not_taken_is_told_with_its_place() {
        let user = |part: Value| prompt(&json!([{"role": "user", "content": [part]}])).unwrap_err();
        let far = json!({"type": "input_image", "source": {"type": "url", "url": "http://x/"}});
        assert!(user(far).starts_with("input.0.content.0: nothing is fetched"));
        let pdf = json!({"type": "base64", "media_type": "application/pdf", "data": ""});
        let error = user(json!({"type": "input_file", "source": pdf}));
        assert_eq!(error, "input.0.content.0: PDF files cannot be read yet; send their text");
        let zip = json!({"type": "base64", "media_type": "application/zip", "data": ""});
        let error = user(json!({"type": "input_file", "source": zip}));
        assert_eq!(error, "input.0.content.0: files of type \"application/zip\" are not taken");
        assert!(user(json!({"type": "input_audio"})).contains("input_audio"));
        assert!(prompt(&json!([{"type": "web"}])).unwrap_err().starts_with("input.0.type"));
        assert!(prompt(&json!([{"role": "user", "content": 1}])).is_err());
        assert_eq!(prompt(&json!([])).unwrap_err(), "Missing user message in `input`.");
        assert!(prompt(&json!(7)).is_err());
    }
}
