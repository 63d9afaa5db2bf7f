//! Shortening a conversation that outgrows its model: older messages become a summary.
//!
//! The file keeps every line; a `compaction` line says from where the context goes on. When
//! the model cannot write the summary, a plain note takes its place: a turn must not fail
//! because its past is long.

use std::{fmt::Write as _, sync::Arc};

use domain::{Content, EntryId, Message, Messages, Part, User, transcript::Body};
use futures_util::StreamExt as _;
use models::{Delta, Request, Thinking};
use store::StoreError;

use crate::{EventBody, io::Io, overflow::WINDOW_TOKENS_DEFAULT, turn::Turn};

/// Longest piece of one message that the summariser reads, in characters.
const EXCERPT_CHARS_MAX: usize = 4_000;

const INSTRUCTIONS: &str = "\
Summarise the conversation below for yourself, who will continue it without seeing it again. Keep: what the person \
wants and has decided, facts and names, paths, commands and their outcomes, what is done, what is open, and what was \
promised. Leave out pleasantries and dead ends. Write plain text under short headings, at most 800 words.";

/// Whether the context has outgrown the model's window less its reserve.
pub(crate) fn is_due(turn: &Turn, io: &Io) -> bool {
    let agent = turn.brief.agent();
    turn.transcript.context().messages.rough_tokens()
        > window(turn, io).saturating_sub(agent.compaction.reserve_tokens)
}

/// The window of the model that is asked first, in tokens.
pub(crate) fn window(turn: &Turn, io: &Io) -> u64 {
    let (config, agent) = (&turn.brief.config, turn.brief.agent());
    let first = turn.candidates.first();
    let model = first.and_then(|wanted| io.models.resolve(config, agent, wanted).ok());
    model.map_or(WINDOW_TOKENS_DEFAULT, |model| model.context_tokens)
}

/// Shortens the conversation. Gives how many compactions were made: none when there is
/// nothing old enough to fold.
pub(crate) async fn run(turn: &mut Turn, io: &Io, wish: &str) -> Result<u64, StoreError> {
    let keep = turn.brief.agent().compaction.keep_recent_tokens;
    let context = turn.transcript.context();
    let tokens_before = context.messages.rough_tokens();
    let Some(cut) = cut(&context.messages, keep.min(tokens_before / 2)) else { return Ok(0) };
    let Some(first_kept_entry_id) = entry_at(&context.entry_ids, cut) else { return Ok(0) };
    let old: Vec<Arc<Message>> = context.messages.iter().take(cut).cloned().collect();
    turn.emitter.send(EventBody::Compaction { begins: true }).await;
    let summary = match summarise(turn, io, &old, wish).await {
        Some(summary) => summary,
        None => fallback(&old),
    };
    let body = Body::Compaction { summary, first_kept_entry_id, tokens_before };
    let stored = turn.transcript.append(vec![body]).await;
    turn.emitter.send(EventBody::Compaction { begins: false }).await;
    stored.map(|_ids| 1)
}

fn entry_at(ids: &[EntryId], index: usize) -> Option<EntryId> {
    ids.get(index).cloned()
}

/// Where the kept part begins: at a message of the person, so that no call loses its result; in
/// a conversation with a single one, at a reply, whose calls come with their results.
fn cut(messages: &Messages, keep_tokens: u64) -> Option<usize> {
    let mut kept = 0;
    let (mut at_person, mut at_reply) = (None, None);
    for (index, message) in messages.iter().enumerate().skip(1).rev() {
        kept += message.rough_tokens();
        match &**message {
            Message::User(_) => {
                at_person = Some(index);
                if kept >= keep_tokens {
                    break;
                }
            }
            Message::Assistant(_) if at_reply.is_none() && kept >= keep_tokens => {
                at_reply = Some(index);
            }
            Message::Assistant(_) | Message::ToolResult(_) | Message::BashExecution(_) => {}
        }
    }
    at_person.or(at_reply)
}

async fn summarise(turn: &Turn, io: &Io, old: &[Arc<Message>], wish: &str) -> Option<String> {
    let mut text = format!("{INSTRUCTIONS}\n");
    if !wish.trim().is_empty() {
        // Writing to a `String` cannot fail.
        let _written = writeln!(text, "Keep in mind above all: {}", wish.trim());
    }
    // The newest part of what the model has room for.
    let old = transcript_text(old);
    let room = usize::try_from(window(turn, io)).unwrap_or(usize::MAX).saturating_mul(2);
    text.push_str(&old[old.ceil_char_boundary(old.len().saturating_sub(room))..]);
    let now = io.clock.now();
    let user = Arc::new(Message::User(User { content: Content::text(text), timestamp: now }));
    let cache_key = format!("{}:compact", turn.brief.cache_key);
    let mut stream = io.models.stream_with_fallback(
        &turn.brief.config,
        turn.brief.agent(),
        turn.candidates.clone(),
        move |model| Request {
            model,
            system: Arc::from("You write summaries that another reader can work from."),
            messages: vec![Arc::clone(&user)].into(),
            tools: Arc::from([]),
            thinking: Thinking::Off,
            cache_key: cache_key.clone(),
            result_bytes_max: None,
        },
    );
    loop {
        let next = tokio::select! {
            biased;
            _reason = turn.halt.reached() => return None,
            next = stream.next() => next?,
        };
        match next {
            Ok(Delta::Done(reply)) => {
                let _end = stream.next().await;
                let text = reply.content.joined_text();
                return (!text.trim().is_empty()).then_some(text);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "summary failed, a plain note takes its place");
                return None;
            }
        }
    }
}

fn fallback(old: &[Arc<Message>]) -> String {
    format!(
        "({} earlier messages are no longer in view and could not be summarised; ask the person when something is missing.)",
        old.len()
    )
}

fn transcript_text(messages: &[Arc<Message>]) -> String {
    let mut out = String::new();
    for message in messages {
        let (who, content) = match &**message {
            Message::User(it) => ("Person", &it.content),
            Message::Assistant(it) => ("You", &it.content),
            Message::ToolResult(it) => ("Tool", &it.content),
            Message::BashExecution(_) => continue,
        };
        for part in &content.0 {
            let text = match part {
                Part::Text { text, .. } => excerpt(text),
                Part::ToolCall { name, arguments, .. } => {
                    excerpt(&format!("[calls {name} {arguments}]"))
                }
                Part::Image { .. } => "[image]".to_owned(),
                Part::Thinking { .. } => continue,
            };
            // Writing to a `String` cannot fail.
            let _written = writeln!(out, "\n{who}: {text}");
        }
    }
    out
}

fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use domain::{UnixMillis, User};

    use super::*;

    #[test]
    fn the_cut_is_at_a_message_of_the_person() {
        let said = |text: &str| {
            let content = Content::text(text);
            Arc::new(Message::User(User { content, timestamp: UnixMillis(0) }))
        };
        let messages = [said("old"), said("older still"), said(&"x".repeat(400)), said("new")];
        let history = |count| messages.iter().take(count).cloned().collect();

        assert_eq!(cut(&history(4), 50), Some(2));
        assert_eq!(cut(&history(4), 1), Some(3));
        assert_eq!(cut(&history(1), 1), None);
    }

    #[test]
    fn a_single_long_turn_is_cut_at_a_reply() {
        let said = |text: &str| {
            let content = Content::text(text);
            Arc::new(Message::User(User { content, timestamp: UnixMillis(0) }))
        };
        let reply = |text: &str| {
            Arc::new(Message::Assistant(domain::Assistant {
                content: Content::text(text),
                api: String::new(),
                provider: String::new(),
                model: String::new(),
                usage: domain::Usage::default(),
                stop_reason: domain::StopReason::Stop,
                error_message: None,
                timestamp: UnixMillis(0),
            }))
        };
        let long = "x".repeat(400);
        let messages = [said("go"), reply(&long), reply(&long), reply(&long)];
        let history = |count| messages.iter().take(count).cloned().collect();

        assert_eq!(cut(&history(4), 150), Some(2));
        assert_eq!(cut(&history(2), 150), None);
    }
}
