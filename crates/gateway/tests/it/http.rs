//! The HTTP endpoints over real sockets: probes, the page, the API of `OpenAI`'s shape.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    home::{TOKEN, TempHome},
    llm::{Llm, calls, fails, fails_with, hangs_after, says, says_and_calls},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::server::Server;

const CHAT: &str = "/v1/chat/completions";

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The data of each server-sent event.
    fn events(&self) -> Vec<&str> {
        let pieces = self.body.split_terminator("\n\n");
        pieces.map(|piece| piece.strip_prefix("data: ").unwrap()).collect()
    }
}

async fn begin(server: &Server, head: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
    let length = body.len();
    let text = format!(
        "{head}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    // A refusal may come before all is read.
    let _refused = stream.write_all(text.as_bytes()).await;
    stream
}

pub(crate) async fn ask(server: &Server, head: &str, body: &str) -> Answer {
    let mut stream = begin(server, head, body).await;
    let mut bytes = Vec::new();
    let read = stream.read_to_end(&mut bytes);
    let _reset_after_a_refusal = timeout(Duration::from_secs(20), read).await.expect("an answer");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    let status = head[9..12].parse().unwrap();
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = if is_chunked { unchunked(body) } else { body.to_owned() };
    Answer { status, head: head.to_owned(), body }
}

fn unchunked(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = text.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&rest[..size]);
        text = &rest[size + 2..];
        if size == 0 {
            break;
        }
    }
    body
}

pub(crate) async fn get(server: &Server, path: &str) -> Answer {
    ask(server, &format!("GET {path} HTTP/1.1"), "").await
}

fn post(headers: &str) -> String {
    let headers = headers.replace('\n', "\r\n");
    format!("POST {CHAT} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}{headers}")
}

async fn chat(server: &Server, body: &Value) -> Answer {
    ask(server, &post(""), &body.to_string()).await
}

fn hi() -> Value {
    json!({"model": "openclaw", "messages": [{"role": "user", "content": "hi"}]})
}

#[tokio::test]
async fn probes_answer_exactly_their_paths_without_a_secret() {
    let server = Server::plain().await;

    for path in ["/healthz", "/health"] {
        let answer = get(&server, path).await;
        assert_eq!(answer.body, r#"{"ok":true,"status":"live"}"#);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let ready = get(&server, "/readyz").await.json();
    assert_eq!((&ready["ready"], &ready["failing"]), (&json!(true), &json!([])));
    let started = get(&server, "/startup").await.json();
    assert_eq!((&started["ok"], &started["status"]), (&json!(true), &json!("started")));
    let head = ask(&server, "HEAD /ready HTTP/1.1", "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let posted = ask(&server, "POST /healthz HTTP/1.1", "").await;
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD")));
    let below = get(&server, "/healthz/x").await;
    assert_eq!((below.status, below.body.as_str()), (404, "Not Found"));
    server.stop().await;
}

#[tokio::test]
async fn strangers_learn_no_more_than_yes_from_a_probe() {
    let server = Server::plain().await;
    let stranger = "GET /readyz HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1";

    let answer = ask(&server, stranger, "").await;

    assert_eq!(answer.body, r#"{"ready":true}"#);
    server.stop().await;
}

#[tokio::test]
async fn the_page_speaks_two_languages_and_runs_nothing() {
    let home = TempHome::minimal().unwrap();
    let nothing = json!({"basePath": "/ui", "root": home.path().join("nothing")});
    home.merge_config(&json!({"gateway": {"controlUi": nothing}})).unwrap();
    let server = Server::at(home).await;

    let page = get(&server, "/ui/").await;
    let style = get(&server, "/ui/page.css").await;
    let bare = get(&server, "/ui?a=1").await;
    let posted = ask(&server, "POST /ui/ HTTP/1.1", "").await;

    assert!(page.body.contains("The gateway is running") && page.body.contains("网关正在运行"));
    assert!(!page.body.contains("<script") && !page.body.contains("style="));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!((bare.status, bare.header("location")), (302, Some("/ui/?a=1")));
    assert_eq!(posted.status, 405);
    assert_eq!(get(&server, "/").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn the_method_is_looked_at_before_the_secret_and_the_secret_before_the_body() {
    let server = Server::plain().await;
    let unauthorized = r#"{"error":{"message":"Unauthorized","type":"unauthorized"}}"#;

    let wrong_method = get(&server, CHAT).await;
    let none = ask(&server, &format!("POST {CHAT} HTTP/1.1"), "{bad").await;
    let head = format!("POST {CHAT} HTTP/1.1\r\nAuthorization: Bearer wrong");
    let wrong = ask(&server, &head, &hi().to_string()).await;
    let models = get(&server, "/v1/models").await;

    assert_eq!((wrong_method.status, wrong_method.header("allow")), (405, Some("POST")));
    assert_eq!(wrong_method.body, "Method Not Allowed");
    for answer in [none, wrong, models] {
        assert_eq!((answer.status, answer.body.as_str()), (401, unauthorized));
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_secret_pages_of_strangers_start_no_turn() {
    let llm = Llm::script([says("Hello.")]);
    let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
    home.merge_config(&json!({"gateway": {"auth": {"mode": "none"}}})).unwrap();
    let server = Server::at(home).await;
    let head = |origin: &str| format!("POST {CHAT} HTTP/1.1{origin}");

    let stranger = head("\r\nOrigin: https://evil.example\r\nContent-Type: text/plain");
    let refused = ask(&server, &stranger, &hi().to_string()).await;
    let program = ask(&server, &head(""), &hi().to_string()).await;

    assert_eq!((refused.status, &refused.json()["error"]["type"]), (403, &json!("forbidden")));
    assert_eq!((program.status, llm.count()), (200, 1));
    server.stop().await;
}

#[tokio::test]
async fn several_replies_of_a_turn_are_apart_in_both_forms() {
    let call = json!({"command": "echo out"});
    let llm = Llm::respond_with(move |request| match request.results_since_user() {
        0 => says_and_calls("Let me look.", "exec", &call),
        _ => says("There it is."),
    });
    let server = Server::with_model(&llm).await;
    let mut streamed = hi();
    streamed["stream"] = json!(true);

    let whole = chat(&server, &hi()).await.json();
    let pieces = chat(&server, &streamed).await;

    let expected = "Let me look.\n\nThere it is.";
    assert_eq!(whole["choices"][0]["message"]["content"], expected);
    let text = |piece: &&str| {
        let piece: Value = serde_json::from_str(piece).ok()?;
        Some(piece["choices"][0]["delta"]["content"].as_str()?.to_owned())
    };
    assert_eq!(pieces.events().iter().filter_map(text).collect::<String>(), expected);
    server.stop().await;
}

#[tokio::test]
async fn commands_are_answered_without_a_model() {
    let llm = Llm::script([]);
    let server = Server::with_model(&llm).await;
    let say = |text: &str, is_streamed: bool| json!({"stream": is_streamed, "messages": [{"role": "user", "content": text}]});

    let status = chat(&server, &say("/status", false)).await.json();
    let streamed = chat(&server, &say("/status", true)).await;
    let stopped = chat(&server, &say("/stop", false)).await.json();
    let stopped_in_pieces = chat(&server, &say("/stop", true)).await;

    let content = status["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.contains("mock/mock-1"), "{content}");
    assert!(streamed.body.contains("mock/mock-1"), "{streamed:?}");
    assert_eq!(stopped["choices"][0]["message"]["content"], "Stopped: 0.");
    assert_eq!(stopped_in_pieces.events().last(), Some(&"[DONE]"));
    server.stop().await;
}

#[tokio::test]
async fn a_disabled_endpoint_is_not_there() {
    let home = TempHome::minimal().unwrap();
    let off = json!({"gateway": {"http": {"endpoints": {"chatCompletions": {"enabled": false}}}}});
    home.merge_config(&off).unwrap();
    let server = Server::at(home).await;

    let chat = chat(&server, &hi()).await;
    let models = get(&server, "/v1/models").await;

    assert_eq!((chat.status, chat.body.as_str()), (404, "Not Found"));
    assert_eq!(models.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn agents_are_listed_as_models() {
    let server = Server::plain().await;
    let with_token = |path: &str| format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}");

    let list = ask(&server, &with_token("/v1/models"), "").await.json();
    let one = ask(&server, &with_token("/v1/models/openclaw%2Fmain"), "").await.json();
    let unknown = ask(&server, &with_token("/v1/models/gpt-4"), "").await;

    let ids: Vec<&Value> =
        list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
    assert_eq!(ids, ["openclaw", "openclaw/default", "openclaw/main"]);
    let expected = json!({"id": "openclaw/main", "object": "model", "created": 0,
        "owned_by": "openclaw", "permission": []});
    assert_eq!(one, expected);
    assert_eq!(unknown.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn a_completion_is_a_turn_with_its_history_and_its_cost() {
    let llm = Llm::script([calls("exec", json!({"command": "echo out"})), says("All done.")]);
    let server = Server::with_model(&llm).await;
    let body = json!({"model": "gpt-4", "user": "Alice", "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]});

    let answer = chat(&server, &body).await;

    let reply = answer.json();
    assert_eq!((answer.status, &reply["model"]), (200, &json!("gpt-4")), "{reply}");
    assert_eq!(reply["object"], "chat.completion");
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": "All done."},
        "finish_reason": "stop"});
    assert_eq!(reply["choices"], json!([choice]));
    let tokens = |name: &str| reply["usage"][name].as_u64().unwrap();
    assert!(tokens("completion_tokens") > 0 && tokens("prompt_tokens") > 0);
    assert_eq!(tokens("total_tokens"), tokens("prompt_tokens") + tokens("completion_tokens"));
    let request = llm.request(0);
    assert!(request.system().contains("be brief"));
    for part in ["User: one\nAssistant: two", "User: three"] {
        assert!(request.last_user().contains(part), "{}", request.last_user());
    }
    let mut client = server.connect(4).await;
    let known = json!({"key": "agent:main:openai-user:alice"});
    assert_eq!(client.call("sessions.resolve", known).await["ok"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_stream_has_the_pieces_in_their_order() {
    let llm = Llm::script([says("Hello from the model.")]);
    let server = Server::with_model(&llm).await;
    let mut body = hi();
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});

    let answer = chat(&server, &body).await;

    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    let events = answer.events();
    let (done, pieces) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    let pieces: Vec<Value> =
        pieces.iter().map(|piece| serde_json::from_str(piece).unwrap()).collect();
    let choice = |delta: Value, reason: Value| json!([{"index": 0, "delta": delta, "finish_reason": reason}]);
    let (first, rest) = pieces.split_first().unwrap();
    assert_eq!(first["choices"], choice(json!({"role": "assistant"}), Value::Null));
    let (texts, end) = rest.split_at(rest.len() - 2);
    let said: String =
        texts.iter().map(|it| it["choices"][0]["delta"]["content"].as_str().unwrap()).collect();
    assert_eq!(said, "Hello from the model.");
    assert_eq!(end[0]["choices"], choice(json!({}), json!("stop")));
    assert_eq!(end[1]["choices"], json!([]));
    assert!(end[1]["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let id = &first["id"];
    assert!(id.as_str().unwrap().starts_with("chatcmpl_"));
    assert!(pieces.iter().all(|it| it["id"] == *id && it["object"] == "chat.completion.chunk"));
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_stops_its_turn() {
    for is_streamed in [false, true] {
        let llm = Llm::script([hangs_after("Well,")]);
        let server = Server::with_model(&llm).await;
        let mut watcher = server.connect(4).await;
        let mut body = hi();
        body["stream"] = json!(is_streamed);
        let stream = begin(&server, &post(""), &body.to_string()).await;
        llm.wait_for_requests(1).await;

        drop(stream);

        let frames = watcher
            .until(|frame| frame["event"] == "chat" && frame["payload"]["state"] == "aborted")
            .await;
        assert!(!frames.is_empty());
        server.stop().await;
    }
}

#[tokio::test]
async fn what_the_model_server_refused_is_told_by_its_status_in_both_forms() {
    let cases = [
        (400, 400, "invalid_request_error"),
        (401, 401, "authentication_error"),
        (429, 429, "rate_limit_error"),
        (500, 502, "api_error"),
        (529, 529, "overloaded_error"),
    ];
    for (answered, status, kind) in cases {
        let wait = (answered == 429).then_some(Duration::from_secs(61));
        let llm = Llm::respond_with(move |_| fails(answered, wait));
        let server = Server::with_model(&llm).await;
        for is_streamed in [false, true] {
            let mut body = hi();
            body["stream"] = json!(is_streamed);

            let told = chat(&server, &body).await;

            assert_eq!((told.status, &told.json()["error"]["type"]), (status, &json!(kind)));
            let asked = told.header("retry-after").map(str::to_owned);
            assert_eq!(asked.as_deref(), wait.map(|_| "61"), "{answered} {is_streamed}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_turn_that_fails_after_it_has_said_something_is_an_error_among_its_pieces() {
    let llm = Llm::script([
        says_and_calls("Wait.", "exec", &json!({"command": "true"})),
        fails(400, None),
    ]);
    let server = Server::with_model(&llm).await;
    let mut streamed = hi();
    streamed["stream"] = json!(true);

    let pieces = chat(&server, &streamed).await;

    let events = pieces.events();
    assert_eq!((pieces.status, events.last()), (200, Some(&"[DONE]")));
    let error: Value = serde_json::from_str(events[events.len() - 2]).unwrap();
    assert_eq!(error["error"]["type"], "api_error");
    server.stop().await;
}

#[tokio::test]
async fn a_reply_that_the_length_limit_ended_is_told_as_such() {
    let reply = json!({"choices": [{"message": {"content": "Half"}, "finish_reason": "length"}]});
    let llm = Llm::respond_with(move |_| fails_with(200, &reply.to_string()));
    let server = Server::with_model(&llm).await;
    let mut body = hi();

    let whole = chat(&server, &body).await;
    body["stream"] = json!(true);
    let pieces = chat(&server, &body).await;

    assert_eq!(whole.json()["choices"][0]["finish_reason"], "length", "{}", whole.body);
    let events = pieces.events();
    assert!(events[events.len() - 2].contains(r#""finish_reason":"length""#), "{events:?}");
    server.stop().await;
}

#[tokio::test]
async fn types_that_clients_get_wrong_are_understood() {
    let llm = Llm::script([says("one"), says("two")]);
    let server = Server::with_model(&llm).await;
    let mut body = hi();
    body["max_tokens"] = json!(-1);
    body["user"] = json!(42);
    body["stream"] = json!("false");

    let whole = chat(&server, &body).await;
    body["stream"] = json!("true");
    body["stream_options"] = json!({"include_usage": "true"});
    let pieces = chat(&server, &body).await;

    assert_eq!(whole.json()["choices"][0]["message"]["content"], "one");
    let events = pieces.events();
    assert_eq!(events.last(), Some(&"[DONE]"));
    assert!(events[events.len() - 2].contains("prompt_tokens"), "{events:?}");
    server.stop().await;
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let server = Server::plain().await;
    let nested = format!("{{\"messages\":{}", "[".repeat(100_000));
    let cases = [
        ("", "{bad".to_owned(), 400, "key must be a string at line 1 column 2"),
        ("", nested, 400, "recursion limit exceeded at line 1 column 139"),
        ("", json!({"model": "openclaw"}).to_string(), 400, "Missing user message in `messages`."),
        (
            "\nx-openclaw-agent-id: nobody",
            hi().to_string(),
            400,
            "Invalid `model`. Use `openclaw` or `openclaw/<agentId>`.",
        ),
        (
            "\nx-openclaw-session-key: agent:main:cron:job",
            hi().to_string(),
            400,
            "Invalid `x-openclaw-session-key`: this namespace is reserved.",
        ),
        ("", " ".repeat((20 << 20) + 1), 413, "payload too large"),
    ];

    for (headers, body, status, message) in cases {
        let answer = ask(&server, &post(headers), &body).await;
        let error = json!({"error": {"message": message, "type": "invalid_request_error"}});
        assert_eq!((answer.status, answer.json()), (status, error));
    }
    server.stop().await;
}
