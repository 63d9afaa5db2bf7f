//! A model server with no delay, which notes when a request arrived and when its answer left.
//!
//! It speaks just enough HTTP/1.1 and chat completions. It answers in words, or, when it offers a
//! tool call, first with the call and with words once the result is there.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What the model does with a message of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers in words.
    Words,
    /// Calls a tool, then answers in words. The call is `exec` of `true` until another one is
    /// [offered](Model::offer).
    OneCall,
}

/// When one request came and its answer left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    pub(super) arrived: Instant,
    pub(super) answered: Instant,
}

/// A tool and its arguments as JSON.
#[derive(Clone, Debug)]
struct Offer {
    tool: String,
    arguments: String,
}

/// A running model server; it stops when dropped.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) base_url: String,
    visits: Arc<Mutex<Vec<Visit>>>,
    offer: Arc<Mutex<Offer>>,
    _acceptor: JoinSet<()>,
}

impl Model {
    /// Listens on a free port of 127.0.0.1.
    pub(super) async fn start(manner: Manner) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let visits = Arc::new(Mutex::new(Vec::new()));
        let exec = Offer { tool: "exec".to_owned(), arguments: r#"{"command":"true"}"#.to_owned() };
        let offer = Arc::new(Mutex::new(exec));
        let (book, offered) = (Arc::clone(&visits), Arc::clone(&offer));
        let mut acceptor = JoinSet::new();
        acceptor.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (book, offered) = (Arc::clone(&book), Arc::clone(&offered));
                connections.spawn(async move {
                    // An error is the gateway hanging up, which it may at any time.
                    drop(serve(stream, manner, &book, &offered).await);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { base_url, visits, offer, _acceptor: acceptor })
    }

    /// What [`Manner::OneCall`] calls from now on.
    pub(super) fn offer(&self, tool: &str, arguments: &Value) {
        let offer = Offer { tool: tool.to_owned(), arguments: arguments.to_string() };
        *self.offer.lock().unwrap_or_else(PoisonError::into_inner) = offer;
    }

    /// The visits since the last time this was asked.
    pub(super) fn take_visits(&self) -> Vec<Visit> {
        std::mem::take(&mut *self.visits.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn serve(
    mut stream: TcpStream,
    manner: Manner,
    book: &Mutex<Vec<Visit>>,
    offer: &Mutex<Offer>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let body = request(&mut stream, &mut buffer).await?;
        let arrived = Instant::now();
        let answer = match manner {
            Manner::OneCall if !ends_with_result(&body) => {
                let offer = offer.lock().unwrap_or_else(PoisonError::into_inner).clone();
                call(&offer)
            }
            Manner::OneCall | Manner::Words => words(),
        };
        // Noted before the one write that sends it all: the turn may be over before it returns.
        let answered = Instant::now();
        book.lock().unwrap_or_else(PoisonError::into_inner).push(Visit { arrived, answered });
        stream.write_all(&answer).await?;
    }
}

/// Reads one request with a `Content-Length` and returns its body.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
        fill(stream, buffer).await?;
    };
    let length = content_length(&buffer[..head])?;
    while buffer.len() < head + length {
        fill(stream, buffer).await?;
    }
    let rest = buffer.split_off(head + length);
    let body = std::mem::replace(buffer, rest).split_off(head);
    Ok(body)
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    buffer.reserve(64 * 1024);
    if stream.read_buf(buffer).await? == 0 {
        bail!("the connection ended");
    }
    Ok(())
}

fn content_length(head: &[u8]) -> anyhow::Result<usize> {
    let text = str::from_utf8(head)?;
    let line = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    Ok(line.context("no content-length")?.trim().parse()?)
}

/// Whether the newest message of the request is a tool's result.
fn ends_with_result(body: &[u8]) -> bool {
    let last = |role: &str| {
        let mark = format!("\"role\":\"{role}\"");
        body.windows(mark.len()).rposition(|it| it == mark.as_bytes())
    };
    last("tool") > last("user")
}

fn words() -> Vec<u8> {
    stream_of(&json!({ "content": "Done." }), "stop")
}

fn call(offer: &Offer) -> Vec<u8> {
    let function = json!({ "name": offer.tool, "arguments": offer.arguments });
    let id = format!("call_{}", uuid::Uuid::new_v4().simple());
    let call = json!({ "index": 0, "id": id, "type": "function", "function": function });
    stream_of(&json!({ "tool_calls": [call] }), "tool_calls")
}

/// One delta, the reason to stop, usage and the end mark, as a chunked event stream.
fn stream_of(delta: &Value, reason: &str) -> Vec<u8> {
    let chunk = |choice: &Value| {
        json!({
            "id": "c", "object": "chat.completion.chunk", "created": 0, "model": "mock-1",
            "choices": [choice],
        })
    };
    let first = chunk(&json!({ "index": 0, "delta": delta, "finish_reason": null }));
    let mut last = chunk(&json!({ "index": 0, "delta": {}, "finish_reason": reason }));
    last["usage"] = json!({ "prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12 });
    let body = format!("data: {first}\n\ndata: {last}\n\ndata: [DONE]\n\n");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_role_decides_whether_a_result_is_there() {
        assert!(!ends_with_result(br#"[{"role":"tool"},{"role":"user","content":"x"}]"#));
        assert!(ends_with_result(br#"[{"role":"user"},{"role":"tool","content":"x"}]"#));
        assert!(!ends_with_result(br#"[{"role":"user","content":"\"role\":\"tool\""}]"#));
    }

    #[tokio::test]
    async fn a_call_is_offered_first_and_words_once_its_result_is_there() {
        let model = Model::start(Manner::OneCall).await.unwrap();
        let address = model.base_url.trim_start_matches("http://").trim_end_matches("/v1");
        let mut stream = TcpStream::connect(address).await.unwrap();

        let first = ask(&mut stream, r#"[{"role":"user","content":"x"}]"#).await;
        let second = ask(&mut stream, r#"[{"role":"user"},{"role":"tool"}]"#).await;

        assert!(first.contains("tool_calls") && first.contains("exec"), "{first}");
        assert!(second.contains("Done.") && second.contains("[DONE]"), "{second}");
        let visits = model.take_visits();
        assert_eq!(visits.len(), 2);
        assert!(visits[0].answered <= visits[1].arrived);
    }

    async fn ask(stream: &mut TcpStream, body: &str) -> String {
        let head = format!("POST /v1/x HTTP/1.1\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"0\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
        String::from_utf8(answer).unwrap()
    }
}
