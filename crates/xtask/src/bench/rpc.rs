//! How many `health` requests a second one connection gets answered when it does not wait.

use std::time::Instant;

use anyhow::Context as _;
use futures_util::{SinkExt as _, StreamExt as _};
use testkit::{gateway::Gateway, home::TempHome};
use tokio_tungstenite::tungstenite::Message;

use super::{
    lab::{Lab, median},
    report::{Row, Verdict},
    wire::Wire,
};

/// Requests that are under way at once; below what a gateway may refuse as too many.
const WINDOW: usize = 128;

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let home = TempHome::minimal()?;
    let gateway = Gateway::start(&lab.openclaw, &home)?;
    let mut samples = Vec::new();
    for _ in 0..lab.rounds(5) {
        let wire = Wire::connect(gateway.port(), gateway.token()).await?;
        samples.push(rate(wire, lab.rounds(50_000)).await?);
    }
    let middle = median(&mut samples);
    Ok(vec![Row {
        figure: "`health` requests, pipelined on one connection",
        goal: "≥ 30,000 /s",
        reference: "1,470 /s",
        measured: format!("{middle:.0} /s"),
        verdict: Verdict::of(middle >= 30_000.0),
    }])
}

async fn rate(wire: Wire, count: usize) -> anyhow::Result<f64> {
    let mut socket = wire.into_socket();
    let begin = Instant::now();
    let (mut sent, mut answered) = (0, 0);
    while answered < count {
        // Refill in half windows, so that each flush carries many frames.
        if sent - answered <= WINDOW / 2 && sent < count {
            while sent - answered < WINDOW && sent < count {
                let text =
                    format!(r#"{{"type":"req","id":"p{sent}","method":"health","params":{{}}}}"#);
                socket.feed(Message::text(text)).await?;
                sent += 1;
            }
            socket.flush().await?;
        }
        let frame = socket.next().await.context("the gateway closed the connection")??;
        let Message::Text(text) = frame else {
            continue;
        };
        if text.contains("\"type\":\"res\"") {
            anyhow::ensure!(text.contains("\"ok\":true"), "refused: {text}");
            answered += 1;
        }
    }
    let requests = u32::try_from(count)?;
    Ok(f64::from(requests) / begin.elapsed().as_secs_f64())
}
