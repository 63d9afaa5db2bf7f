//! The queue's rules, by example and by property.

use std::time::Duration;

use domain::SessionKey;
use proptest::prelude::*;

use super::*;
use crate::{Origin, Trail};

#[test]
fn an_idle_conversation_starts_at_once() {
    let mut queue = Queue::default();

    let offer = queue.offer(message(1, "hi"), false, settings(QueueMode::Collect, 3));

    assert!(matches!(offer, Offer::Start(submission) if submission.turn.as_str() == "t1"));
}

#[test]
fn collect_merges_what_waits_under_the_newest_id() {
    let mut queue = Queue::default();
    for n in 1..=3 {
        queue.offer(message(n, &format!("m{n}")), true, settings(QueueMode::Collect, 9));
    }

    let batch = queue.next().unwrap();

    assert_eq!(batch.submission.turn.as_str(), "t3");
    assert_eq!(batch.merged, [TurnId::new("t1"), TurnId::new("t2")]);
    assert_eq!(
        batch.submission.content.joined_text(),
        "[Queued messages while agent was busy]\n---\nQueued #1\nm1\n---\nQueued #2\nm2\n---\nQueued #3\nm3"
    );
    assert!(queue.next().is_none());
}

#[test]
fn collect_does_not_merge_across_channels() {
    let mut queue = Queue::default();
    queue.offer(message(1, "a"), true, settings(QueueMode::Collect, 9));
    let other = Submission { channel: "telegram".into(), ..message(2, "b") };
    queue.offer(other, true, settings(QueueMode::Collect, 9));

    let batches: Vec<String> =
        std::iter::from_fn(|| queue.next()).map(|b| b.submission.content.joined_text()).collect();

    assert_eq!(batches, ["a", "b"]);
}

#[test]
fn what_no_person_wrote_waits_for_itself_and_pushes_nobody_out() {
    let letter = |n| Submission {
        origin: Origin::Letter(Trail::default()),
        queue: Some(QueueMode::Interrupt),
        ..message(n, "psst")
    };
    let mut queue = Queue::default();

    let first = queue.offer(letter(1), true, settings(QueueMode::Steer, 2));
    queue.offer(message(2, "a"), true, settings(QueueMode::Collect, 2));
    let second = queue.offer(letter(3), true, settings(QueueMode::Collect, 2));

    assert!(matches!(first, Offer::Waits { dropped: None, .. }), "{first:?}");
    assert!(matches!(second, Offer::Refused), "{second:?}");
    assert_eq!(queue.next().unwrap().submission.content.joined_text(), "psst");
}

#[test]
fn followup_hands_out_one_by_one() {
    let mut queue = Queue::default();
    queue.offer(message(1, "a"), true, settings(QueueMode::Followup, 9));
    queue.offer(message(2, "b"), true, settings(QueueMode::Followup, 9));

    let batches: Vec<String> =
        std::iter::from_fn(|| queue.next()).map(|b| b.submission.content.joined_text()).collect();

    assert_eq!(batches, ["a", "b"]);
}

#[test]
fn interrupt_keeps_only_the_newest() {
    let mut queue = Queue::default();
    queue.offer(message(1, "a"), true, settings(QueueMode::Followup, 9));

    let offer = queue.offer(message(2, "b"), true, settings(QueueMode::Interrupt, 9));

    assert!(matches!(offer, Offer::Interrupt { replaced } if replaced == [TurnId::new("t1")]));
    assert_eq!(queue.next().unwrap().submission.turn.as_str(), "t2");
}

#[test]
fn at_the_cap_the_rule_decides() {
    let at_cap = |drop| {
        let settings = Settings { drop, ..settings(QueueMode::Followup, 1) };
        let mut queue = Queue::default();
        queue.offer(message(1, "first  words"), true, settings);
        let offer = queue.offer(message(2, "second"), true, settings);
        let text = queue.next().map(|batch| batch.submission.content.joined_text());
        (matches!(offer, Offer::Refused), text.unwrap_or_default())
    };

    assert_eq!(at_cap(QueueDrop::New), (true, "first  words".into()));
    assert_eq!(at_cap(QueueDrop::Old), (false, "second".into()));
    assert_eq!(
        at_cap(QueueDrop::Summarize),
        (false, "[Queue overflow: 1 message(s) dropped, in brief]\n- first words\nsecond".into())
    );
}

proptest! {
    #[test]
    fn every_message_leaves_exactly_once(
        modes in prop::collection::vec(0..5_u8, 1..40),
        cap in 1..6_usize,
        drop in 0..3_u8,
    ) {
        let mut queue = Queue::default();
        let mut seen: Vec<String> = Vec::new();
        for (n, mode) in modes.iter().enumerate() {
            let settings = Settings {
                mode: [QueueMode::Steer, QueueMode::Followup, QueueMode::Collect,
                    QueueMode::Collect, QueueMode::Interrupt][usize::from(*mode)],
                debounce: Duration::ZERO,
                cap,
                drop: [QueueDrop::Old, QueueDrop::New, QueueDrop::Summarize][usize::from(drop)],
            };
            let id = format!("t{n}");
            match queue.offer(message(n, "x"), true, settings) {
                Offer::Start(s) | Offer::Steer(s) => seen.push(s.turn.to_string()),
                Offer::Interrupt { replaced } => seen.extend(replaced.iter().map(TurnId::to_string)),
                Offer::Waits { dropped, .. } => seen.extend(dropped.map(|turn| turn.to_string())),
                Offer::Refused => seen.push(id),
            }
            prop_assert!(queue.waiting.len() <= cap.max(1));
        }
        while let Some(batch) = queue.next() {
            seen.push(batch.submission.turn.to_string());
            seen.extend(batch.merged.iter().map(TurnId::to_string));
        }
        let mut expected: Vec<String> = (0..modes.len()).map(|n| format!("t{n}")).collect();
        expected.sort();
        seen.sort();
        prop_assert_eq!(seen, expected);
    }
}

fn settings(mode: QueueMode, cap: usize) -> Settings {
    Settings { mode, debounce: Duration::ZERO, cap, drop: QueueDrop::Old }
}

fn message(n: usize, text: &str) -> Submission {
    Submission {
        turn: TurnId::new(format!("t{n}")),
        session: SessionKey::stored("agent:main:main"),
        content: Content::text(text),
        channel: "webchat".into(),
        thinking: None,
        extra_system: None,
        timeout: None,
        queue: None,
        client_tools: std::sync::Arc::default(),
        output_tokens_max: None,
        may_approve: false,
        origin: Origin::Person,
        model: None,
        is_heartbeat: false,
        is_kept: false,
    }
}
