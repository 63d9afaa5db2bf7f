//! `/subagents`: the sub-agents of a conversation, for the person who talks in it.

use std::time::Duration;

use domain::{Content, Message, Part, SessionKey, TurnId};
use store::SubagentRecord;

use crate::{Submission, io::Io, session::Session, subagents::report};

const USAGE: &str = "Usage: /subagents list | stop <number, label or all> | info <which> | \
log <which> [lines] | send <which> <message>";

/// Lines of a log when no number was asked for, and at most.
const LINES: usize = 10;
const LINES_MAX: usize = 50;

/// Bytes of a transcript that one look reads at most.
const LOG_BYTES_MAX: usize = 256 * 1024;

/// Most characters of one line of a log.
const LINE_CHARS_MAX: usize = 200;

/// What was asked of them.
#[derive(Debug, PartialEq, Eq)]
enum Wish<'a> {
    List,
    StopAll,
    Stop(&'a str),
    Info(&'a str),
    Log(&'a str, usize),
    Send(&'a str, &'a str),
}

/// Carries out `/subagents` with what followed it.
pub(super) async fn answer(session: &Session, rest: &str, submission: &Submission) -> String {
    let io = &session.io;
    let (key, _) = session.names();
    let Some(subagents) = &io.subagents else {
        return "Sub-agents need a running gateway.".to_owned();
    };
    let Some(wish) = Wish::read(rest) else { return USAGE.to_owned() };
    let all = subagents.list(key).await;
    let one = |which: &str| find(&all, which).ok_or_else(|| format!("No sub-agent `{which}`."));
    let done = match wish {
        Wish::List => Ok(list(io, &all)),
        Wish::StopAll => Ok(stopped(subagents.stop(key, None).await.len())),
        Wish::Stop(which) => match one(which) {
            Ok(record) => Ok(stopped(subagents.stop(key, Some(record.run_id.clone())).await.len())),
            Err(none) => Err(none),
        },
        Wish::Info(which) => one(which).map(|record| info(io, record)),
        Wish::Log(which, lines) => match one(which) {
            Ok(record) => Ok(log(io, &record.child_session_key, lines).await),
            Err(none) => Err(none),
        },
        Wish::Send(which, text) => match one(which) {
            Ok(record) => Ok(send(io, &record.child_session_key, text, submission).await),
            Err(none) => Err(none),
        },
    };
    done.unwrap_or_else(|none| none)
}

impl<'a> Wish<'a> {
    fn read(rest: &'a str) -> Option<Self> {
        let (verb, rest) = split(rest);
        let (which, more) = split(rest);
        let named = !which.is_empty();
        match verb.to_lowercase().as_str() {
            "" | "list" => Some(Self::List),
            "stop" | "kill" if which.eq_ignore_ascii_case("all") => Some(Self::StopAll),
            "stop" | "kill" if named => Some(Self::Stop(which)),
            "info" if named => Some(Self::Info(which)),
            "log" if named && more.is_empty() => Some(Self::Log(which, LINES)),
            "log" if named => Some(Self::Log(which, more.parse().ok()?)),
            "send" if named && !more.is_empty() => Some(Self::Send(which, more)),
            _ => None,
        }
    }
}

/// The first word, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

/// The sub-agent of that number, label, or beginning of a run's id.
fn find<'a>(all: &'a [SubagentRecord], which: &str) -> Option<&'a SubagentRecord> {
    let number = which.trim_start_matches('#').parse::<usize>().ok();
    let numbered = number.and_then(|n| all.get(n.checked_sub(1)?));
    let labelled = || all.iter().find(|it| it.label.as_deref() == Some(which));
    let begun = || all.iter().find(|it| it.run_id.as_str().starts_with(which));
    numbered.or_else(labelled).or_else(begun)
}

fn list(io: &Io, all: &[SubagentRecord]) -> String {
    if all.is_empty() {
        return "No sub-agents of this conversation.".to_owned();
    }
    let line = |(at, record): (usize, &SubagentRecord)| {
        format!("{}. {}: {}", at + 1, name(record), state(io, record))
    };
    all.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn name(record: &SubagentRecord) -> String {
    let task = || {
        let line = record.task.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().take(60).collect()
    };
    record.label.clone().unwrap_or_else(task)
}

fn state(io: &Io, record: &SubagentRecord) -> String {
    let now = io.clock.now();
    match (&record.outcome, record.ended_at) {
        (Some(outcome), Some(ended)) => {
            format!("{}, {} ago", outcome.status, span(now.since(ended)))
        }
        (_, _) => format!("running for {}", span(now.since(record.created_at))),
    }
}

fn span(ms: u64) -> String {
    report::span(Duration::from_millis(ms))
}

fn info(io: &Io, record: &SubagentRecord) -> String {
    let mut lines = vec![
        format!("{}: {}", name(record), state(io, record)),
        format!("Task: {}", record.task),
        format!("Session: {}", record.child_session_key),
        format!("Run: {}", record.run_id),
    ];
    if let Some(outcome) = &record.outcome {
        lines.extend(outcome.stats.iter().map(|stats| format!("Stats: {stats}")));
        lines.extend(outcome.error.iter().map(|error| format!("Error: {error}")));
    }
    lines.join("\n")
}

async fn log(io: &Io, child: &SessionKey, lines: usize) -> String {
    let Some(agent) = child.agent() else { return "It has no conversation.".to_owned() };
    let sessions = io.store.sessions(&agent);
    let Some(entry) = sessions.get(child) else { return "It has no conversation.".to_owned() };
    let lines = lines.clamp(1, LINES_MAX);
    let Ok(tail) = sessions.tail(&entry, lines, LOG_BYTES_MAX).await else {
        return "Its conversation cannot be read.".to_owned();
    };
    let read = |raw: &str| serde_json::from_str::<Message>(raw).ok().map(|message| told(&message));
    let told: Vec<String> = tail.messages.iter().filter_map(|it| read(it.message.get())).collect();
    if told.is_empty() { "It has said nothing yet.".to_owned() } else { told.join("\n") }
}

fn told(message: &Message) -> String {
    let (who, content) = match message {
        Message::User(user) => ("task", &user.content),
        Message::Assistant(reply) => ("it", &reply.content),
        Message::ToolResult(result) => (&*result.tool_name, &result.content),
        Message::BashExecution(_) => return "(a command)".to_owned(),
    };
    let part = |part: &Part| match part {
        Part::Text { text, .. } => Some(text.clone()),
        Part::ToolCall { name, .. } => Some(format!("(calls {name})")),
        Part::Thinking { .. } | Part::Image { .. } => None,
    };
    let text = content.0.iter().filter_map(part).collect::<Vec<_>>().join(" ");
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{who}: {}", line.chars().take(LINE_CHARS_MAX).collect::<String>())
}

async fn send(io: &Io, child: &SessionKey, text: &str, submission: &Submission) -> String {
    let Some(sessions) = io.link.reach() else { return "The gateway is stopping.".to_owned() };
    let mut message = Submission::of(TurnId::random(), child.clone(), Content::text(text));
    message.channel.clone_from(&submission.channel);
    message.is_kept = true;
    match sessions.submit(message).await {
        Ok(_) => "Sent. Its answer is in its own conversation.".to_owned(),
        Err(error) => format!("Not sent: {error}."),
    }
}

fn stopped(turns: usize) -> String {
    match turns {
        0 => "Nothing of it runs.".to_owned(),
        1 => "Stopped 1 sub-agent.".to_owned(),
        many => format!("Stopped {many} sub-agents."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_sub_agents_is_one_word_and_whom() {
        let cases = [
            ("", Some(Wish::List)),
            ("LIST", Some(Wish::List)),
            ("stop all", Some(Wish::StopAll)),
            ("kill 2", Some(Wish::Stop("2"))),
            ("info scout", Some(Wish::Info("scout"))),
            ("log 1", Some(Wish::Log("1", LINES))),
            ("log 1 25", Some(Wish::Log("1", 25))),
            ("log 1 many", None),
            ("send 1  look again ", Some(Wish::Send("1", "look again"))),
            ("send 1", None),
            ("dance", None),
        ];

        for (text, expected) in cases {
            assert_eq!(Wish::read(text), expected, "{text}");
        }
    }
}
