//! Memory of a gateway that has served one connection and has nothing to do.

use testkit::{gateway::Gateway, home::TempHome};
use tokio::time::sleep;

use super::{
    lab::{Lab, Memory, median},
    report::{Row, Verdict},
    wire::Wire,
};

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let home = TempHome::minimal()?;
    let (mut resident, mut share) = (Vec::new(), Vec::new());
    for _ in 0..lab.rounds(5) {
        let gateway = Gateway::start(&lab.openclaw, &home)?;
        drop(Wire::connect(gateway.port(), gateway.token()).await?);
        sleep(lab.rest()).await;
        let memory = Memory::of(gateway.pid())?;
        resident.push(memory.rss_kib / 1024.0);
        share.push(memory.pss_kib / 1024.0);
    }
    let middle = median(&mut resident);
    Ok(vec![Row {
        figure: "idle resident memory of the gateway",
        goal: "≤ 20 MiB",
        reference: "935 MB",
        measured: format!("{middle:.1} MiB (proportional: {:.1})", median(&mut share)),
        verdict: Verdict::of(middle <= 20.0),
    }])
}
