//! A turn as it happens: events of the gateway become rows of the log.
//!
//! A delta brings the whole text so far, so one that was lost does no harm. A turn that was
//! joined late shows what comes from then on.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    log::{Log, RowId},
    row::{self, Row, Status, Tool},
};
use crate::ui::safe;

/// One turn that runs.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) started_ms: i64,
    /// What it is doing.
    pub(crate) phase: &'static str,
    /// Whether it was begun here.
    pub(crate) is_ours: bool,
    pub(crate) output_tokens: u64,
    /// The newest text: its rows, and what was said.
    text: Option<(Vec<RowId>, String)>,
    /// Whether the newest text goes on.
    is_open: bool,
    thinking: Option<RowId>,
    tools: BTreeMap<String, RowId>,
}

impl Turn {
    pub(crate) fn begun(now_ms: i64, is_ours: bool) -> Self {
        Self {
            started_ms: now_ms,
            phase: "waiting",
            is_ours,
            output_tokens: 0,
            text: None,
            is_open: false,
            thinking: None,
            tools: BTreeMap::new(),
        }
    }

    /// Takes an `agent` event.
    pub(crate) fn agent(&mut self, payload: &Value, log: &mut Log) {
        let data = &payload["data"];
        match (payload["stream"].as_str().unwrap_or_default(), data["phase"].as_str()) {
            ("tool", phase) => self.tool(data, phase.unwrap_or_default(), log),
            ("thinking", _) => self.think(data["delta"].as_str().unwrap_or_default(), log),
            ("usage", _) => self.output_tokens = data["outputTokens"].as_u64().unwrap_or(0),
            ("compaction", Some("start")) => self.phase = "compacting",
            ("compaction", _) | ("lifecycle", Some("start")) => self.phase = "working",
            ("lifecycle", Some("model")) => {
                self.phase = "working";
                (self.is_open, self.thinking) = (false, None);
            }
            _ => {}
        }
    }

    /// Takes a `chat` event. Gives whether the turn is over.
    pub(crate) fn chat(&mut self, payload: &Value, log: &mut Log) -> bool {
        let text = row::text_of(&payload["message"]["content"]);
        match payload["state"].as_str() {
            Some("delta") => {
                self.phase = "writing";
                self.write(&text, log);
                return false;
            }
            Some("final" | "aborted" | "error") => {}
            Some(_) | None => return false,
        }
        self.write(&text, log);
        for id in self.tools.values() {
            if let Some(Row::Tool(tool)) = log.change(*id)
                && tool.status == Status::Running
            {
                tool.status = Status::Failed;
            }
        }
        match payload["state"].as_str() {
            Some("aborted") => {
                log.push(Row::Notice("stopped".to_owned()));
            }
            Some("error") => {
                let known = payload["errorMessage"].as_str().or(payload["errorKind"].as_str());
                log.push(Row::Error(safe::text(known.unwrap_or("the turn failed"))));
            }
            Some(_) | None => {}
        }
        true
    }

    fn write(&mut self, whole: &str, log: &mut Log) {
        let whole = safe::text(whole);
        if whole.trim().is_empty() {
            return;
        }
        self.thinking = None;
        let (ids, said) = self.text.get_or_insert_default();
        let is_last = ids.last().is_some_and(|id| log.last() == Some(*id));
        if *said == whole {
            return;
        }
        if !(self.is_open || is_last && whole.starts_with(said.as_str())) {
            ids.clear();
        }
        self.is_open = true;
        for (n, piece) in row::pieces(&whole).into_iter().enumerate() {
            let row = Row::Reply(piece);
            match ids.get(n).copied() {
                Some(id) if log.get(id) == Some(&row) => {}
                Some(id) => {
                    if let Some(place) = log.change(id) {
                        *place = row;
                    }
                }
                None => ids.push(log.push(row)),
            }
        }
        *said = whole;
    }

    fn think(&mut self, delta: &str, log: &mut Log) {
        self.phase = "thinking";
        let delta = safe::text(delta);
        if let Some(Row::Thinking(text)) = self.thinking.and_then(|id| log.change(id)) {
            text.push_str(&delta);
        } else {
            self.thinking = Some(log.push(Row::Thinking(delta)));
        }
    }

    fn tool(&mut self, data: &Value, phase: &str, log: &mut Log) {
        let id = data["toolCallId"].as_str().unwrap_or_default();
        let known = self.tools.get(id).copied().filter(|id| log.get(*id).is_some());
        let row = known.unwrap_or_else(|| {
            let name = data["name"].as_str().unwrap_or_default();
            let row = log.push(Row::Tool(Tool::begun(name, &data["args"])));
            self.tools.insert(id.to_owned(), row);
            row
        });
        let Some(Row::Tool(tool)) = log.change(row) else { return };
        (self.is_open, self.thinking) = (false, None);
        match phase {
            "update" => {
                self.phase = "using a tool";
                tool.take_output(&data["partialResult"]);
            }
            "result" => {
                self.phase = "working";
                tool.take_output(&data["result"]);
                let is_error = data["isError"] == true;
                tool.status = if is_error { Status::Failed } else { Status::Done };
            }
            _ => self.phase = "using a tool",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tui::paint::{Look, Theme, Unfolded};

    fn tool(data: &Value) -> Value {
        json!({"stream": "tool", "data": data})
    }

    fn chat(state: &str, text: &str) -> Value {
        json!({"state": state, "message": {"content": [{"type": "text", "text": text}]}})
    }

    fn shown(log: &mut Log) -> Vec<String> {
        let look = Look {
            width: 60,
            theme: Theme::PLAIN,
            unfolded: Unfolded { tools: false, thinking: false },
        };
        let lines = log.visible(look, 50);
        lines.iter().map(ToString::to_string).filter(|it| !it.is_empty()).collect()
    }

    #[test]
    fn a_turn_is_shown_in_the_order_in_which_it_happens() {
        let (mut log, mut turn) = (Log::default(), Turn::begun(0, true));

        turn.agent(&json!({"stream": "thinking", "data": {"delta": "hm\nhm"}}), &mut log);
        turn.chat(&chat("delta", "Let me"), &mut log);
        turn.chat(&chat("delta", "Let me look."), &mut log);
        let begun = json!({"phase": "start", "name": "exec", "toolCallId": "c",
            "args": {"command": "ls"}});
        turn.agent(&tool(&begun), &mut log);
        let update = json!({"phase": "update", "name": "exec", "toolCallId": "c",
            "partialResult": {"content": [{"type": "text", "text": "one"}]}});
        turn.agent(&tool(&update), &mut log);
        let live = shown(&mut log);
        let result = json!({"phase": "result", "toolCallId": "c", "isError": false,
            "result": {"content": [{"type": "text", "text": "one\ntwo"}]}});
        turn.agent(&tool(&result), &mut log);
        turn.agent(&json!({"stream": "lifecycle", "data": {"phase": "model"}}), &mut log);
        turn.chat(&chat("delta", "Two"), &mut log);
        let is_over = turn.chat(&chat("final", "Two files."), &mut log);

        assert_eq!(live[2..], ["◌ exec ls", "  one"]);
        assert_eq!(
            shown(&mut log),
            [
                "~ thinking (2 lines, Ctrl+T shows it)",
                "  Let me look.",
                "✓ exec ls",
                "  … 2 lines (Ctrl+O shows them)",
                "  Two files.",
            ]
        );
        assert!(is_over);
    }

    #[test]
    fn a_growing_reply_is_laid_out_only_where_it_grows() {
        let (mut log, mut turn) = (Log::default(), Turn::begun(0, true));
        let lines = "line\n".repeat(1000);
        turn.chat(&chat("delta", &lines), &mut log);
        shown(&mut log);
        let before = log.laid_count();

        turn.chat(&chat("delta", &format!("{lines}and more")), &mut log);
        shown(&mut log);

        assert!(log.laid_count() - before <= 2, "{}", log.laid_count() - before);
    }

    #[test]
    fn a_stopped_turn_leaves_no_tool_running() {
        let (mut log, mut turn) = (Log::default(), Turn::begun(0, true));
        let begun = json!({"phase": "start", "name": "exec", "toolCallId": "c"});
        turn.agent(&tool(&begun), &mut log);

        turn.chat(&json!({"state": "aborted"}), &mut log);

        assert_eq!(shown(&mut log), ["✗ exec", "· stopped"]);
    }
}
