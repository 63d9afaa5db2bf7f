//! Compares what a gateway said in a replay with what the recording has.

use serde_json::Value;

use super::{
    recording::{Line, Trace},
    replay::Heard,
    shape::{Difference, Rules, differences},
};

/// Kinds of events that come when they come: only their fields are compared.
const TIMED: [&str; 3] = ["tick", "health", "presence"];

/// Kinds of events of version 4 that tell of things which are not there, or that tell again what
/// another event has told.
const NOISE: [&str; 12] = [
    "agent:command_output:delta",
    "agent:command_output:end",
    "agent:item:end",
    "agent:item:start",
    "agent:item:update",
    "agent:lifecycle:model",
    "agent:run_status",
    "agent:usage",
    "chat.metadata.changed",
    "chat:status",
    "skills.changed",
    "task",
];

/// All places where `heard` is not like `trace`.
pub(crate) fn compare(trace: &Trace, heard: &Heard) -> Vec<Difference> {
    let recorded: Vec<&Value> = trace
        .lines
        .iter()
        .filter_map(|line| match line {
            Line::Receive(frame) => Some(frame),
            Line::Send(_)
            | Line::NodeReceive(_)
            | Line::NodeSend(_)
            | Line::Close(..)
            | Line::Note(_) => None,
        })
        .collect();
    let ours: Vec<&Value> = heard.frames.iter().collect();
    let mut found = responses(trace, &recorded, &ours);
    found.extend(order(trace, &recorded, &ours));
    found.extend(fields(trace, &recorded, &ours));
    found.extend(of_node(trace, &heard.node_frames));
    for line in &trace.lines {
        if let Line::Close(code, reason) = line
            && *code != 1005
        {
            let expected = Some((u16::try_from(*code).unwrap(), reason.clone()));
            if heard.closed != expected {
                let what = format!("{:?}, not {expected:?}", heard.closed);
                found.push(Difference { path: "close".to_owned(), what });
            }
        }
    }
    found
}

/// What the node beside was told: each frame looks like one of ours.
fn of_node(trace: &Trace, ours: &[Value]) -> Vec<Difference> {
    let mut found = Vec::new();
    for line in &trace.lines {
        let Line::NodeReceive(frame) = line else { continue };
        let path = format!("node:{}", frame["event"].as_str().unwrap_or("answer"));
        let is_like = |own: &&Value| {
            own["type"] == frame["type"] && own["event"] == frame["event"] && own["id"] != "connect"
        };
        match ours.iter().find(is_like) {
            Some(own) => found.extend(differences(&path, frame, own, Rules::default())),
            None => found.push(Difference { path, what: "was not said".to_owned() }),
        }
    }
    found
}

fn responses(trace: &Trace, recorded: &[&Value], ours: &[&Value]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut seen: Vec<&Value> = Vec::new();
    for response in recorded.iter().filter(|frame| frame["type"] == "res") {
        let id = &response["id"];
        let nth = seen.iter().filter(|it| **it == id).count();
        seen.push(id);
        let path = format!("{}:{}", id.as_str().unwrap_or("?"), method(trace, id));
        match ours.iter().filter(|it| it["type"] == "res" && it["id"] == *id).nth(nth) {
            Some(own) => found.extend(response_differences(&path, response, own)),
            None => found.push(Difference { path, what: "was not answered".to_owned() }),
        }
    }
    found
}

/// The method that request `id` called.
fn method<'a>(trace: &'a Trace, id: &Value) -> &'a str {
    let mut requests = trace.lines.iter().rev().filter_map(|line| match line {
        Line::Send(frame) => frame["method"].as_str().filter(|_| frame["id"] == *id),
        Line::Receive(_)
        | Line::NodeReceive(_)
        | Line::NodeSend(_)
        | Line::Close(..)
        | Line::Note(_) => None,
    });
    requests.next().unwrap_or("frame")
}

fn response_differences(path: &str, recorded: &Value, ours: &Value) -> Vec<Difference> {
    if recorded["ok"] != ours["ok"] {
        let what = format!("{}, not {}", clipped(ours), clipped(recorded));
        return vec![Difference { path: format!("{path}.ok"), what }];
    }
    if recorded["ok"] == true {
        let path = format!("{path}.payload");
        return differences(&path, &recorded["payload"], &ours["payload"], Rules::default());
    }
    let (theirs, own) = (&recorded["error"], &ours["error"]);
    let path = format!("{path}.error");
    let mut found = differences(&path, theirs, own, Rules::default());
    if theirs["code"] != own["code"] {
        let what = format!("{}, not {}", own["code"], theirs["code"]);
        found.push(Difference { path: format!("{path}.code"), what });
    }
    if !same_message(theirs["message"].as_str(), own["message"].as_str()) {
        let what = format!("{}, not {}", own["message"], theirs["message"]);
        found.push(Difference { path: format!("{path}.message"), what });
    }
    found
}

/// Clients read the beginning of a message that lists problems, and any other as a whole.
fn same_message(recorded: Option<&str>, ours: Option<&str>) -> bool {
    let (Some(recorded), Some(ours)) = (recorded, ours) else { return recorded == ours };
    let lists_problems = recorded.starts_with("invalid ") && recorded.contains(": ");
    if lists_problems {
        return recorded.split(": ").next() == ours.split(": ").next();
    }
    recorded == ours
}

/// The kinds of events in order; texts grow in steps, which count once.
fn order(trace: &Trace, recorded: &[&Value], ours: &[&Value]) -> Vec<Difference> {
    let (recorded, mut ours) = (story(recorded), story(ours));
    if trace.name.ends_with("/system-event-and-wake") {
        // The turn that was woken may begin, and even end, before a replay does.
        let is_of_turn =
            |kind: &str| ["agent:", "chat:", "text"].iter().any(|it| kind.starts_with(it));
        ours.retain(|kind| !is_of_turn(kind));
    }
    if recorded == ours {
        return Vec::new();
    }
    let what = format!("{}, not {}", ours.join(" "), recorded.join(" "));
    vec![Difference { path: "events".to_owned(), what }]
}

fn story(frames: &[&Value]) -> Vec<String> {
    let mut story: Vec<String> = Vec::new();
    for kind in frames.iter().filter_map(|frame| kind(frame)) {
        if TIMED.contains(&kind.as_str()) || NOISE.contains(&kind.as_str()) {
            continue;
        }
        let kind = match kind.as_str() {
            "agent:assistant" | "chat:delta" => "text".to_owned(),
            "agent:tool:update" => continue,
            _ => kind,
        };
        // What is left of a text may come with the end or just after it.
        let ends = |it: &String| it.contains(":finishing") || it.contains(":lifecycle:end");
        let is_rest = kind == "text" && story.last().is_some_and(ends);
        if !is_rest && story.last() != Some(&kind) {
            story.push(kind);
        }
    }
    story
}

/// The fields of the first event of each kind.
fn fields(trace: &Trace, recorded: &[&Value], ours: &[&Value]) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for event in recorded {
        let Some(kind) = kind(event) else { continue };
        if seen.contains(&kind) || NOISE.contains(&kind.as_str()) {
            continue;
        }
        let own = ours.iter().find(|it| self::kind(it).is_some_and(|it| it == kind));
        if let Some(own) = own {
            let rules = Rules {
                closed: trace.version == 3
                    && ["agent", "chat"].iter().any(|it| event["event"] == *it),
                texts: kind == "chat:final",
            };
            found.extend(differences(&kind, event, own, rules));
        }
        seen.push(kind);
    }
    found
}

/// Such as `agent:tool:start` or `chat:final`; `None` for what is no event.
fn kind(frame: &Value) -> Option<String> {
    let name = frame["event"].as_str()?;
    let payload = &frame["payload"];
    let parts = [&payload["stream"], &payload["state"], &payload["data"]["phase"]];
    let mut kind = name.to_owned();
    for part in parts.iter().filter_map(|part| part.as_str()) {
        if name == "agent" || name == "chat" {
            kind = format!("{kind}:{part}");
        }
        if part == "run_status" {
            break;
        }
    }
    Some(kind)
}

fn clipped(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trace(version: u32, frames: &[Value]) -> Trace {
        let lines = frames.iter().cloned().map(Line::Receive).collect();
        Trace { name: format!("v{version}/made-up"), version, lines }
    }

    fn event(name: &str, payload: &Value) -> Value {
        json!({ "type": "event", "event": name, "payload": payload })
    }

    fn chat(state: &str, text: &str) -> Value {
        let message = json!({ "role": "assistant", "content": [{ "type": "text", "text": text }] });
        event("chat", &json!({ "runId": "r", "state": state, "message": message }))
    }

    fn paths(trace: &Trace, frames: Vec<Value>) -> Vec<String> {
        let found = compare(trace, &Heard { frames, node_frames: Vec::new(), closed: None });
        found.into_iter().map(|it| it.path).collect()
    }

    #[test]
    fn how_a_text_was_cut_into_pieces_does_not_count() {
        let recorded = trace(3, &[chat("delta", "a"), chat("delta", "ab"), chat("final", "ab")]);
        let tick = event("tick", &json!({}));

        let found = paths(&recorded, vec![chat("delta", "ab"), tick, chat("final", "ab")]);

        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn a_missing_end_another_text_and_an_extra_field_of_version_3_count() {
        let recorded = trace(3, &[chat("delta", "a"), chat("final", "a")]);
        let mut extra = chat("final", "b");
        extra["payload"]["agentId"] = json!("main");

        assert_eq!(paths(&recorded, vec![chat("delta", "a")]), ["events"]);
        assert_eq!(
            paths(&recorded, vec![chat("delta", "a"), extra]),
            ["chat:final.payload.message.content[].text", "chat:final.payload.agentId"]
        );
    }

    #[test]
    fn an_error_is_its_code_and_how_its_message_begins() {
        let error = |code: &str, message: &str| {
            json!({ "type": "res", "id": "r", "ok": false,
                    "error": { "code": code, "message": message } })
        };
        let recorded = trace(4, &[error("INVALID_REQUEST", "invalid x params: at root: what")]);

        let same = paths(&recorded, vec![error("INVALID_REQUEST", "invalid x params: other")]);
        let other = paths(&recorded, vec![error("UNAVAILABLE", "invalid y params: other")]);

        assert!(same.is_empty(), "{same:?}");
        assert_eq!(other, ["r:frame.error.code", "r:frame.error.message"]);
    }

    #[test]
    fn a_second_answer_under_one_id_is_compared_with_the_second() {
        let answer = |status: &str| json!({ "type": "res", "id": "r", "ok": true, "payload": { "status": status } });
        let recorded = trace(3, &[answer("accepted"), answer("ok")]);

        assert!(paths(&recorded, vec![answer("accepted"), answer("ok")]).is_empty());
        assert_eq!(paths(&recorded, vec![answer("accepted")]), ["r:frame"]);
    }

    #[test]
    fn how_a_socket_is_closed_counts() {
        let mut recorded = trace(3, &[]);
        recorded.lines.push(Line::Close(1008, "invalid role".to_owned()));

        assert_eq!(paths(&recorded, Vec::new()), ["close"]);
    }
}
