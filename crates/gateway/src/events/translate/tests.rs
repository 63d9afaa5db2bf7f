//! What watchers are told, in which version, and when.

use domain::{AgentId, SessionId, SessionKey, TurnId, Usage};

use super::*;

const BOTH: Audience = Audience { v3: true, v4: true };

fn event(seq: u64, body: EventBody) -> Event {
    Event {
        turn: TurnId::new("t"),
        session: SessionKey::stored("agent:main:main"),
        session_id: SessionId::new("s"),
        agent: AgentId::main(),
        seq,
        at: UnixMillis(1000),
        verbose: "off".into(),
        is_heartbeat: false,
        body,
    }
}

fn text(so_far: &str, delta: &str) -> EventBody {
    EventBody::Text { so_far: so_far.into(), delta: delta.to_owned() }
}

fn ended(stop: Stop, texts: &[&str]) -> EventBody {
    EventBody::Ended(Arc::new(Outcome {
        turn: TurnId::new("t"),
        session: SessionKey::stored("agent:main:main"),
        session_id: SessionId::new("s"),
        agent: AgentId::main(),
        stop,
        texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        provider: "mock".to_owned(),
        model: "mock-1".to_owned(),
        usage: Usage::default(),
        handed_over: Vec::new(),
        is_cut_short: false,
        refusal: None,
        started: UnixMillis(1000),
        ended: UnixMillis(2000),
    }))
}

/// What one version's chat is told: state, and the new or the whole text.
fn chats(deliveries: &[Delivery], version: Version) -> Vec<(String, String)> {
    deliveries
        .iter()
        .filter(|it| it.version == version)
        .filter_map(|it| {
            let frame: Value = serde_json::from_str(&it.text.numbered(None)).unwrap();
            let payload = &frame["payload"];
            let state = payload["state"].as_str()?.to_owned();
            let text = payload["deltaText"]
                .as_str()
                .or(payload["message"]["content"][0]["text"].as_str())
                .unwrap_or_default();
            Some((state, text.to_owned()))
        })
        .collect()
}

fn told(state: &str, text: &str) -> (String, String) {
    (state.to_owned(), text.to_owned())
}

#[test]
fn text_goes_out_in_steps_and_the_rest_before_the_end() {
    let mut view = TurnView::default();
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut all = view.translate(&event(1, EventBody::Started), BOTH, None, at(0));

    all.extend(view.translate(&event(2, text("a", "a")), BOTH, None, at(0)));
    all.extend(view.translate(&event(3, text("ab", "b")), BOTH, None, at(10)));
    all.extend(view.translate(&event(4, text("abc", "c")), BOTH, None, at(60)));
    all.extend(view.translate(&event(5, text("abcd", "d")), BOTH, None, at(70)));
    all.extend(view.translate(&event(6, ended(Stop::Done, &["abcd"])), BOTH, None, at(80)));

    assert_eq!(
        chats(&all, Version::V4),
        [told("delta", "a"), told("delta", "bc"), told("delta", "d"), told("final", "abcd")]
    );
    assert_eq!(chats(&all, Version::V3), [told("delta", "a"), told("final", "abcd")]);
}

#[test]
fn text_held_back_goes_out_when_the_model_pauses() {
    let mut view = TurnView::default();
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    view.translate(&event(1, text("a", "a")), BOTH, None, at(0));
    view.translate(&event(2, text("ab", "b")), BOTH, None, at(1));

    assert_eq!(view.flush_at(), Some(at(50)));
    let early = view.flush_due(BOTH, at(49));
    let due = view.flush_due(BOTH, at(50));

    assert!(early.is_empty());
    assert_eq!(chats(&due, Version::V4), [told("delta", "b")]);
    assert_eq!(chats(&due, Version::V3), [told("delta", "ab")]);
    assert_eq!(view.flush_at(), None);
}

#[test]
fn the_steps_of_a_long_text_are_longer() {
    let mut view = TurnView::default();
    let start = Instant::now();
    let piece = "y".repeat(50_000);
    let mut so_far = String::new();
    let mut bytes = [0, 0];
    for at in 0..60 {
        so_far.push_str(&piece);
        let now = start + Duration::from_millis(10 * at);
        for it in view.translate(&event(at, text(&so_far, &piece)), BOTH, None, now) {
            bytes[usize::from(it.version == Version::V4)] += it.text.bytes();
        }
    }
    let due = view.flush_at().expect("the rest of the text is held back");
    let rest = view.flush_due(BOTH, due + Duration::from_secs(10));

    // Of 3 MB of text in 0.6 s, each client hears a few times the text, not thirty times.
    assert!(bytes.iter().all(|bytes| *bytes < 3_000_000), "{bytes:?}");
    assert!(rest.iter().any(|it| it.text.bytes() > 3_000_000));
}

#[test]
fn a_second_reply_replaces_the_first() {
    let mut view = TurnView::default();
    let start = Instant::now();
    view.translate(&event(1, text("first", "first")), BOTH, None, start);

    let later = start + Duration::from_secs(1);
    let second = view.translate(&event(2, text("se", "se")), BOTH, None, later);

    let chat = second
        .iter()
        .filter(|it| it.version == Version::V4)
        .map(|it| serde_json::from_str::<Value>(&it.text.numbered(None)).unwrap())
        .find(|frame| frame["event"] == "chat")
        .unwrap();
    assert_eq!(chat["payload"]["replace"], true);
    assert_eq!(chat["payload"]["deltaText"], "se");
}

#[test]
fn a_command_is_answered_by_one_final_and_nothing_else() {
    let mut view = TurnView::default();

    let all = view.translate(&event(1, ended(Stop::Done, &["card"])), BOTH, None, Instant::now());

    assert_eq!(all.len(), 2);
    assert_eq!(chats(&all, Version::V3), [told("final", "card")]);
}

#[test]
fn version_3_hears_of_tools_only_as_far_as_it_is_verbose() {
    let call = |verbose: &str| {
        let mut event = event(
            1,
            EventBody::CallEnded(CallEnd {
                id: domain::CallId::new("c"),
                name: "exec".to_owned(),
                summary: "echo".to_owned(),
                result: Arc::new(domain::CallResult {
                    content: domain::Content::text("out"),
                    details: None,
                    is_error: false,
                }),
                refused_by: None,
                took_ms: 1,
            }),
        );
        event.verbose = verbose.into();
        let audience = Audience { v3: true, v4: false };
        let all = TurnView::default().translate(&event, audience, None, Instant::now());
        all.first().map(|it| serde_json::from_str::<Value>(&it.text.numbered(None)).unwrap())
    };

    assert_eq!(call("off"), None);
    let on = call("on").unwrap();
    assert_eq!(on["payload"]["data"]["meta"], "echo");
    assert_eq!(on["payload"]["data"].get("result"), None);
    let full = call("full").unwrap();
    assert_eq!(full["payload"]["data"]["result"]["content"][0]["text"], "out");
}
