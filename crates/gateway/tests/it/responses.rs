//! `POST /v1/responses`, and tools that clients of the API bring along.

use serde_json::{Value, json};
use testkit::{
    home::{TOKEN, TempHome},
    llm::{Llm, calls, fails_with, says, says_and_calls},
};

use crate::{
    http::{Answer, ask},
    server::Server,
};

const RESPONSES: &str = "/v1/responses";

async fn server(llm: &Llm) -> Server {
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    let endpoints = json!({"responses": {"enabled": true}, "chatCompletions": {"enabled": true}});
    home.merge_config(&json!({"gateway": {"http": {"endpoints": endpoints}}})).unwrap();
    Server::at(home).await
}

async fn post(server: &Server, path: &str, body: &Value) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}");
    ask(server, &head, &body.to_string()).await
}

fn weather() -> Value {
    json!({"type": "function", "name": "weather", "description": "Tells the weather.",
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}})
}

/// The names and the data of named server-sent events, but the last line.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    let body = answer.body.strip_suffix("data: [DONE]\n\n").expect("an end");
    let pieces = body.split_terminator("\n\n");
    pieces
        .map(|piece| {
            let (name, data) = piece.split_once("\ndata: ").expect("two lines");
            let data: Value = serde_json::from_str(data).unwrap();
            let name = name.strip_prefix("event: ").expect("a name");
            assert_eq!(data["type"], name);
            (name.to_owned(), data)
        })
        .collect()
}

#[tokio::test]
async fn an_answer_is_a_message_with_its_cost() {
    let llm = Llm::script([says("Hello there.")]);
    let server = server(&llm).await;
    let request = json!({"model": "openclaw", "input": "hi", "instructions": "Be brief."});

    let answer = post(&server, RESPONSES, &request).await;

    let body = answer.json();
    assert_eq!((answer.status, &body["status"]), (200, &json!("completed")));
    assert_eq!(body["output"][0]["content"][0]["text"], "Hello there.");
    assert!(body["id"].as_str().unwrap().starts_with("resp_"));
    assert!(body["usage"]["total_tokens"].as_u64().unwrap() > 0);
    assert!(llm.request(0).system().contains("Be brief."));
    server.stop().await;
}

#[tokio::test]
async fn pieces_come_in_the_order_that_clients_expect() {
    let llm = Llm::script([says("One two.")]);
    let server = server(&llm).await;
    let request = json!({"model": "openclaw", "input": "hi", "stream": true});

    let answer = post(&server, RESPONSES, &request).await;

    let events = events(&answer);
    let mut names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    let said: String = events.iter().filter_map(|(_, data)| data["delta"].as_str()).collect();
    assert_eq!(said, "One two.");
    let last = &events.last().unwrap().1["response"];
    assert_eq!(last["output"][0]["content"][0]["text"], "One two.");
    server.stop().await;
}

#[tokio::test]
async fn the_client_runs_its_own_tools_and_goes_on_in_the_same_conversation() {
    let llm = Llm::respond_with(|request| match request.last_user() {
        text if text.contains("sunny") => says("Take no umbrella."),
        _ => says_and_calls("Let me ask.", "weather", &json!({"city": "Oslo"})),
    });
    let server = server(&llm).await;
    let request = json!({"model": "openclaw", "input": "umbrella?", "tools": [weather()]});

    let first = post(&server, RESPONSES, &request).await.json();
    let call = first["output"][1].clone();
    let second = json!({
        "model": "openclaw", "tools": [weather()], "previous_response_id": first["id"],
        "input": [{"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}],
    });
    let second = post(&server, RESPONSES, &second).await.json();

    assert_eq!(first["output"][0]["content"][0]["text"], "Let me ask.");
    assert_eq!((&call["type"], &call["name"]), (&json!("function_call"), &json!("weather")));
    let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments, json!({"city": "Oslo"}));
    assert_eq!(second["output"][0]["content"][0]["text"], "Take no umbrella.");
    let said = format!("{:?}", llm.request(1).messages());
    assert!(said.contains("umbrella?"), "{said}");
    server.stop().await;
}

#[tokio::test]
async fn a_call_is_an_event_of_its_own_and_in_chat_a_delta() {
    let llm = Llm::respond_with(|_| calls("weather", json!({"city": "Oslo"})));
    let server = server(&llm).await;
    let nested = json!({"type": "function", "function": {"name": "weather"}});
    let chat = json!({"model": "openclaw", "stream": true, "tools": [nested],
                      "messages": [{"role": "user", "content": "umbrella?"}]});
    let request = json!({"model": "m", "input": "umbrella?", "stream": true, "tools": [weather()]});

    let responses = post(&server, RESPONSES, &request).await;
    let streamed = post(&server, "/v1/chat/completions", &chat).await;
    let mut chat = chat;
    chat["stream"] = json!(false);
    let whole = post(&server, "/v1/chat/completions", &chat).await.json();

    let items: Vec<Value> = events(&responses)
        .into_iter()
        .filter(|(name, data)| name == "response.output_item.done" && data["output_index"] == 1)
        .map(|(_, data)| data["item"].clone())
        .collect();
    assert_eq!((items.len(), &items[0]["name"]), (1, &json!("weather")));
    assert!(streamed.body.contains(r#""tool_calls":[{"index":0,"id":"#), "{}", streamed.body);
    assert!(streamed.body.contains(r#""finish_reason":"tool_calls""#));
    let choice = &whole["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    assert_eq!(choice["message"]["tool_calls"][0]["function"]["name"], "weather");
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_told_by_status() {
    let llm = Llm::respond_with(|request| match request.last_user() {
        text if text.contains("fail") => fails_with(400, r#"{"error":{"message":"bad"}}"#),
        _ => says("No call."),
    });
    let server = server(&llm).await;
    let with = |field: &str, value: Value| {
        let mut request = json!({"model": "m", "input": "hi"});
        request[field] = value;
        request
    };
    let mut required = with("tools", json!([weather()]));
    required["tool_choice"] = json!("required");
    let taken = with("tools", json!([{"type": "function", "name": "exec"}]));

    let unknown = post(&server, RESPONSES, &with("inptu", json!(1))).await;
    let empty = post(&server, RESPONSES, &with("input", json!([]))).await;
    let taken = post(&server, RESPONSES, &taken).await;
    let required = post(&server, RESPONSES, &required).await;
    let failed = post(&server, RESPONSES, &with("input", json!("fail"))).await;
    let closed = ask(&server, &format!("POST {RESPONSES} HTTP/1.1"), "{}").await;

    assert_eq!(unknown.status, 400);
    assert!(unknown.json()["error"]["message"].as_str().unwrap().contains("inptu"));
    assert_eq!(empty.json()["error"]["message"], "Missing user message in `input`.");
    assert!(taken.json()["error"]["message"].as_str().unwrap().contains("\"exec\" is taken"));
    assert_eq!(required.status, 502);
    let kind = failed.json()["error"]["type"].clone();
    assert_eq!((failed.status, kind), (400, json!("invalid_request_error")));
    assert_eq!(closed.status, 401);
    server.stop().await;
}

#[tokio::test]
async fn what_is_near_the_gateway_is_not_fetched_for_anybody() {
    let llm = Llm::script([]);
    let server = server(&llm).await;
    let ask = |part: Value| json!({"model": "m", "input": [{"role": "user", "content": [part]}]});
    let image = |url: &str| ask(json!({"type": "input_image", "image_url": url}));
    let near = format!("http://localhost:{}/healthz", server.running.addr.port());
    let many: Vec<Value> = (0..9)
        .map(|n| json!({"type": "input_image", "image_url": format!("https://example.org/{n}")}))
        .collect();

    let own = post(&server, RESPONSES, &image(&near)).await;
    let cloud = post(&server, RESPONSES, &image("http://169.254.169.254/latest/meta-data")).await;
    let file =
        json!({"type": "input_file", "source": {"type": "url", "url": "file:///etc/passwd"}});
    let file = post(&server, RESPONSES, &ask(file)).await;
    let many = json!({"model": "m", "input": [{"role": "user", "content": many}]});
    let many = post(&server, RESPONSES, &many).await;

    let place = "input.0.content.0: what its URL names";
    let refused = |host: &str| format!("{place} the host `{host}` is not on the public network");
    for (answer, expected) in [
        (own, refused("localhost")),
        (cloud, refused("169.254.169.254")),
        (file, "input.0.content.0: its URL is neither http, https nor base64 data".to_owned()),
        (many, "input: at most 8 URLs are fetched".to_owned()),
    ] {
        let error = json!({"message": expected, "type": "invalid_request_error"});
        assert_eq!((answer.status, &answer.json()["error"]), (400, &error));
    }
    assert_eq!(llm.count(), 0);
    server.stop().await;
}
