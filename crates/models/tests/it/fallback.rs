//! From model to model and from key to key.

use config::ModelRef;
use models::{Delta, ErrorKind, Limits, ModelError};
use serde_json::{Value, json};
use testkit::llm::{Dialect, Llm, MODEL, closes_mid_stream, fails, says};

use crate::rig::{Rig, collect, done, provider, request, user};

const ONCE: Limits = Limits { attempts_max: 1, ..Limits::STANDARD };

fn pair(first: &Llm, second: &Llm) -> Rig {
    let providers = json!({
        "first": provider(first, Dialect::Chat),
        "second": provider(second, Dialect::Messages),
    });
    Rig::of(&providers, ONCE)
}

async fn ask(rig: &Rig, providers: &[&str]) -> Result<Vec<Delta>, ModelError> {
    let candidates = providers
        .iter()
        .map(|it| ModelRef { provider: (*it).to_owned(), model: MODEL.to_owned() })
        .collect();
    let make = |model| request(model, vec![user("hi")]);
    collect(rig.models.stream_with_fallback(&rig.config, &rig.agent, candidates, make)).await
}

#[tokio::test]
async fn the_next_model_answers_when_the_first_fails_and_the_first_then_rests() {
    let first = Llm::script([fails(500, None)]);
    let second = Llm::script([says("Here."), says("Again.")]);
    let rig = pair(&first, &second);

    let once = ask(&rig, &["first", "second"]).await.unwrap();
    let twice = ask(&rig, &["first", "second"]).await.unwrap();

    assert_eq!(named(&once), ["first", "second"]);
    assert_eq!(named(&twice), ["second"], "the first rests");
    assert_eq!(done(&once).provider, "second");
    assert_eq!(first.count(), 1);
}

#[tokio::test]
async fn when_all_fail_all_are_listed() {
    let first = Llm::script([fails(429, None)]);
    let second = Llm::script([fails(401, None)]);

    let error = ask(&pair(&first, &second), &["first", "second", "nowhere"]).await.unwrap_err();

    assert_eq!(
        error.text,
        "All models failed (3): first/mock-1: HTTP 429: scripted failure 429 \
         (rate_limit) | second/mock-1: HTTP 401: scripted failure 401 (auth) | \
         nowhere/mock-1: unknown provider `nowhere`; hint: configure it under \
         `models.providers.nowhere` (format)"
    );
}

#[tokio::test]
async fn nothing_is_repeated_once_words_were_shown() {
    let first = Llm::script([closes_mid_stream()]);
    let second = Llm::script([]);

    let error = ask(&pair(&first, &second), &["first", "second"]).await.unwrap_err();

    assert_eq!((error.kind, second.count()), (ErrorKind::Timeout, 0));
}

#[tokio::test]
async fn a_lone_model_is_asked_again_although_it_failed_a_moment_ago() {
    let llm = Llm::script([fails(500, None), says("Better.")]);
    let rig = Rig::of(&json!({"mock": provider(&llm, Dialect::Chat)}), ONCE);

    let error = ask(&rig, &["mock"]).await.unwrap_err();
    let reply = ask(&rig, &["mock"]).await.unwrap();

    assert_eq!(error.text, "HTTP 500: scripted failure 500");
    assert_eq!(done(&reply).content.joined_text(), "Better.");
}

#[tokio::test]
async fn profiles_come_before_the_configured_key_and_their_failures_are_remembered() {
    let llm = Llm::script([fails(401, None), says("Hi.")]);
    let profiles = json!({"version": 1, "profiles": {
        "mock:old": {"type": "api_key", "provider": "mock", "key": "key-of-profile"},
    }});
    let providers = json!({"mock": provider(&llm, Dialect::Chat)});
    let rig = Rig::with_profiles(&providers, ONCE, Some(&profiles));

    rig.reply(vec![user("hi")]).await;

    assert_eq!(llm.request(0).headers["authorization"], "Bearer key-of-profile");
    assert_eq!(llm.request(1).headers["authorization"], "Bearer sk-test-secret");
    let text = std::fs::read_to_string(rig.agent.agent_dir.join("auth-profiles.json")).unwrap();
    let stored: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stored["usageStats"]["mock:old"]["errorCount"], 1);
}

#[tokio::test]
async fn an_agent_without_profiles_uses_those_of_the_main_agent() {
    let llm = Llm::script([says("Hi.")]);
    let profiles = json!({"version": 1, "profiles": {
        "mock:main": {"type": "token", "provider": "mock", "token": "token-of-main"},
    }});
    let providers = json!({"mock": provider(&llm, Dialect::Chat)});
    let mut rig = Rig::with_profiles(&providers, ONCE, Some(&profiles));
    rig.agent.id = domain::AgentId::normalise("work");
    rig.agent.agent_dir = rig.agent.agent_dir.join("../../work/agent");

    rig.reply(vec![user("hi")]).await;

    assert_eq!(llm.request(0).headers["authorization"], "Bearer token-of-main");
}

#[tokio::test]
async fn models_are_listed_when_configured_or_when_their_provider_has_a_key() {
    let llm = Llm::script([]);
    let rig = Rig::new(&llm, Dialect::Chat);

    let listed = rig.models.list(&rig.config, &rig.agent);

    let names: Vec<String> = listed.iter().map(|it| format!("{}/{}", it.provider, it.id)).collect();
    assert!(names.contains(&"mock/mock-1".to_owned()), "{names:?}");
    assert!(names.contains(&"openai/gpt-5.2".to_owned()), "the environment has its key");
    assert!(!names.iter().any(|it| it.starts_with("anthropic/")));
}

/// The providers that were announced.
fn named(deltas: &[Delta]) -> Vec<&str> {
    let mut names = Vec::new();
    for delta in deltas {
        if let Delta::Model { provider, .. } = delta {
            names.push(provider.as_str());
        }
    }
    names
}
