//! Sends the recorded HTTP requests and compares status, sort of body, and the body's shape.

use std::{fmt::Write as _, time::Duration};

use serde_json::Value;
use testkit::gateway::Gateway;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    recording,
    shape::{Difference, Rules, differences},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// All places where the HTTP surface is not like that of `version`.
pub(crate) async fn compare(gateway: &Gateway, version: u32) -> Vec<Difference> {
    let mut found = Vec::new();
    for line in recording::lines(version, "http") {
        let name = line["name"].as_str().unwrap();
        let answer = request(gateway, &line["request"]).await;
        found.extend(answer_differences(name, &line["response"], &answer));
    }
    found
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Status code.
    pub(crate) status: u16,
    /// `content-type` without its parameters.
    pub(crate) sort: String,
    /// The body.
    pub(crate) body: String,
}

fn answer_differences(name: &str, recorded: &Value, ours: &Answer) -> Vec<Difference> {
    let status = recorded["status"].as_u64().unwrap();
    if u64::from(ours.status) != status {
        let what = format!("{}, not {status}", ours.status);
        return vec![Difference { path: format!("{name}.status"), what }];
    }
    let sort = recorded["headers"]["content-type"].as_str().unwrap_or_default();
    let sort = sort.split(';').next().unwrap_or_default();
    if ours.sort != sort {
        let what = format!("`{}`, not `{sort}`", ours.sort);
        return vec![Difference { path: format!("{name}.content-type"), what }];
    }
    if let Some(chunks) = recorded["chunks"].as_array() {
        let recorded: String =
            chunks.iter().filter_map(|it| it["data"].as_str()).collect::<Vec<_>>().concat();
        return stream_differences(name, &recorded, &ours.body);
    }
    let body = recorded["body"].as_str().unwrap_or_default();
    match (serde_json::from_str::<Value>(body), serde_json::from_str::<Value>(&ours.body)) {
        (Ok(recorded), Ok(ours)) => {
            differences(&format!("{name}.body"), &recorded, &ours, Rules::default())
        }
        (Ok(_), Err(_)) => {
            vec![Difference { path: format!("{name}.body"), what: format!("`{}`", ours.body) }]
        }
        (Err(_), _) => Vec::new(),
    }
}

/// Compares the events of two streams; the recording left long texts out.
fn stream_differences(name: &str, recorded: &str, ours: &str) -> Vec<Difference> {
    let mut found = Vec::new();
    let ours_end = ours.trim_end().lines().last().unwrap_or_default();
    if ours_end != "data: [DONE]" {
        let what = format!("ends with `{ours_end}`");
        found.push(Difference { path: format!("{name}.stream"), what });
    }
    let recorded = Value::Array(events(recorded));
    found.extend(differences(
        &format!("{name}.stream"),
        &recorded,
        &Value::Array(events(ours)),
        Rules::default(),
    ));
    found
}

fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// Sends a request as it was recorded, with the token of `gateway`.
pub(crate) async fn request(gateway: &Gateway, recorded: &Value) -> Answer {
    let method = recorded["method"].as_str().unwrap();
    let path = recorded["path"].as_str().unwrap();
    let body = &recorded["body"];
    let body = match body.as_str() {
        Some(text) => text.to_owned(),
        None if body.is_null() => String::new(),
        None => body.to_string(),
    };
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", gateway.port());
    for (name, value) in recorded["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap().replace("<token>", gateway.token());
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        let length = body.len();
        head.push_str("content-type: application/json\r\n");
        write!(head, "content-length: {length}\r\n").unwrap();
    }
    head.push_str("connection: close\r\n\r\n");
    let mut socket = TcpStream::connect(("127.0.0.1", gateway.port())).await.unwrap();
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.unwrap().unwrap();
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or_default();
    let header = |wanted: &str| {
        let mut headers = head.lines().filter_map(|line| line.split_once(": "));
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let sort = header("content-type").split(';').next().unwrap_or_default().to_owned();
    let body = match header("transfer-encoding").as_str() {
        "chunked" => unchunked(body),
        _ => body.to_owned(),
    };
    Answer { status, sort, body }
}

fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or_default();
        if size == 0 || after.len() < size {
            break;
        }
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_chunked_answer_is_put_together() {
        let answer = parse(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
             transfer-encoding: chunked\r\n\r\n6\r\ndata: \r\n4\r\n{}\n\n\r\n0\r\n\r\n",
        );

        assert_eq!((answer.status, answer.sort.as_str()), (200, "text/event-stream"));
        assert_eq!(answer.body, "data: {}\n\n");
    }

    #[test]
    fn a_stream_must_end_as_clients_expect() {
        let recorded = json!({
            "status": 200,
            "headers": { "content-type": "text/event-stream" },
            "chunks": [{ "data": "data: {\"id\":\"a\"}\n\n" }, { "data": "data: [DONE]\n\n" }],
        });
        let mut answer = Answer {
            status: 200,
            sort: "text/event-stream".to_owned(),
            body: "data: {\"id\":\"b\"}\n\ndata: [DONE]\n\n".to_owned(),
        };

        assert!(answer_differences("s", &recorded, &answer).is_empty());
        answer.body = "data: {\"no\":1}\n\n".to_owned();
        let paths: Vec<_> =
            answer_differences("s", &recorded, &answer).into_iter().map(|it| it.path).collect();
        assert_eq!(paths, ["s.stream", "s.stream[].id"]);
    }
}
