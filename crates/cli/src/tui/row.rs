//! What the chat log consists of, and how the messages of a transcript become it.
//!
//! Long texts are kept in pieces, so that laying out what is visible never means laying out all
//! of a long reply.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ui::safe;

/// Source lines in one piece of a text.
const PIECE_LINES_MAX: usize = 40;
/// Characters of a tool's arguments on the line of its name.
const SUMMARY_CHARS_MAX: usize = 160;
/// Last lines of a tool's output that are kept.
const OUTPUT_LINES_MAX: usize = 400;

/// One thing in the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Row {
    /// What a person said.
    User(Piece),
    /// What the model said.
    Reply(Piece),
    /// What the model thought.
    Thinking(String),
    /// A tool at work.
    Tool(Tool),
    /// A command of the person's own.
    Shell(Tool),
    /// Something went wrong.
    Error(String),
    /// What the program itself says.
    Notice(String),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    /// Whether it is the beginning of its text.
    pub(crate) is_first: bool,
    /// Whether it begins within a code block.
    pub(crate) is_in_code: bool,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) arguments: String,
    pub(crate) output: String,
    pub(crate) status: Status,
}

/// How a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Done,
    Failed,
}

impl Tool {
    /// A call that has just begun.
    pub(crate) fn begun(name: &str, arguments: &Value) -> Self {
        Self {
            name: safe::line(name),
            arguments: arguments_of(arguments),
            output: String::new(),
            status: Status::Running,
        }
    }

    /// Takes what it has said so far; only the end of a long output is kept.
    pub(crate) fn take_output(&mut self, result: &Value) {
        let text = safe::text(&text_of(&result["content"]));
        self.output.clear();
        self.keep_end_of(text.trim_end());
    }

    /// Takes more of what it says.
    pub(crate) fn add_output(&mut self, more: &str) {
        let whole = std::mem::take(&mut self.output) + &safe::text(more);
        self.keep_end_of(&whole);
    }

    /// The same as a line of its own.
    pub(crate) fn add_line(&mut self, line: &str) {
        let gap = if self.output.is_empty() || self.output.ends_with('\n') { "" } else { "\n" };
        self.add_output(&format!("{gap}{line}"));
    }

    fn keep_end_of(&mut self, text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        let known = lines.first().and_then(|line| left_out_by(line));
        let own = &lines[usize::from(known.is_some())..];
        let left_out = own.len().saturating_sub(OUTPUT_LINES_MAX);
        if left_out == 0 {
            text.clone_into(&mut self.output);
            return;
        }
        let total = known.unwrap_or(0) + left_out;
        let end = if text.ends_with('\n') { "\n" } else { "" };
        self.output = format!("… {total} lines before\n{}{end}", own[left_out..].join("\n"));
    }

    /// Its name and arguments on one line.
    pub(crate) fn summary(&self) -> String {
        let line = safe::line(&self.arguments);
        let short: String = line.chars().take(SUMMARY_CHARS_MAX).collect();
        format!("{} {short}", self.name)
    }
}

/// How many lines a mark of ours stands for.
fn left_out_by(line: &str) -> Option<usize> {
    line.strip_prefix("… ")?.strip_suffix(" lines before")?.parse().ok()
}

/// The one argument that says it all, or all of them.
fn arguments_of(arguments: &Value) -> String {
    if let Some(text) = arguments.as_str() {
        return safe::text(text);
    }
    let telling = ["command", "path", "url", "query", "file_path"];
    let only = telling.iter().find_map(|name| arguments[*name].as_str());
    match (only, arguments) {
        (Some(text), _) => safe::text(text),
        (None, Value::Null) => String::new(),
        (None, other) => safe::text(&other.to_string()),
    }
}

/// The pieces of a text.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut is_in_code = false;
    let lines: Vec<&str> = text.trim_end().split('\n').collect();
    for (n, lines) in lines.chunks(PIECE_LINES_MAX).enumerate() {
        pieces.push(Piece { text: lines.join("\n"), is_first: n == 0, is_in_code });
        let fences = lines.iter().filter(|line| is_fence(line)).count();
        is_in_code ^= fences % 2 == 1;
    }
    pieces
}

/// Whether a line begins or ends a code block.
pub(crate) fn is_fence(line: &str) -> bool {
    line.trim_start().starts_with("```")
}

/// All text of a message's content, as it came.
pub(crate) fn text_of(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let parts = content.as_array().into_iter().flatten();
    let texts: Vec<&str> = parts
        .filter(|part| part["type"] == "text")
        .filter_map(|part| part["text"].as_str())
        .collect();
    texts.join("\n")
}

/// The rows of a person's words.
pub(crate) fn user(text: &str) -> Vec<Row> {
    pieces(&safe::text(text)).into_iter().map(Row::User).collect()
}

/// The rows of messages in the order of the transcript.
pub(crate) fn rows_of(messages: &[Value]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut calls = BTreeMap::new();
    for message in messages {
        match message["role"].as_str() {
            Some("user") => rows.extend(user(&text_of(&message["content"]))),
            Some("assistant") => assistant(message, &mut rows, &mut calls),
            Some("toolResult") => {
                let id = message["toolCallId"].as_str().unwrap_or_default();
                if let Some(Row::Tool(tool)) =
                    calls.remove(id).and_then(|at: usize| rows.get_mut(at))
                {
                    let is_error = message["isError"] == true;
                    tool.status = if is_error { Status::Failed } else { Status::Done };
                    tool.take_output(message);
                }
            }
            Some(_) | None => {
                if let Some(summary) = message["summary"].as_str() {
                    rows.push(Row::Notice(safe::text(summary)));
                }
            }
        }
    }
    rows
}

fn assistant(message: &Value, rows: &mut Vec<Row>, calls: &mut BTreeMap<String, usize>) {
    if let Some(text) = message["content"].as_str() {
        rows.extend(reply(text));
    }
    for part in message["content"].as_array().into_iter().flatten() {
        match part["type"].as_str() {
            Some("text") => rows.extend(reply(part["text"].as_str().unwrap_or_default())),
            Some("thinking") => {
                let text = safe::text(part["thinking"].as_str().unwrap_or_default());
                if !text.trim().is_empty() {
                    rows.push(Row::Thinking(text));
                }
            }
            Some("toolCall") => {
                let id = part["id"].as_str().unwrap_or_default();
                calls.insert(id.to_owned(), rows.len());
                let name = part["name"].as_str().unwrap_or_default();
                rows.push(Row::Tool(Tool::begun(name, &part["arguments"])));
            }
            Some(_) | None => {}
        }
    }
    if let Some(error) = message["errorMessage"].as_str() {
        rows.push(Row::Error(safe::text(error)));
    }
}

fn reply(text: &str) -> Vec<Row> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    pieces(&safe::text(text)).into_iter().map(Row::Reply).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_transcript_becomes_rows_with_results_at_their_calls() {
        let messages = [
            json!({"role": "user", "content": "list"}),
            json!({"role": "assistant", "content": [
                {"type": "thinking", "thinking": "ls will do"},
                {"type": "toolCall", "id": "c1", "name": "exec", "arguments": {"command": "ls"}},
            ]}),
            json!({"role": "toolResult", "toolCallId": "c1", "isError": true,
                "content": [{"type": "text", "text": "\u{1b}[31mno\u{1b}[0m"}]}),
            json!({"role": "assistant", "content": [{"type": "text", "text": "It failed."}]}),
        ];

        let rows = rows_of(&messages);

        let piece = |text: &str| Piece { text: text.into(), is_first: true, is_in_code: false };
        let tool = Tool {
            name: "exec".into(),
            arguments: "ls".into(),
            output: "no".into(),
            status: Status::Failed,
        };
        assert_eq!(
            rows,
            [
                Row::User(piece("list")),
                Row::Thinking("ls will do".into()),
                Row::Tool(tool),
                Row::Reply(piece("It failed.")),
            ]
        );
    }

    #[test]
    fn a_long_text_is_kept_in_pieces_that_know_whether_they_are_code() {
        let text = format!("```\n{}", "line\n".repeat(2 * PIECE_LINES_MAX));

        let pieces = pieces(&text);

        let marks: Vec<_> = pieces.iter().map(|it| (it.is_first, it.is_in_code)).collect();
        assert_eq!(marks, [(true, false), (false, true), (false, true)]);
    }

    #[test]
    fn of_a_long_output_the_end_is_kept() {
        let mut tool = Tool::begun("exec", &json!({"command": "seq 500"}));
        let text: Vec<String> = (1..=500).map(|n| n.to_string()).collect();

        tool.take_output(&json!({"content": [{"type": "text", "text": text.join("\n")}]}));

        assert!(tool.output.starts_with("… 100 lines before\n101\n"), "{}", tool.output);
        assert!(tool.output.ends_with("\n500"), "{}", tool.output);
        tool.add_output("\n501\n502");
        tool.add_line("end");
        assert!(tool.output.starts_with("… 103 lines before\n104\n"), "{}", tool.output);
        assert!(tool.output.ends_with("\n502\nend"), "{}", tool.output);
    }
}
