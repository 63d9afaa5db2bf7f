//! Arbitrary histories, held to the law of each dialect.
//!
//! `PROPTEST_CASES` sets how many are made: 64 in the suite, 100,000 at least once before a
//! release.

use std::{collections::BTreeMap, sync::Arc};

use domain::{Content, Secret, UnixMillis, Usage, User};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use testkit::llm::{Dialect, breaches};

use super::*;
use crate::{Thinking, dialect::Route, quirks::Quirks};

const PNG: &str = "iVBORw0KGgo=";
const IDS: [&str; 8] =
    ["call_1", "call_2", "call_1|fc_1", "call_3|fc_1", "bad id!", "", "functions.exec:0", "x|rs_9"];
const NAMES: [&str; 5] = ["exec", "functions.exec", "", "ü b", "9"];
const MODELS: [&str; 4] = ["m", "deepseek-v4", "mistral-large", "other"];

fn model(dialect: Dialect, id: &str) -> Model {
    Model {
        provider: "p".to_owned(),
        id: id.to_owned(),
        name: id.to_owned(),
        api: api(dialect),
        context_tokens: 100_000,
        output_tokens_max: 8_192,
        reasoning: true,
        images: true,
        prices: domain::usage::Prices::default(),
    }
}

fn api(dialect: Dialect) -> config::Api {
    match dialect {
        Dialect::Chat => config::Api::OpenaiCompletions,
        Dialect::Responses => config::Api::OpenaiResponses,
        Dialect::Messages => config::Api::AnthropicMessages,
    }
}

fn encode(dialect: Dialect, model: Model, messages: Vec<Message>) -> Value {
    let entry = crate::PROVIDERS.iter().find(|it| it.api == model.api).unwrap();
    let route = Route {
        base_url: "http://127.0.0.1/v1".to_owned(),
        key: Some(Secret::new("k")),
        headers: BTreeMap::new(),
        auth_header: false,
        compat: config::Compat::default(),
        params: serde_json::Map::new(),
        streams: true,
        quirks: Quirks::default(),
    };
    let request = Request {
        model: Arc::new(model),
        system: "Be brief.".into(),
        messages: messages.into_iter().map(Arc::new).collect(),
        tools: Arc::new([]),
        thinking: Thinking::Low,
        cache_key: "k".to_owned(),
        result_bytes_max: None,
    };
    assert_eq!(entry.api.as_str(), dialect.api());
    serde_json::from_slice(&(entry.encode)(&request, &route).unwrap()).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    select(&["", " \n", "hello", "<think>", "\u{0}ü€😀"][..]).prop_map(str::to_owned)
}

fn signature() -> impl Strategy<Value = Option<String>> {
    let whole = |id: &str| {
        json!({"type": "reasoning", "id": id, "summary": [], "encrypted_content": "e"}).to_string()
    };
    prop_oneof![
        Just(None),
        Just(Some(whole("rs_1"))),
        Just(Some(whole("rs_2"))),
        Just(Some(json!({"type": "reasoning", "id": "rs_3", "summary": []}).to_string())),
        select(&["", "sig", "reasoning_content", "msg_1", "{", "[]"][..])
            .prop_map(|it| Some(it.to_owned())),
    ]
}

fn arguments() -> impl Strategy<Value = Value> {
    select(vec![json!({"a": 1}), json!({}), json!("{\"a\":"), json!([1]), Value::Null, json!(7)])
}

fn image() -> impl Strategy<Value = Part> {
    let forms = [(PNG, "image/png"), (PNG, "image/jpeg"), ("AAAA", "image/png"), ("", "x/y")];
    select(forms.to_vec()).prop_map(|(data, mime_type)| Part::Image {
        data: data.to_owned(),
        mime_type: mime_type.to_owned(),
    })
}

fn words() -> impl Strategy<Value = Part> {
    (text(), signature()).prop_map(|(text, text_signature)| Part::Text { text, text_signature })
}

fn call() -> impl Strategy<Value = Part> {
    (select(&IDS[..]), select(&NAMES[..]), arguments(), signature()).prop_map(
        |(id, name, arguments, thought_signature)| Part::ToolCall {
            id: CallId::new(id),
            name: name.to_owned(),
            arguments,
            thought_signature,
        },
    )
}

fn thought() -> impl Strategy<Value = Part> {
    (text(), signature(), any::<bool>()).prop_map(|(thinking, thinking_signature, redacted)| {
        Part::Thinking { thinking, thinking_signature, redacted }
    })
}

fn content(image_too: bool) -> impl Strategy<Value = Content> {
    let part = if image_too { prop_oneof![words(), image()].boxed() } else { words().boxed() };
    prop::collection::vec(part, 0..3).prop_map(Content)
}

fn message() -> impl Strategy<Value = Message> {
    let stops = [
        StopReason::Stop,
        StopReason::Length,
        StopReason::ToolUse,
        StopReason::Error,
        StopReason::Aborted,
        StopReason::Injected,
    ];
    let user =
        content(true).prop_map(|content| Message::User(User { content, timestamp: UnixMillis(0) }));
    let parts = prop::collection::vec(prop_oneof![words(), thought(), call(), call()], 0..5);
    let apis = select(&Dialect::ALL[..]).prop_map(|it| it.api().to_owned());
    let assistant = (parts, apis, select(&MODELS[..]), select(stops.to_vec())).prop_map(
        |(parts, api, model, stop_reason)| {
            Message::Assistant(Assistant {
                content: Content(parts),
                api,
                provider: "p".to_owned(),
                model: model.to_owned(),
                usage: Usage::default(),
                stop_reason,
                error_message: None,
                timestamp: UnixMillis(0),
            })
        },
    );
    let result =
        (select(&IDS[..]), content(true), any::<bool>()).prop_map(|(id, content, is_error)| {
            Message::ToolResult(ToolResult {
                tool_call_id: CallId::new(id),
                tool_name: "exec".to_owned(),
                content,
                details: None,
                is_error,
                timestamp: UnixMillis(0),
            })
        });
    let bash = any::<bool>().prop_map(|exclude_from_context| {
        Message::BashExecution(BashExecution {
            command: "id".to_owned(),
            output: String::new(),
            exit_code: None,
            cancelled: false,
            truncated: true,
            exclude_from_context,
            timestamp: UnixMillis(0),
        })
    });
    prop_oneof![2 => user, 4 => assistant, 4 => result, 1 => bash]
}

/// A history in which calls and results mostly pair, then cut, doubled and reordered.
fn history() -> impl Strategy<Value = Vec<Message>> {
    let edits = prop::collection::vec((0_u8..4, 0_usize..64, 0_usize..64), 0..4);
    (prop::collection::vec(message(), 0..14), edits).prop_map(|(messages, edits)| {
        let mut all = Vec::new();
        for message in messages {
            let answers = match &message {
                Message::Assistant(said) => said.content.0.iter().filter_map(answer).collect(),
                Message::User(_) | Message::ToolResult(_) | Message::BashExecution(_) => Vec::new(),
            };
            all.push(message);
            all.extend(answers);
        }
        for (edit, a, b) in edits {
            if all.is_empty() {
                break;
            }
            let (a, b) = (a % all.len(), b % all.len());
            match edit {
                0 => all.truncate(a.max(1)),
                1 => all.insert(a, all[b].clone()),
                2 => all.swap(a, b),
                _ => drop(all.remove(a)),
            }
        }
        all
    })
}

fn answer(part: &Part) -> Option<Message> {
    let Part::ToolCall { id, name, .. } = part else { return None };
    Some(Message::ToolResult(ToolResult {
        tool_call_id: id.clone(),
        tool_name: name.clone(),
        content: Content::text("ok"),
        details: None,
        is_error: false,
        timestamp: UnixMillis(0),
    }))
}

fn rules() -> Rules {
    Rules { images: true, image_chars_max: 100, result_bytes_max: 1000, ids: IdForm::Plain }
}

fn user(text: &str) -> Message {
    Message::User(User { content: Content::text(text), timestamp: UnixMillis(0) })
}

fn said(parts: Vec<Part>, stop_reason: StopReason) -> Message {
    Message::Assistant(Assistant {
        content: Content(parts),
        api: "openai-completions".to_owned(),
        provider: "p".to_owned(),
        model: "m".to_owned(),
        usage: Usage::default(),
        stop_reason,
        error_message: None,
        timestamp: UnixMillis(0),
    })
}

fn called(id: &str) -> Part {
    let (name, arguments) = ("exec".to_owned(), json!({}));
    Part::ToolCall { id: CallId::new(id), name, arguments, thought_signature: None }
}

#[test]
fn replies_that_brought_nothing_are_left_out_and_broken_ones_keep_their_text() {
    let broken = said(vec![Part::text("half"), called("c")], StopReason::Aborted);
    let all = vec![user("a"), said(vec![], StopReason::Error), broken, user("b")];

    let body = encode(Dialect::Chat, model(Dialect::Chat, "m"), all);

    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "half"},
            {"role": "user", "content": "b"},
        ])
    );
}

#[test]
fn calls_without_results_and_results_without_calls_are_made_whole() {
    let first = said(vec![called("a"), called("b")], StopReason::ToolUse);
    let all = vec![user("go"), first, answer(&called("b")).unwrap(), answer(&called("x")).unwrap()];

    let body = encode(Dialect::Chat, model(Dialect::Chat, "m"), all);

    let messages = body["messages"].as_array().unwrap();
    let results: Vec<_> = messages[3..].iter().map(|it| it["content"].as_str().unwrap()).collect();
    assert_eq!(results, [NO_RESULT, "ok"]);
    assert_eq!(messages[3]["tool_call_id"], "a");
}

#[test]
fn calls_of_other_models_get_what_deepseek_and_google_want() {
    let mut other = said(vec![called("a")], StopReason::ToolUse);
    if let Message::Assistant(it) = &mut other {
        it.model = "other".to_owned();
    }
    let all = vec![user("go"), other, answer(&called("a")).unwrap()];

    let body = encode(Dialect::Chat, model(Dialect::Chat, "deepseek-v4"), all);

    assert_eq!(body["messages"][2]["reasoning_content"], "");
    assert_eq!(body["messages"][2]["tool_calls"][0]["id"].as_str().map(str::len), Some(9));
}

#[test]
fn reasoning_that_came_twice_goes_back_once() {
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"});
    let thought = Part::Thinking {
        thinking: String::new(),
        thinking_signature: Some(item.to_string()),
        redacted: false,
    };
    let mut twice = said(vec![thought.clone(), thought, Part::text("hi")], StopReason::Stop);
    if let Message::Assistant(it) = &mut twice {
        it.api = "openai-responses".to_owned();
    }

    let body = encode(
        Dialect::Responses,
        model(Dialect::Responses, "m"),
        vec![user("go"), twice, user("on")],
    );

    let items = body["input"].as_array().unwrap();
    assert_eq!(items.iter().filter(|it| it["type"] == "reasoning").count(), 1, "{body:#}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..cases() })]

    #[test]
    fn every_chat_request_obeys_the_law(history in history(), asked in select(&MODELS[..])) {
        let body = encode(Dialect::Chat, model(Dialect::Chat, asked), history);
        prop_assert_eq!(breaches(Dialect::Chat, body.clone()), Vec::<String>::new(), "{:#}", body);
    }

    #[test]
    fn every_responses_request_obeys_the_law(history in history(), asked in select(&MODELS[..])) {
        let body = encode(Dialect::Responses, model(Dialect::Responses, asked), history);
        prop_assert_eq!(breaches(Dialect::Responses, body.clone()), Vec::<String>::new(), "{:#}", body);
    }

    #[test]
    fn every_messages_request_obeys_the_law(history in history(), asked in select(&MODELS[..])) {
        let body = encode(Dialect::Messages, model(Dialect::Messages, asked), history);
        prop_assert_eq!(breaches(Dialect::Messages, body.clone()), Vec::<String>::new(), "{:#}", body);
    }

    #[test]
    fn turns_that_were_put_out_are_final(history in history(), more in prop::collection::vec(message(), 0..4)) {
        let asked = model(Dialect::Chat, "m");
        let mut longer = History::resume(&asked, rules(), Carry::default());
        let mut all = Vec::new();
        let mut carry = None;
        for (at, message) in history.iter().enumerate() {
            longer.push(message, &mut all);
            if longer.is_settled() {
                carry = Some((at + 1, all.len(), longer.carry().clone()));
            }
        }
        let so_far = all.len();
        let first = format!("{all:?}");
        for message in &more {
            longer.push(message, &mut all);
        }

        prop_assert_eq!(format!("{:?}", &all[..so_far]), first);
        if let Some((read, out, carry)) = carry {
            let mut resumed = History::resume(&asked, rules(), carry);
            let mut rest = Vec::new();
            for message in history[read..].iter().chain(&more) {
                resumed.push(message, &mut rest);
            }
            prop_assert_eq!(&rest[..], &all[out..]);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how many cases are made is no setting of ours")]
fn cases() -> ProptestConfig {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok());
    ProptestConfig { cases: wanted.unwrap_or(64), ..ProptestConfig::default() }
}
