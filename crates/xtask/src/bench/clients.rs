//! What an idle WebSocket client costs the gateway.

use futures_util::StreamExt as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use testkit::{gateway::Gateway, home::TempHome};
use tokio::{task::JoinSet, time::sleep};

use super::{
    lab::{Lab, Memory},
    report::{Row, Verdict},
    wire::Wire,
};

/// Clients that are there before the first reading, so that one-time costs are not counted.
const WARM_UP: u32 = 10;

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    raise_descriptor_limit()?;
    let home = TempHome::minimal()?;
    let gateway = Gateway::start(&lab.openclaw, &home)?;
    let mut readers = JoinSet::new();
    let count = u32::try_from(lab.rounds(1000))?;
    connect(&gateway, WARM_UP, &mut readers).await?;
    sleep(lab.rest()).await;
    let before = Memory::of(gateway.pid())?;
    connect(&gateway, count, &mut readers).await?;
    sleep(lab.rest()).await;
    let after = Memory::of(gateway.pid())?;
    let each = (after.rss_kib - before.rss_kib) / f64::from(count);
    let share = (after.pss_kib - before.pss_kib) / f64::from(count);
    Ok(vec![Row {
        figure: "1,000 idle WebSocket clients",
        goal: "≤ 30 KiB each",
        reference: "29–36 KB each",
        measured: format!("{each:.1} KiB each (proportional: {share:.1})"),
        verdict: Verdict::of(each <= 30.0),
    }])
}

/// Connects `count` clients, each of which then reads and forgets whatever comes.
pub(super) async fn connect(
    gateway: &Gateway,
    count: u32,
    readers: &mut JoinSet<()>,
) -> anyhow::Result<()> {
    for _ in 0..count {
        let wire = Wire::connect_in_crowd(gateway.port(), gateway.token()).await?;
        let mut socket = wire.into_socket();
        readers.spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
    }
    Ok(())
}

/// The gateway inherits the limit too.
pub(super) fn raise_descriptor_limit() -> anyhow::Result<()> {
    let hard = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })?)
}
