//! Rough clients: those that vanish, dawdle, or stop reading.

use std::{fs, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use testkit::{home::TempHome, llm::Llm};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    client::Client,
    server::{Server, connect_params},
};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn clients_that_vanish_in_any_phase_leave_nothing_behind() {
    let server = Server::plain().await;
    let addr = server.running.addr;
    let mut witness = server.connect(4).await;
    witness.call("health", json!({})).await;
    let before = open_files();

    for _ in 0..10 {
        drop(TcpStream::connect(addr).await.unwrap());
        drop(after_bytes(addr, "GET / HT").await);
        drop(after_bytes(addr, &upgrade(addr)).await);
        let mut greeted = server.open().await;
        greeted.frame().await;
        drop(greeted);
        let mut asking = server.open().await;
        asking.frame().await;
        asking.send_request("connect", &connect_params(4)).await;
        drop(asking);
        drop(server.connect(4).await);
        let mut waiting = server.connect(4).await;
        let wait = json!({"runId": "never", "timeoutMs": 60_000});
        waiting.send_request("agent.wait", &wait).await;
        drop(waiting);
        let mut halfway = after_bytes(addr, &upgrade(addr)).await;
        halfway.write_all(&[0x81, 0xfe, 0x10]).await.unwrap();
        drop(halfway);
    }

    let deadline = Instant::now() + PATIENCE;
    while open_files() > before {
        witness.call("health", json!({})).await;
        assert!(Instant::now() < deadline, "{} files open, {before} before", open_files());
        tokio::task::yield_now().await;
    }
    server.stop().await;
}

#[tokio::test]
async fn who_dawdles_before_hello_is_cut_off_and_others_are_served() {
    let home = TempHome::minimal().unwrap();
    let server = Server::patient(home, Duration::from_millis(300)).await;
    let mut slow = after_bytes(server.running.addr, &upgrade(server.running.addr)).await;
    // One byte of a frame's head: the rest never comes.
    slow.write_all(&[0x81]).await.unwrap();
    let mut witness = server.connect(4).await;

    let mut rest = Vec::new();
    let end = timeout(PATIENCE, slow.read_to_end(&mut rest)).await;

    assert!(end.is_ok(), "still open after {} bytes", rest.len());
    witness.call("health", json!({})).await;
    server.stop().await;
}

#[tokio::test]
async fn who_stops_reading_delays_nobody_and_is_dropped() {
    let llm = Llm::script([testkit::llm::says("hello")]);
    let server = Server::with_model(&llm).await;
    let mut params = connect_params(4);
    params["client"]["instanceId"] = json!("deaf");
    params["client"]["mode"] = json!("ui");
    let mut deaf = server.open().await;
    assert_eq!(deaf.connect(&params).await["ok"], true);
    let mut writer = server.connect(4).await;
    let message = json!({"sessionKey": "main", "message": "hi", "idempotencyKey": "one"});
    writer.call("agent", message).await;
    writer.until(|it| it["payload"]["state"] == "final").await;
    let text = "x".repeat(1 << 20);
    let mut slowest = Duration::ZERO;

    let deadline = Instant::now() + 3 * PATIENCE;
    while is_there(&mut writer, "deaf").await {
        assert!(Instant::now() < deadline, "it is still there");
        let began = Instant::now();
        let message = json!({"sessionKey": "main", "message": text});
        writer.call("chat.inject", message).await;
        slowest = slowest.max(began.elapsed());
    }

    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    drop(deaf);
    server.stop().await;
}

/// Whether the client is shown as connected.
async fn is_there(client: &mut Client, instance: &str) -> bool {
    let roster = client.call("system-presence", json!({})).await;
    let entries = roster.as_array().unwrap();
    let entry = entries.iter().find(|it| it["instanceId"] == instance);
    entry.is_some_and(|it: &Value| it["reason"] != "disconnect")
}

async fn after_bytes(addr: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// A good request for a WebSocket.
fn upgrade(addr: SocketAddr) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
