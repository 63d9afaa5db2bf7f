//! Memory after a thousand turns in ten sessions.

use testkit::gateway::Gateway;
use tokio::{task::JoinSet, time::sleep};

use super::{
    lab::{Lab, Memory},
    model::{Manner, Model},
    report::{Row, Verdict},
    wire::Wire,
};

const SESSIONS: usize = 10;

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let model = Model::start(Manner::Words).await?;
    let home = Lab::home(&model.base_url)?;
    let gateway = Gateway::start(&lab.openclaw, &home)?;
    let turns = lab.rounds(100);
    let mut sessions = JoinSet::new();
    for session in 0..SESSIONS {
        let (port, token) = (gateway.port(), gateway.token().to_owned());
        sessions.spawn(async move {
            let mut wire = Wire::connect(port, &token).await?;
            let key = format!("agent:main:memory-{session}");
            for turn in 0..turns {
                wire.turn(&key, &format!("memory-{session}-{turn}-end"), "Say something.").await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = sessions.join_next().await {
        done??;
    }
    sleep(lab.rest()).await;
    let memory = Memory::of(gateway.pid())?;
    let resident = memory.rss_kib / 1024.0;
    Ok(vec![Row {
        figure: "resident memory after 1,000 turns in 10 sessions",
        goal: "≤ 30 MiB",
        reference: "1,979 MB after 174",
        measured: format!("{resident:.1} MiB (proportional: {:.1})", memory.pss_kib / 1024.0),
        verdict: Verdict::of(resident <= 30.0),
    }])
}
