//! Messages that wait, in the form that the disk keeps them in.
//!
//! A message of a person or of another session is kept while it waits, so that it is taken up
//! after a restart. What the gateway writes itself (heartbeats, tasks and reports of sub-agents)
//! is not: it is made again by what made it.

use std::{sync::Arc, time::Duration};

use config::{ModelRef, QueueMode};
use domain::{Content, SessionKey, TurnId};
use serde::{Deserialize, Serialize};
use store::BacklogItem;

use crate::{Origin, Submission, origin::Trail, session::queue_mode};

/// Kinds of items.
pub(crate) const MESSAGE: &str = "message";
pub(crate) const NOTE: &str = "note";
pub(crate) const SUMMARY: &str = "summary";

/// A message that waits.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    content: Content,
    channel: String,
    mode: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thinking: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extra_system: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output_tokens_max: Option<u64>,
    #[serde(default)]
    may_approve: bool,
    /// How far it is from a person's word; absent for a person's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    letter: Option<Distance>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<(String, String)>,
}

#[derive(Serialize, Deserialize)]
struct Distance {
    steps: usize,
    messages: usize,
}

/// A text that waits.
#[derive(Serialize, Deserialize)]
struct Text {
    text: String,
}

/// The item of a message that waits under `mode`.
pub(crate) fn message(submission: &Submission, mode: QueueMode) -> BacklogItem {
    let letter = match &submission.origin {
        Origin::Person => None,
        Origin::Letter(trail) | Origin::Task(trail) | Origin::Report(trail) => {
            let (steps, messages) = trail.distance();
            Some(Distance { steps, messages })
        }
    };
    let kept = Kept {
        content: submission.content.clone(),
        channel: submission.channel.clone(),
        mode: name_of(mode).to_owned(),
        thinking: submission.thinking.clone(),
        extra_system: submission.extra_system.clone(),
        timeout_ms: submission
            .timeout
            .map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
        output_tokens_max: submission.output_tokens_max,
        may_approve: submission.may_approve,
        letter,
        model: submission.model.clone().map(|it| (it.provider, it.model)),
    };
    BacklogItem {
        id: submission.turn.to_string(),
        session: submission.session.clone(),
        kind: MESSAGE.to_owned(),
        body: serde_json::to_value(kept).unwrap_or_default(),
    }
}

/// The item of a note, or of the summary of a dropped message.
pub(crate) fn text(kind: &str, id: &str, session: &SessionKey, text: &str) -> BacklogItem {
    BacklogItem {
        id: id.to_owned(),
        session: session.clone(),
        kind: kind.to_owned(),
        body: serde_json::to_value(Text { text: text.to_owned() }).unwrap_or_default(),
    }
}

/// The message of an item, and the mode it waits under; `None` when it cannot be understood.
pub(crate) fn read_message(item: BacklogItem) -> Option<(Submission, QueueMode)> {
    let kept: Kept = serde_json::from_value(item.body).ok()?;
    let mode = queue_mode(&kept.mode).unwrap_or(QueueMode::Followup);
    let mut submission = Submission::of(TurnId::new(item.id), item.session, kept.content);
    submission.channel = kept.channel;
    submission.thinking = kept.thinking;
    submission.extra_system = kept.extra_system;
    submission.timeout = kept.timeout_ms.map(Duration::from_millis);
    submission.output_tokens_max = kept.output_tokens_max;
    submission.may_approve = kept.may_approve;
    submission.model = kept.model.map(|(provider, model)| ModelRef { provider, model });
    submission.is_kept = true;
    if let Some(Distance { steps, messages }) = kept.letter {
        submission.origin = Origin::Letter(Trail::at(steps, messages));
    }
    submission.client_tools = Arc::default();
    Some((submission, mode))
}

/// The text of an item.
pub(crate) fn read_text(item: BacklogItem) -> Option<String> {
    serde_json::from_value(item.body).ok().map(|Text { text }| text)
}

fn name_of(mode: QueueMode) -> &'static str {
    match mode {
        QueueMode::Steer => "steer",
        QueueMode::Followup => "followup",
        QueueMode::Collect => "collect",
        QueueMode::SteerBacklog => "steer-backlog",
        QueueMode::Interrupt => "interrupt",
    }
}

#[cfg(test)]
mod tests {
    use domain::Part;

    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let image = Part::Image { data: "AA".to_owned(), mime_type: "image/png".to_owned() };
        let content = Content(vec![Part::text("look"), image]);
        let key = SessionKey::stored("agent:main:main");
        let mut message = Submission::of(TurnId::new("t"), key, content);
        message.channel = "internal".to_owned();
        message.thinking = Some("high".to_owned());
        message.extra_system = Some("be brief".to_owned());
        message.timeout = Some(Duration::from_millis(1500));
        message.output_tokens_max = Some(7);
        message.may_approve = true;
        message.model = Some(ModelRef { provider: "p".into(), model: "m".into() });
        message.origin = Origin::Letter(Trail::at(3, 5));
        message.is_kept = true;
        for mode in [
            QueueMode::Steer,
            QueueMode::Followup,
            QueueMode::Collect,
            QueueMode::SteerBacklog,
            QueueMode::Interrupt,
        ] {
            let (read, read_mode) = read_message(self::message(&message, mode)).unwrap();

            assert_eq!(format!("{read:?}"), format!("{message:?}"));
            assert_eq!(read_mode, mode);
        }
    }
}
