//! What servers do beside the letter of their dialect: the reply counts, and the next request is
//! one that they take.

use std::time::Duration;

use domain::{Content, Message, Part};
use models::{Delta, ErrorKind, Limits};
use serde_json::{Value, json};
use testkit::llm::{
    Answer, Dialect, Llm, RequestView, Step, calls, fails_with, floods, says, thinks_then,
};

use crate::rig::{Rig, call_ids, collect, done, provider, request, result, user};

fn chunk(delta: &Value) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}))
}

const END: &str =
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

fn raw(text: &str) -> Step {
    Step::Raw(text.to_owned().into())
}

fn labelled(content_type: &str, body: &str) -> Step {
    let headers = vec![("content-type", content_type.to_owned())];
    let (head, repeated) = (body.to_owned().into(), Vec::new().into());
    Step::Sends(Answer { status: 200, headers, head, repeated })
}

/// The text of the reply that such a step gives.
async fn said(dialect: Dialect, step: Step) -> String {
    let llm = Llm::script([step]);
    Rig::new(&llm, dialect).reply(vec![user("hi")]).await.content.joined_text()
}

#[tokio::test]
async fn odd_events_are_skipped() {
    let hello = chunk(&json!({"content": "hello"})) + END;
    for odd in [
        "data: \n\n",
        "event: ping\n\n",
        "event: ping\ndata: {}\n\n",
        "data: {\"type\":\"ping\"}\n\n",
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\"}\n\n",
        "data: ping\n\n",
        ": PROCESSING\n\n",
        "\u{feff}: mark\r\n\r\n",
        "data: {\"choices\":null}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5.0,\"completion_tokens\":-1}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\"}}],\"error\":\"\"}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":7,\"tool_calls\":\"no\"},\"finish_reason\":null}]}\n\n",
    ] {
        let step = raw(&format!("{odd}{hello}"));

        assert_eq!(said(Dialect::Chat, step).await, "hello", "{odd}");
    }
}

#[tokio::test]
async fn whole_replies_and_wrong_labels_are_read() {
    let message = json!({"role": "assistant", "content": "hello"});
    let whole = json!({"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
    let pretty = serde_json::to_string_pretty(&whole).unwrap();
    let stream = chunk(&json!({"content": "hello"})) + END;
    let lines = stream.replace("data: ", "").replace("[DONE]", "");
    let both = json!({"choices": [{"delta": {}, "message": message}]});
    for (sort, body) in [
        ("application/json", whole.to_string()),
        ("application/json; charset=utf-8", pretty),
        ("text/event-stream", whole.to_string()),
        ("application/json", stream.clone()),
        ("application/x-ndjson", lines),
        ("text/plain", format!("[{whole}]")),
        ("text/event-stream", format!("data: {whole}\n\n")),
        ("text/event-stream", format!("data: {both}\n\n{END}")),
        ("text/event-stream", stream.replace("\n\ndata: [DONE]\n\n", "")),
    ] {
        assert_eq!(said(Dialect::Chat, labelled(sort, &body)).await, "hello", "{sort} {body}");
    }
    let of_messages = json!({"type": "message", "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn"});
    let step = labelled("application/json", &of_messages.to_string());
    assert_eq!(said(Dialect::Messages, step).await, "hello");
    let of_responses = json!({"object": "response", "status": "completed", "output": [
        {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "hello"}]}]});
    let step = labelled("application/json", &of_responses.to_string());
    assert_eq!(said(Dialect::Responses, step).await, "hello");
}

#[tokio::test]
async fn a_server_that_must_not_stream_is_not_asked_to() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([says("Hi.")]);
        let mut provider = provider(&llm, dialect);
        provider["stream"] = json!(false);

        Rig::of(&json!({"mock": provider}), Limits::STANDARD).reply(vec![user("hi")]).await;

        assert_eq!(llm.request(0).body["stream"], false);
        assert_eq!(llm.request(0).body.get("stream_options"), None);
    }
}

#[tokio::test]
async fn thinking_in_tags_is_no_text_and_is_known_the_next_time() {
    let llm = Llm::script([says("plan one\n</think>\n\nhello"), says("plan two </think>again")]);
    let rig = Rig::new(&llm, Dialect::Chat);

    let first = rig.send(vec![user("hi")]).await.unwrap();
    let second = rig.send(vec![user("hi")]).await.unwrap();

    assert_eq!(done(&first).content.joined_text(), "hello");
    assert!(first.contains(&Delta::TextWasThinking));
    assert_eq!(done(&second).content.joined_text(), "again");
    let shown = second.iter().any(|it| matches!(it, Delta::Text(text) if text.contains("plan")));
    assert!(!shown, "{second:?}");
}

/// Refuses fields that older servers do not know.
fn refuse_unknown(request: &RequestView, known: &[&str]) -> Option<Step> {
    let odd = request.body.as_object()?.keys().find(|it| !known.contains(&it.as_str()))?;
    let message = format!(
        "[{{'type': 'extra_forbidden', 'loc': ('body', '{odd}'), 'msg': 'Extra inputs are not permitted'}}]"
    );
    Some(fails_with(400, &json!({"object": "error", "message": message, "code": 400}).to_string()))
}

#[tokio::test]
async fn strict_servers_get_plain_requests_at_once_or_learned() {
    let old = ["model", "messages", "stream", "max_tokens", "tools"];
    let llm = Llm::respond_with(move |it| refuse_unknown(it, &old).unwrap_or_else(|| says("Hi.")));
    let rig = Rig::new(&llm, Dialect::Chat);

    rig.reply(vec![user("hi")]).await;
    let learned = llm.count();
    rig.reply(vec![user("hi")]).await;

    assert_eq!(learned, 3, "one refusal for each of two fields");
    assert_eq!(llm.count(), 4, "and none the next time");
}

#[tokio::test]
async fn what_came_with_a_call_goes_back_with_it() {
    let extra = json!({"google": {"thought_signature": "c2ln"}});
    let first = chunk(
        &json!({"tool_calls": [{"index": 0, "id": "f1", "type": "function", "function": {"name": "exec", "arguments": "{}"}, "extra_content": extra}]}),
    );
    let llm = Llm::script([raw(&(first + END)), says("done")]);
    let rig = Rig::new(&llm, Dialect::Chat);

    let reply = rig.reply(vec![user("go")]).await;
    let ids = call_ids(&reply);
    // As it comes back from a transcript.
    let stored = serde_json::to_string(&Message::Assistant(reply)).unwrap();
    let stored = serde_json::from_str(&stored).unwrap();
    rig.reply(vec![user("go"), stored, result(&ids[0], Content::text("ok"))]).await;

    let sent = &llm.request(1).body["messages"][2]["tool_calls"][0];
    assert_eq!((&sent["extra_content"], &sent["id"]), (&extra, &json!("f1")));
}

#[tokio::test]
async fn an_empty_reply_is_asked_for_once_more_and_then_explained() {
    let thought = chunk(&json!({"reasoning_content": "It is 42."})) + END;
    let announced = chunk(&json!({"tool_calls": []})) + &END.replace("stop", "tool_calls");
    for empty in [thought.as_str(), announced.as_str(), END] {
        let llm = Llm::script([raw(empty), says("second try")]);
        let twice = Llm::script([raw(empty), raw(empty)]);

        let reply = Rig::new(&llm, Dialect::Chat).reply(vec![user("hi")]).await;
        let error = Rig::new(&twice, Dialect::Chat).error().await;

        assert_eq!(reply.content.joined_text(), "second try");
        assert_eq!((error.kind, twice.count()), (ErrorKind::Garbage, 2));
        assert!(error.text.contains("without a word"), "{error}");
    }
    let refused = chunk(&json!({"refusal": "I cannot help"})) + END;
    assert_eq!(said(Dialect::Chat, raw(&refused)).await, "I cannot help");
}

#[tokio::test]
async fn a_full_window_is_an_overflow_by_its_finish_reason() {
    let chat = END.replace("stop", "model_context_window_exceeded");
    let messages = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"model_context_window_exceeded\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n";
    for (dialect, stream) in [(Dialect::Chat, chat.as_str()), (Dialect::Messages, messages)] {
        let llm = Llm::script([raw(stream)]);

        assert_eq!(Rig::new(&llm, dialect).error().await.kind, ErrorKind::ContextOverflow);
    }
}

#[tokio::test]
async fn what_is_asked_for_leaves_room_for_the_prompt() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([says("Hi.")]);
        let mut provider = provider(&llm, dialect);
        provider["models"][0]["contextWindow"] = json!(8_192);
        provider["models"][0]["maxTokens"] = json!(81_920);
        let rig = Rig::of(&json!({"mock": provider}), Limits::STANDARD);

        rig.reply(vec![user(&"x".repeat(6_000))]).await;

        let body = &llm.request(0).body;
        let limits = ["max_tokens", "max_output_tokens"].map(|it| body[it].as_u64());
        let limit = limits.into_iter().flatten().next().unwrap();
        assert!(limit > 4_096 && limit + 1_500 < 8_192, "{dialect:?} {limit}");
    }
}

#[tokio::test]
async fn results_are_cut_where_the_request_says_so() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([calls("exec", json!({})), says("done")]);
        let rig = Rig::new(&llm, dialect);
        let reply = rig.reply(vec![user("go")]).await;
        let long = result(&call_ids(&reply)[0], Content::text("y".repeat(50_000)));
        let mut cut = request(rig.model(), vec![user("go"), Message::Assistant(reply), long]);
        cut.result_bytes_max = Some(2_000);

        collect(rig.models.stream(&rig.config, &rig.agent, cut)).await.unwrap();

        let sent = llm.request(1);
        assert!(sent.result_of("exec").contains("48000 bytes left out"));
    }
}

#[tokio::test]
async fn bytes_without_progress_and_replies_without_end_end_in_time() {
    let soon = Duration::from_millis(300);
    let drip = floods("", ": keep-alive\n\n");
    let (slow, endless) =
        (Llm::script([drip]), Llm::script([floods("", &chunk(&json!({"content": "y"})))]));
    let no_progress = Limits { progress_timeout: soon, ..Limits::STANDARD };
    let no_end = Limits { reply_timeout: Duration::from_millis(1), ..Limits::STANDARD };

    let of_slow = Rig::of(&json!({"mock": provider(&slow, Dialect::Chat)}), no_progress);
    let of_endless = Rig::of(&json!({"mock": provider(&endless, Dialect::Chat)}), no_end);
    let (slow_error, endless_error) = (of_slow.error().await, of_endless.error().await);

    // Whichever bound is met first, nothing is asked for again.
    assert!(matches!(slow_error.kind, ErrorKind::Timeout | ErrorKind::TooLarge), "{slow_error}");
    assert_eq!(endless_error.kind, ErrorKind::TooLarge, "{endless_error}");
    assert_eq!((slow.count(), endless.count()), (1, 1));
}

#[tokio::test]
async fn a_thinking_server_that_wants_thinking_back_gets_it() {
    let refusal = r#"{"error":{"message":"The `reasoning_content` in the thinking mode must be passed back to the API."}}"#;
    let llm = Llm::respond_with(move |it| {
        let messages = it.body["messages"].as_array().unwrap().iter();
        let lacks =
            |it: &Value| it.get("tool_calls").is_some() && it.get("reasoning_content").is_none();
        match messages.clone().any(lacks) {
            true => fails_with(400, refusal),
            false if it.results_since_user() == 0 => calls("exec", json!({})),
            false => thinks_then("so", says("done")),
        }
    });
    let rig = Rig::new(&llm, Dialect::Chat);

    let reply = rig.reply(vec![user("go")]).await;
    let ok = result(&call_ids(&reply)[0], Content::text("ok"));
    let second = rig.reply(vec![user("go"), Message::Assistant(reply), ok]).await;

    assert!(matches!(&second.content.0[..], [Part::Thinking { .. }, Part::Text { .. }]));
}
