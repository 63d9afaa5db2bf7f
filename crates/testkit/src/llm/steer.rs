//! Steering by words in the newest message, for demos, benches and replays of recordings.
//!
//! `REPLY:n=60,delay=30` answers with 60 words, 30 ms apart. `TOOL:exec <command>` calls
//! `exec`, `TOOL:exec*5 <command>` five times, one after the other; then follows text.
//! Without such a word the model is a friendly one that can run one harmless command.

use std::time::Duration;

use serde_json::json;

use super::{
    step::{Reply, Step, calls, says},
    view::{RequestView, Seen},
};

/// What a steered reply is made of.
const WORDS: [&str; 8] = ["Hello", " from", " the", " mock", " model,", " this", " is", " text."];

/// Words per reply after tool results.
const WORDS_DEFAULT: usize = 8;

/// Command that answers messages which ask to run something.
const HARMLESS: &str = "date; uname -a";

/// What a message must mention for that.
const ASKS: &[&str] = &["run", "list", "date"];

const FRIENDLY: &str = "Good to meet you! I am a scripted stand-in for a language model, so I \
                        know just a few tricks: ask me to run something, or what the date is, \
                        and I will use a real tool.";

/// Decides what to do with `request`.
pub(super) fn step(request: &RequestView) -> Step {
    let said = request.last_user();
    let done = request.results_since_user();
    if let Some((times, command)) = tool_word(said) {
        if done < times {
            return calls("exec", json!({ "command": command }));
        }
        return Step::Reply(mock_words(WORDS_DEFAULT, Duration::ZERO));
    }
    if let Some((words, delay)) = reply_word(said) {
        return Step::Reply(mock_words(words, delay));
    }
    friendly(request, said, done)
}

fn friendly(request: &RequestView, said: &str, done: usize) -> Step {
    if done > 0 {
        let output = request.messages.iter().rev().find_map(|it| match it {
            Seen::Result { text, .. } => Some(text.trim()),
            Seen::User { .. } | Seen::Assistant { .. } => None,
        });
        return says(&format!("Done. The tool printed:\n\n{}", output.unwrap_or_default()));
    }
    let lower = said.to_lowercase();
    let mut mentioned = lower.split(|c: char| !c.is_alphanumeric());
    let asks = mentioned.any(|word| ASKS.contains(&word));
    if asks && request.tools().contains(&"exec") {
        return calls("exec", json!({ "command": HARMLESS }));
    }
    says(FRIENDLY)
}

fn mock_words(words: usize, chunk_delay: Duration) -> Reply {
    let text = (0..words).map(|at| match at % WORDS.len() {
        0 if at > 0 => format!(" {}", WORDS[0]),
        at => WORDS[at].to_owned(),
    });
    Reply { text: text.collect(), chunk_delay, ..Reply::default() }
}

/// `TOOL:exec[*n] <command>`, up to a marker or the end of the line.
fn tool_word(said: &str) -> Option<(usize, &str)> {
    let (_, rest) = said.split_once("TOOL:exec")?;
    let (times, rest) = match rest.strip_prefix('*') {
        Some(rest) => {
            let (times, rest) = rest.split_once(' ')?;
            (times.parse().ok()?, rest)
        }
        None => (1, rest),
    };
    let line = rest.lines().next().unwrap_or_default();
    let command = line.split("[[").next().unwrap_or_default().trim();
    Some((times, command))
}

/// `REPLY:n=<words>[,delay=<ms>]`.
fn reply_word(said: &str) -> Option<(usize, Duration)> {
    let (_, rest) = said.split_once("REPLY:")?;
    let settings = rest.split(char::is_whitespace).next().unwrap_or_default();
    let get = |name: &str| {
        let mut pairs = settings.split(',').filter_map(|it| it.split_once('='));
        pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse::<u64>().ok())
    };
    let words = usize::try_from(get("n").unwrap_or(8)).ok()?;
    Some((words, Duration::from_millis(get("delay").unwrap_or(0))))
}
