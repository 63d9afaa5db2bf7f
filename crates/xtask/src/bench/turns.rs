//! Turns a second with eight sessions at once, each turn with one tool call that runs `true`.

use std::time::Instant;

use testkit::gateway::Gateway;
use tokio::task::JoinSet;

use super::{
    lab::{Lab, median},
    model::{Manner, Model},
    report::{Row, Verdict},
    wire::Wire,
};

const SESSIONS: usize = 8;

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let model = Model::start(Manner::OneCall).await?;
    let mut samples = Vec::new();
    let turns = lab.rounds(100);
    for _ in 0..lab.rounds(3) {
        // A home of its own each time: transcripts grow with the turns.
        let home = Lab::home(&model.base_url)?;
        let gateway = Gateway::start(&lab.openclaw, &home)?;
        let mut sessions = JoinSet::new();
        let begin = Instant::now();
        for session in 0..SESSIONS {
            let (port, token) = (gateway.port(), gateway.token().to_owned());
            sessions.spawn(async move {
                let mut wire = Wire::connect(port, &token).await?;
                let key = format!("agent:main:turns-{session}");
                for turn in 0..turns {
                    wire.turn(&key, &format!("turns-{session}-{turn}-end"), "Run true.").await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = sessions.join_next().await {
            done??;
        }
        let count = u32::try_from(SESSIONS * turns)?;
        samples.push(f64::from(count) / begin.elapsed().as_secs_f64());
    }
    let middle = median(&mut samples);
    Ok(vec![Row {
        figure: "turns, 8 sessions at once, one tool call each",
        goal: "≥ 300 /s",
        reference: "3.5 /s (no tool calls)",
        measured: format!("{middle:.0} /s"),
        verdict: Verdict::of(middle >= 300.0),
    }])
}
