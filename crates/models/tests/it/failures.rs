//! What goes wrong is told clearly, retried when that may help, and never shows the key.

use std::time::Duration;

use futures_util::StreamExt as _;
use models::{Delta, ErrorKind, Limits};
use serde_json::json;
use testkit::llm::{
    Dialect, Llm, Step, closes_mid_stream, fails, fails_with, garbage, hangs, hangs_after,
    overflows, says,
};

use crate::rig::{Rig, collect, provider, user};

const IMPATIENT: Limits = Limits { idle_timeout: Duration::from_millis(150), ..Limits::STANDARD };

#[tokio::test]
async fn a_refused_key_is_an_auth_error_without_the_key() {
    let body = r#"{"error":{"message":"Incorrect API key provided: sk-test-secret."}}"#;
    for dialect in Dialect::ALL {
        let llm = Llm::script([fails_with(401, body)]);

        let error = Rig::new(&llm, dialect).error().await;

        assert_eq!(error.kind, ErrorKind::Auth);
        assert_eq!(error.to_string(), "mock/mock-1: HTTP 401: Incorrect API key provided: ***");
        assert_eq!(llm.count(), 1, "a refused key is not shown twice");
    }
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_as_asked() {
    let wait = Duration::from_millis(80);
    let llm = Llm::script([fails(429, wait), says("Hi.")]);

    let reply = Rig::new(&llm, Dialect::Chat).reply(vec![user("hi")]).await;

    assert_eq!(reply.content.joined_text(), "Hi.");
    assert!(llm.request(1).arrived - llm.request(0).arrived >= wait);
}

#[tokio::test]
async fn a_rate_limit_that_asks_for_too_long_a_wait_is_final() {
    let llm = Llm::script([fails(429, Duration::from_mins(2))]);

    let error = Rig::new(&llm, Dialect::Chat).error().await;

    assert_eq!(error.kind, ErrorKind::RateLimit);
    assert_eq!(error.retry_after, Some(Duration::from_mins(2)));
}

#[tokio::test]
async fn a_server_error_is_tried_twice() {
    let llm = Llm::script([fails(500, Duration::ZERO), fails_with(503, "<html>down</html>")]);

    let error = Rig::new(&llm, Dialect::Messages).error().await;

    assert_eq!((error.kind, error.status, llm.count()), (ErrorKind::Server, Some(503), 2));
    assert_eq!(error.to_string(), "mock/mock-1: HTTP 503");
}

#[tokio::test]
async fn a_conversation_that_does_not_fit_is_said_not_to_fit() {
    let llm = Llm::script([overflows()]);

    let error = Rig::new(&llm, Dialect::Responses).error().await;

    assert_eq!(error.kind, ErrorKind::ContextOverflow);
}

#[tokio::test]
async fn silence_ends_with_a_timeout_and_is_not_repeated() {
    for step in [hangs(), hangs_after("One moment")] {
        let llm = Llm::script([step]);
        let rig = Rig::of(&json!({"mock": provider(&llm, Dialect::Chat)}), IMPATIENT);

        let error = rig.error().await;

        assert_eq!(error.kind, ErrorKind::Timeout);
        assert_eq!(error.to_string(), "mock/mock-1: nothing came for 0.15 s");
        assert_eq!(llm.count(), 1);
    }
}

#[tokio::test]
async fn a_break_after_the_first_words_is_final() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([closes_mid_stream()]);
        let rig = Rig::new(&llm, dialect);
        let request = rig.request(vec![user("hi")]);

        let items: Vec<_> = rig.models.stream(&rig.config, &rig.agent, request).collect().await;

        let [Ok(Delta::Text(_)), Err(error)] = &*items else { panic!("{items:?}") };
        assert_eq!(error.kind, ErrorKind::Timeout);
        let text = "mock/mock-1: the connection closed before the reply was whole";
        assert_eq!((error.to_string().as_str(), llm.count()), (text, 1), "{dialect:?}");
    }
}

#[tokio::test]
async fn what_is_no_reply_is_called_garbage() {
    let raw = |text: &'static str| Step::Raw(text.into());
    for dialect in Dialect::ALL {
        for step in [
            garbage(),
            raw("data: 17\n\n"),
            raw("data: {\"hello\": 1}\n\n"),
            raw("this is no event stream\n\n"),
            raw("data: \u{0}\u{1}\n\n"),
        ] {
            let llm = Llm::script([step.clone()]);

            let error = Rig::new(&llm, dialect).error().await;

            assert_eq!(error.kind, ErrorKind::Garbage, "{dialect:?} {step:?} {error}");
        }
    }
}

#[tokio::test]
async fn a_web_page_or_plain_json_instead_of_a_stream_is_named() {
    let page = Llm::script([fails_with(200, "<html>Welcome</html>")]);
    let plain = Llm::script([fails_with(200, r#"{"error": {"message": "model is overloaded"}}"#)]);

    let of_page = Rig::new(&page, Dialect::Chat).error().await;
    let of_plain = Rig::of(
        &json!({"mock": provider(&plain, Dialect::Chat)}),
        Limits { attempts_max: 1, ..Limits::STANDARD },
    );

    assert_eq!(of_page.kind, ErrorKind::Garbage);
    assert!(of_page.text.contains("baseUrl"), "{of_page}");
    assert_eq!(of_plain.error().await.kind, ErrorKind::RateLimit);
}

#[tokio::test]
async fn an_error_event_before_any_word_is_retried() {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let llm = Llm::script([Step::Raw(error.into()), says("Hi.")]);

    let reply = Rig::new(&llm, Dialect::Messages).reply(vec![user("hi")]).await;

    assert_eq!(reply.content.joined_text(), "Hi.");
}

#[tokio::test]
async fn nobody_listening_is_a_timeout_that_names_the_place() {
    let llm = Llm::script([]);
    let mut gone = provider(&llm, Dialect::Chat);
    gone["baseUrl"] = json!("http://127.0.0.1:1/v1");
    let rig = Rig::of(&json!({"mock": gone}), Limits::STANDARD);

    let error = rig.error().await;

    assert_eq!(error.kind, ErrorKind::Timeout);
    assert!(error.text.starts_with("cannot connect to 127.0.0.1:1: "), "{error}");
}

#[tokio::test]
async fn a_missing_key_names_the_provider_and_where_to_put_one() {
    let rig = Rig::of(&json!({}), Limits::STANDARD);
    let wanted = rig.models.parse_ref(&rig.agent, "opus-4.6");
    let model = rig.models.resolve(&rig.config, &rig.agent, &wanted).unwrap();
    let request = crate::rig::request(model, vec![user("hi")]);

    let error = collect(rig.models.stream(&rig.config, &rig.agent, request)).await.unwrap_err();

    assert_eq!(error.kind, ErrorKind::Auth);
    let text = error.to_string();
    let start = "anthropic/claude-opus-4-6: no API key found for provider `anthropic`; hint: \
                 openclaw configure --section model; or set `ANTHROPIC_API_KEY`, or \
                 `models.providers.anthropic.apiKey`";
    assert!(text.starts_with(start) && text.contains("auth-profiles.json"), "{text}");
}
