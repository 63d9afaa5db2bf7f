//! Many clients at once: what ten thousand cost, how fast a thousand hear of something, and what a
//! device's handshake and a stranger's noise take.

use std::time::Instant;

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::device::DeviceKey;
use serde_json::json;
use testkit::{gateway::Gateway, home::TempHome};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet, time::sleep};
use tokio_tungstenite::{client_async, tungstenite::Message};

use super::{
    clients::{connect, raise_descriptor_limit},
    lab::{self, Lab, Memory, median, ms},
    report::{Row, Verdict},
    wire::Wire,
};

/// Marks the event that everybody waits for.
const MARK: &str = "heard by everybody";
/// Bytes that a stranger sends before it is let in.
const NOISE_BYTES: usize = 64 * 1024;

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    raise_descriptor_limit()?;
    let home = TempHome::minimal()?;
    let gateway = Gateway::start(&lab.openclaw, &home)?;
    let mut rows = vec![
        handshake(lab, &gateway).await?,
        noise(lab, &gateway).await?,
        fan_out(lab, &gateway).await?,
    ];
    // Its thousand connections would count among the ten thousand.
    drop(gateway);
    rows.push(crowd(lab).await?);
    Ok(rows)
}

/// A figure that OpenClaw 2026.9 was not measured for.
fn row(figure: &'static str, goal: &'static str, measured: String, verdict: Verdict) -> Row {
    Row { figure, goal, reference: "", measured, verdict }
}

/// Ten thousand clients that only listen.
async fn crowd(lab: &Lab) -> anyhow::Result<Row> {
    let home = TempHome::minimal()?;
    let gateway = Gateway::start(&lab.openclaw, &home)?;
    let count = u32::try_from(lab.rounds(9_500))?;
    let mut readers = JoinSet::new();
    connect(&gateway, count, &mut readers).await?;
    sleep(lab.rest()).await;
    let memory = Memory::of(gateway.pid())?;
    // The descriptors of both ends end just short of ten thousand on small machines.
    let whole = memory.rss_kib / 1024.0 * 10_000.0 / f64::from(count);
    let measured = format!("{whole:.0} MiB (from {count})");
    Ok(row("10,000 idle WebSocket clients", "≤ 300 MiB", measured, Verdict::of(whole <= 300.0)))
}

/// From the request that causes an event to the last of a thousand clients that sees it.
async fn fan_out(lab: &Lab, gateway: &Gateway) -> anyhow::Result<Row> {
    let count = lab.rounds(1000);
    let (seen, mut sightings) = mpsc::channel(count);
    let mut readers = JoinSet::new();
    for _ in 0..count {
        let wire = Wire::connect_in_crowd(gateway.port(), gateway.token()).await?;
        let mut socket = wire.into_socket();
        let seen = seen.clone();
        readers.spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if matches!(&message, Message::Text(text) if text.contains(MARK)) {
                    let at = Instant::now();
                    if seen.send(at).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
    let mut sender = Wire::connect(gateway.port(), gateway.token()).await?;
    sender.call("sessions.create", &json!({ "key": "agent:main:main" })).await?;
    let params = json!({ "sessionKey": "agent:main:main", "message": MARK });
    let mut times = Vec::new();
    for _ in 0..lab.rounds(20) {
        let begin = Instant::now();
        sender.send("chat.inject", &params).await?;
        let mut last = begin;
        for _ in 0..count {
            last = sightings.recv().await.context("the readers are gone")?.max(last);
        }
        times.push(ms(last.duration_since(begin)));
    }
    let p50 = median(&mut times);
    let measured = format!("p50 {p50:.1} ms");
    Ok(row("an event to the last of 1,000 clients", "≤ 10 ms", measured, Verdict::of(p50 <= 10.0)))
}

/// From the challenge to the hello, with a device's signature.
async fn handshake(lab: &Lab, gateway: &Gateway) -> anyhow::Result<Row> {
    let mut times = Vec::new();
    for at in 0..lab.rounds(200) {
        let key = DeviceKey::from_seed(&[u8::try_from(at % 250)?; 32]);
        times.push(ms(Wire::handshake_as(&key, gateway.port(), gateway.token()).await?));
    }
    let p50 = median(&mut times);
    let measured = format!("p50 {p50:.2} ms");
    Ok(row(
        "handshake of a device, challenge to hello",
        "p50 ≤ 3 ms",
        measured,
        Verdict::of(p50 <= 3.0),
    ))
}

/// What a stranger's largest frame costs the gateway in processor time.
async fn noise(lab: &Lab, gateway: &Gateway) -> anyhow::Result<Row> {
    let rounds = lab.rounds(200);
    let text = "[".repeat(NOISE_BYTES - 1);
    let before = lab::cpu_time(gateway.pid())?;
    for _ in 0..rounds {
        let stream = TcpStream::connect(("127.0.0.1", gateway.port())).await?;
        let url = format!("ws://127.0.0.1:{}/", gateway.port());
        let (mut socket, _) = client_async(url, stream).await?;
        socket.send(Message::text(text.clone())).await?;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    }
    let used = lab::cpu_time(gateway.pid())?.saturating_sub(before);
    let each = ms(used / u32::try_from(rounds)?);
    let measured = format!("{each:.2} ms of processor time, connection included");
    Ok(row("64 KiB of noise before `connect`", "≤ 1 ms", measured, Verdict::of(each <= 1.0)))
}
