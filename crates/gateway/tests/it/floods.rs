//! Floods: guesses by the thousand, clients that dawdle in crowds, and messages in too many
//! pieces. Each ends as specified, others are served, and nothing grows.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use testkit::home::TempHome;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    hostile::resident_bytes,
    server::{Server, connect_params},
};

/// Longest wait for one end.
const PATIENCE: Duration = Duration::from_secs(40);
/// Guesses, and how many at once.
const GUESSES: usize = 10_000;
const AT_ONCE: usize = 20;
/// How a guess is refused.
const CODES: [&str; 2] = ["AUTH_TOKEN_MISMATCH", "AUTH_RATE_LIMITED"];
/// How much the process may grow from one half of a flood to the other.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

/// A request for a WebSocket from another machine, as far as the gateway can tell.
fn upgrade() -> Vec<u8> {
    b"GET / HTTP/1.1\r\nHost: gateway.lan\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec()
}

/// A masked frame; a mask of zeros leaves the text as it is.
fn frame(first_byte: u8, text: &[u8]) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    let mut bytes = vec![first_byte, 0xfe, length[0], length[1], 0, 0, 0, 0];
    bytes.extend_from_slice(text);
    bytes
}

/// Opens a connection that leaves no trace in the system's tables when it goes.
async fn open(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).await.unwrap();
    stream.set_zero_linger().unwrap();
    stream
}

/// What is read until `is_enough`, or until the other side hangs up.
async fn heard(stream: &mut TcpStream, is_enough: impl Fn(&str) -> bool) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if is_enough(&text) {
            return text;
        }
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an end in time") {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// One guess on a connection of its own; yields how it was refused.
async fn guess(addr: SocketAddr, bytes: &[u8]) -> &'static str {
    let mut stream = open(addr).await;
    stream.write_all(bytes).await.unwrap();
    let answer = heard(&mut stream, |text| CODES.iter().any(|code| text.contains(code))).await;
    CODES.into_iter().find(|code| answer.contains(code)).unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn ten_thousand_wrong_tokens_keep_nobody_else_out_and_grow_nothing() {
    let server = Server::plain().await;
    let addr = server.running.addr;
    let mut witness = server.connect(4).await;
    let mut params = connect_params(4);
    params["auth"]["token"] = json!("guess");
    let request = json!({"type": "req", "id": "1", "method": "connect", "params": params});
    let bytes = [upgrade(), frame(0x81, request.to_string().as_bytes())].concat();
    let mut sizes = Vec::new();
    let mut mismatches = 0;

    for _ in 0..2 {
        let mut crowd = JoinSet::new();
        for _ in 0..AT_ONCE {
            let bytes = bytes.clone();
            crowd.spawn(async move {
                let mut told = Vec::new();
                for _ in 0..GUESSES / AT_ONCE / 2 {
                    told.push(guess(addr, &bytes).await);
                }
                told
            });
        }
        while let Some(told) = crowd.join_next().await {
            let told = told.unwrap();
            mismatches += told.iter().filter(|code| **code == "AUTH_TOKEN_MISMATCH").count();
        }
        witness.call("health", json!({})).await;
        sizes.push(resident_bytes());
    }

    // Guesses that were under way when the door closed are still told the truth.
    assert!((10..10 + AT_ONCE).contains(&mismatches), "{mismatches}");
    assert!(sizes[1].saturating_sub(sizes[0]) < GROWTH_BYTES_MAX, "{sizes:?}");
    let mut friend = server.connect(4).await;
    assert_eq!(friend.call("health", json!({})).await["ok"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_wrong_secrets_over_http_on_one_connection_are_refused_one_by_one() {
    let server = Server::plain().await;
    let mut stream = open(server.running.addr).await;
    let request = "POST /tools/invoke HTTP/1.1\r\nHost: gateway.lan\r\nAuthorization: Bearer guess\
                   \r\nContent-Length: 2\r\n\r\n{}";
    let mut codes: Vec<String> = Vec::new();

    for _ in 0..1000 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer =
            heard(&mut stream, |text| text.contains("\r\n\r\n") && text.ends_with('}')).await;
        codes.push(answer.split(' ').nth(1).unwrap_or_default().to_owned());
        if answer.to_lowercase().contains("connection: close") {
            stream = open(server.running.addr).await;
        }
    }

    let refused = codes.iter().filter(|code| *code == "401").count();
    let locked = codes.iter().filter(|code| *code == "429").count();
    assert_eq!((refused, locked), (10, 990));
    server.stop().await;
}

#[tokio::test]
async fn crowds_that_dawdle_are_cut_off_and_others_are_served_meanwhile() {
    let home = TempHome::minimal().unwrap();
    let server = Server::patient(home, Duration::from_secs(2)).await;
    let addr = server.running.addr;
    let mut slow = JoinSet::new();
    let began = Instant::now();
    for n in 0..64 {
        let bytes = match n % 3 {
            0 => b"GET / HTTP/1.1\r\nHost: gateway.lan\r\nX-Slow: a".to_vec(),
            1 => upgrade(),
            // A frame of which one byte is missing for ever.
            _ => [upgrade(), frame(0x81, b"{}")[..9].to_vec()].concat(),
        };
        let mut stream = open(addr).await;
        stream.write_all(&bytes).await.unwrap();
        slow.spawn(async move { heard(&mut stream, |_| false).await });
    }

    let mut friend = server.connect(4).await;
    friend.call("health", json!({})).await;
    let waited = began.elapsed();

    while let Some(end) = slow.join_next().await {
        end.unwrap();
    }
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    friend.call("health", json!({})).await;
    server.stop().await;
}

#[tokio::test]
async fn a_message_in_too_many_pieces_ends_the_connection_before_hello() {
    let server = Server::plain().await;
    let mut stream = open(server.running.addr).await;
    stream.write_all(&upgrade()).await.unwrap();
    let piece = vec![b'x'; 16 << 10];

    for n in 0..6 {
        let bytes = frame(u8::from(n == 0), &piece);
        if stream.write_all(&bytes).await.is_err() {
            break;
        }
    }
    let answer = heard(&mut stream, |_| false).await;

    assert!(answer.contains("connect.challenge") && !answer.contains("hello-ok"), "{answer}");
    let mut friend = server.connect(4).await;
    assert_eq!(friend.call("health", json!({})).await["ok"], true);
    server.stop().await;
}

#[tokio::test]
async fn clients_that_hang_up_by_the_thousand_in_any_phase_grow_nothing() {
    let server = Server::plain().await;
    let addr = server.running.addr;
    let mut witness = server.connect(4).await;
    let connect = |params: Value| {
        let request = json!({"type": "req", "id": "1", "method": "connect", "params": params});
        [upgrade(), frame(0x81, request.to_string().as_bytes())].concat()
    };
    let call = json!({"type": "req", "id": "2", "method": "sessions.list", "params": {}});
    let phases: [Vec<u8>; 5] = [
        Vec::new(),
        b"GET / HT".to_vec(),
        upgrade(),
        connect(connect_params(4)),
        [connect(connect_params(4)), frame(0x81, call.to_string().as_bytes())].concat(),
    ];
    let mut sizes = Vec::new();

    for _ in 0..3 {
        for n in 0..1000 {
            let mut stream = open(addr).await;
            stream.write_all(&phases[n % phases.len()]).await.unwrap();
            // The reset goes out with the drop; every other one has seen something before.
            if n % 2 == 0 && n % phases.len() > 1 {
                stream.readable().await.unwrap();
            }
        }
        let mut friend = server.connect(4).await;
        friend.call("health", json!({})).await;
        witness.call("health", json!({})).await;
        sizes.push(resident_bytes());
    }

    assert!(sizes[2].saturating_sub(sizes[1]) < GROWTH_BYTES_MAX, "{sizes:?}");
    server.stop().await;
}
