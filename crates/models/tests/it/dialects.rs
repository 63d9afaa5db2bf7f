//! Each dialect there and back again.

use domain::{Content, Message, Part, StopReason};
use models::{Delta, Thinking};
use serde_json::{Value, json};
use testkit::llm::{Dialect, Llm, Seen, calls_badly, calls_many, says, slow, thinks_then};

use crate::rig::{Rig, call_ids, collect, done, result, user};

const PNG: &str = "iVBORw0KGgo=";

fn image() -> Part {
    Part::Image { data: PNG.to_owned(), mime_type: "image/png".to_owned() }
}

#[tokio::test]
async fn text_streams_in_pieces_and_ends_with_the_whole_reply() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([says("Hello, dear world.")]);
        let rig = Rig::new(&llm, dialect);

        let deltas = rig.send(vec![user("hi")]).await.unwrap();

        let (last, texts) = deltas.split_last().unwrap();
        let texts: Vec<&Delta> = texts.iter().collect();
        let expected = ["Hello,", " dear", " world."].map(|it| Delta::Text(it.to_owned()));
        assert_eq!(texts, expected.iter().collect::<Vec<_>>(), "{dialect:?}");
        let reply = done(std::slice::from_ref(last));
        assert_eq!(reply.content.joined_text(), "Hello, dear world.");
        assert_eq!((reply.stop_reason, &*reply.api), (StopReason::Stop, dialect.api()));
        assert_eq!((&*reply.provider, &*reply.model, reply.usage.output), ("mock", "mock-1", 3));
        assert!(reply.usage.cost.total > 0.0 && reply.timestamp.0 > 0);
        let request = llm.request(0);
        assert_eq!(request.system(), "Be brief.");
        assert_eq!(request.headers["x-team"], "blue");
    }
}

#[tokio::test]
async fn several_calls_at_once_go_back_with_their_results_in_order() {
    for dialect in Dialect::ALL {
        let two = vec![("exec", json!({"command": "id"})), ("exec", json!({"command": "ü"}))];
        let llm = Llm::script([thinks_then("Let me see.", calls_many(two)), says("Done.")]);
        let rig = Rig::new(&llm, dialect);

        let deltas = rig.send(vec![user("go")]).await.unwrap();
        let first = done(&deltas);
        let ids = call_ids(&first);
        let mut messages = vec![user("go"), Message::Assistant(first.clone())];
        messages.push(result(&ids[0], Content::text("uid=0")));
        messages.push(result(&ids[1], Content::default()));
        let second = rig.reply(messages).await;

        assert_eq!(first.stop_reason, StopReason::ToolUse, "{dialect:?}");
        assert_eq!(second.content.joined_text(), "Done.");
        let started = deltas.iter().filter(|it| matches!(it, Delta::CallStarted { .. }));
        assert_eq!(started.count(), 2);
        assert!(deltas.contains(&Delta::Thinking("Let me see.".to_owned())));
        let request = llm.request(1);
        let Seen::Assistant { calls, thinking, .. } = &request.messages()[1] else {
            panic!("{:#?}", request.messages());
        };
        assert_eq!(thinking, "Let me see.", "{dialect:?}: thinking goes back to who thought it");
        assert_eq!(calls[1].arguments, json!({"command": "ü"}));
        assert_eq!(request.messages().len(), 4);
        assert_eq!(request.result_of("exec"), "(no output)");
    }
}

#[tokio::test]
async fn thinking_of_another_model_is_left_out() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([thinks_then("Secret.", says("Hi.")), says("Bye.")]);
        let rig = Rig::new(&llm, dialect);
        let mut first = rig.reply(vec![user("hi")]).await;
        first.model = "another".to_owned();

        rig.reply(vec![user("hi"), Message::Assistant(first), user("bye")]).await;

        assert!(!llm.request(1).body.to_string().contains("Secret."), "{dialect:?}");
    }
}

#[tokio::test]
async fn images_are_sent_and_images_of_tools_too() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([calls_many(vec![("exec", json!({}))]), says("Nice.")]);
        let rig = Rig::new(&llm, dialect);
        let mut message = user("look");
        if let Message::User(user) = &mut message {
            user.content.0.push(image());
        }

        let first = rig.reply(vec![message.clone()]).await;
        let ids = call_ids(&first);
        let shot = result(&ids[0], Content(vec![Part::text("shot"), image()]));
        rig.reply(vec![message, Message::Assistant(first), shot]).await;

        let request = llm.request(1);
        let images: usize = request.messages().iter().map(images_of).sum();
        assert_eq!(images, 2, "{dialect:?} {:#?}", request.messages());
        assert_eq!(request.body.to_string().matches(PNG).count(), 2);
    }
}

fn images_of(message: &Seen) -> usize {
    match message {
        Seen::User { images, .. } | Seen::Result { images, .. } => *images,
        Seen::Assistant { .. } => 0,
    }
}

#[tokio::test]
async fn arguments_that_are_no_json_stay_text_and_go_back_as_an_object() {
    for dialect in Dialect::ALL {
        let llm = Llm::script([calls_badly("exec", r#"{"command": "#), says("Sorry.")]);
        let rig = Rig::new(&llm, dialect);

        let first = rig.reply(vec![user("go")]).await;
        let bad = result(&call_ids(&first)[0], Content::text("not JSON"));
        rig.reply(vec![user("go"), Message::Assistant(first.clone()), bad]).await;

        let Part::ToolCall { arguments, .. } = &first.content.0[0] else { panic!("{first:?}") };
        assert_eq!(arguments, &Value::from(r#"{"command": "#), "{dialect:?}");
        assert_eq!(llm.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn dropping_the_stream_ends_the_request() {
    let llm = Llm::script([slow("a b c d", std::time::Duration::from_millis(5)), says("Next.")]);
    let rig = Rig::new(&llm, Dialect::Chat);
    let request = rig.request(vec![user("hi")]);

    let mut stream = rig.models.stream(&rig.config, &rig.agent, request);
    let first = futures_util::StreamExt::next(&mut stream).await.unwrap().unwrap();
    drop(stream);

    assert_eq!(first, Delta::Text("a".to_owned()));
    assert_eq!(rig.reply(vec![user("hi")]).await.content.joined_text(), "Next.");
}

#[tokio::test]
async fn a_chat_request_has_the_recorded_shape() {
    let llm = Llm::script([says("Hi.")]);
    let rig = Rig::new(&llm, Dialect::Chat);
    let mut request = rig.request(vec![user("hi")]);
    request.thinking = Thinking::Off;

    collect(rig.models.stream(&rig.config, &rig.agent, request)).await.unwrap();

    assert_eq!(llm.request(0).headers["authorization"], "Bearer sk-test-secret");
    insta::assert_snapshot!(llm.request(0).body, @r#"{"model":"mock-1","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":8192,"tools":[{"type":"function","function":{"name":"exec","description":"Runs a command.","parameters":{"type":"object","properties":{"command":{"type":"string"}}}}}]}"#);
}

#[tokio::test]
async fn an_anthropic_request_marks_what_is_to_be_cached() {
    let llm = Llm::script([says("Hi.")]);
    let rig = Rig::new(&llm, Dialect::Messages);

    rig.reply(vec![user("hi")]).await;

    assert_eq!(llm.request(0).headers["x-api-key"], "sk-test-secret");
    insta::assert_snapshot!(llm.request(0).body, @r#"{"model":"mock-1","max_tokens":8192,"stream":true,"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"exec","description":"Runs a command.","input_schema":{"type":"object","properties":{"command":{"type":"string"}}},"cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}],"thinking":{"type":"enabled","budget_tokens":2048}}"#);
}

#[tokio::test]
async fn a_responses_request_is_not_stored_and_names_its_cache() {
    let llm = Llm::script([says("Hi.")]);
    let rig = Rig::new(&llm, Dialect::Responses);

    rig.reply(vec![user("hi")]).await;

    insta::assert_snapshot!(llm.request(0).body, @r#"{"model":"mock-1","instructions":"Be brief.","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}],"stream":true,"store":false,"max_output_tokens":8192,"reasoning":{"effort":"low","summary":"auto"},"include":["reasoning.encrypted_content"],"prompt_cache_key":"session-1","tools":[{"type":"function","name":"exec","description":"Runs a command.","parameters":{"type":"object","properties":{"command":{"type":"string"}}},"strict":false}]}"#);
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    for dialect in Dialect::ALL {
        let llm = Llm::script((0..20).map(|_| says("Hi, my dear.")));
        let rig = Rig::new(&llm, dialect);

        for _ in 0..20 {
            rig.reply(vec![user("hi")]).await;
        }

        let peers: std::collections::BTreeSet<_> =
            llm.requests().iter().filter_map(|it| it.peer).collect();
        assert_eq!(peers.len(), 1, "{dialect:?}");
    }
}
