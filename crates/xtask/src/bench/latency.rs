//! What the gateway adds to a turn: before the model has the request, and after its last byte.

use std::time::Instant;

use anyhow::Context as _;
use testkit::gateway::Gateway;

use super::{
    lab::{Lab, median, ms},
    model::{Manner, Model},
    report::{Row, Verdict},
    wire::Wire,
};

/// Turns before the first that counts: connection pool, caches, allocator.
const WARM_UP: usize = 5;

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let model = Model::start(Manner::Words).await?;
    let home = Lab::home(&model.base_url)?;
    let gateway = Gateway::start(&lab.openclaw, &home)?;
    let mut wire = Wire::connect(gateway.port(), gateway.token()).await?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for turn in 0..lab.rounds(200) + WARM_UP {
        let run = format!("latency-{turn}");
        let begin = Instant::now();
        wire.turn("agent:main:latency", &run, "Say that you are done.").await?;
        let end = Instant::now();
        let visits = model.take_visits();
        let visit = visits.last().context("the model was not asked")?;
        if turn >= WARM_UP {
            before.push(ms(visit.arrived - begin));
            after.push(ms(end - visit.answered));
        }
    }
    let (before, after) = (median(&mut before), median(&mut after));
    Ok(vec![
        Row {
            figure: "`chat.send` → request at the model, p50",
            goal: "≤ 2 ms",
            reference: "256 ms",
            measured: format!("{before:.2} ms"),
            verdict: Verdict::of(before <= 2.0),
        },
        Row {
            figure: "last model byte → `final` event, p50",
            goal: "≤ 2 ms",
            reference: "36 ms",
            measured: format!("{after:.2} ms"),
            verdict: Verdict::of(after <= 2.0),
        },
    ])
}
