//! What a sandbox costs: the way of a call into its container and back, its birth, its memory.
//!
//! Calls are made by turns of a real gateway, driven by the model in this process, and timed
//! from the event of the call's start to that of its result. The engine must be on this machine,
//! since the servants' memory is read from its books.

mod engine;
mod rig;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::time::sleep;

use self::{engine::Engine, rig::Rig};
use super::{
    lab::{Lab, Memory, median, ms, percentile},
    report::{Row, Verdict},
};

/// Calls before the first that counts.
const WARM_UP: usize = 5;

/// The size of the file that is read and written.
const FILE_BYTES: usize = 1 << 20;

/// The size of a large output.
const OUTPUT_BYTES: usize = 100 << 20;

/// How long a spare may take to be ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a spare still does after its container runs.
const SETTLING: Duration = Duration::from_millis(300);

/// One row for each part; a part that fails does not take the others with it.
pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    // Nothing can be measured without these; the rest fails row by row.
    Engine::check().await?;
    rig::servant_of(lab)?;
    let mut rows = Vec::new();
    rows.extend(either(WARM, warm(lab).await));
    rows.extend(either(SPARE, with_spare(lab).await));
    rows.extend(either(COLD, without_spare(lab).await));
    rows.extend(either(FILES, files(lab).await));
    rows.extend(either(OUTPUT, output(lab).await));
    rows.extend(either(IDLE, idle(lab).await));
    Ok(rows)
}

const WARM: &str = "sandbox: warm `exec true`, call → result, p50 and p99";
const SPARE: &str = "sandbox: first call of a new session, with a spare";
const COLD: &str = "sandbox: first call without a spare, against `docker run`";
const FILES: &str = "sandbox: `read` / `write` of 1 MiB";
const OUTPUT: &str = "sandbox: gateway's growth by 100 MiB of output";
const IDLE: &str = "sandbox: 50 idle, gateway's memory each and servant's";

fn either(figure: &'static str, found: anyhow::Result<Row>) -> Vec<Row> {
    vec![found.unwrap_or_else(|error| Row::failed(figure, &error))]
}

async fn warm(lab: &Lab) -> anyhow::Result<Row> {
    let mut rig = Rig::start(lab, "session", 0).await?;
    let mut samples = Vec::new();
    for turn in 0..lab.rounds(200) + WARM_UP {
        let seen = rig.call("warm").await?;
        if turn >= WARM_UP {
            samples.push(ms(seen.took));
        }
    }
    rig.end().await?;
    let (middle, slow) = (median(&mut samples), percentile(&mut samples, 99));
    Ok(Row {
        figure: WARM,
        goal: "≤ 2 ms, ≤ 8 ms",
        reference: "169 ms (`docker exec` 60–100 ms)",
        measured: format!("{middle:.2} ms, {slow:.2} ms"),
        verdict: Verdict::of(middle <= 2.0 && slow <= 8.0),
    })
}

async fn with_spare(lab: &Lab) -> anyhow::Result<Row> {
    let mut rig = Rig::start(lab, "session", 1).await?;
    // The first sandboxed session is what makes the gateway keep spares.
    rig.call("spare-first").await?;
    let mut samples = Vec::new();
    for round in 0..lab.rounds(20).max(3) {
        let begin = Instant::now();
        while rig.engine.spares().await? == 0 {
            ensure!(begin.elapsed() < PATIENCE, "no spare came");
            sleep(Duration::from_millis(50)).await;
        }
        sleep(SETTLING).await;
        samples.push(ms(rig.call(&format!("spare-{round}")).await?.took));
    }
    rig.end().await?;
    let (middle, slow) = (median(&mut samples), percentile(&mut samples, 100));
    Ok(Row {
        figure: SPARE,
        goal: "≤ 30 ms",
        reference: "1,409 ms",
        measured: format!("{middle:.1} ms (slowest: {slow:.1})"),
        verdict: Verdict::of(middle <= 30.0),
    })
}

/// Takes both in turn, so that the machine's moods are shared.
async fn without_spare(lab: &Lab) -> anyhow::Result<Row> {
    let mut rig = Rig::start(lab, "session", 0).await?;
    // Fills the servant's volume, once for every version.
    rig.call("cold-first").await?;
    rig.engine.run_true("warm-up").await?;
    let (mut calls, mut runs) = (Vec::new(), Vec::new());
    for round in 0..lab.rounds(20).max(3) {
        calls.push(ms(rig.call(&format!("cold-{round}")).await?.took));
        runs.push(ms(rig.engine.run_true(&round.to_string()).await?));
    }
    rig.end().await?;
    let (call, run) = (median(&mut calls), median(&mut runs));
    let ratio = call / run;
    Ok(Row {
        figure: COLD,
        goal: "≤ 1.15 ×",
        reference: "",
        measured: format!("{ratio:.2} × ({call:.0} ms, {run:.0} ms)"),
        verdict: Verdict::of(ratio <= 1.15),
    })
}

async fn files(lab: &Lab) -> anyhow::Result<Row> {
    // All sessions of the agent share one container: each round has a history of its own.
    let mut rig = Rig::start(lab, "agent", 0).await?;
    rig.call("files-first").await?;
    let line = "a line of sixty-four bytes, with which a file of a MiB is made.\n";
    let text = line.repeat(FILE_BYTES / line.len());
    ensure!(text.len() == FILE_BYTES, "the line does not fill the file");
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for round in 0..lab.rounds(30) + WARM_UP {
        rig.model.offer("write", &json!({ "path": "big.txt", "content": text }));
        let write = rig.call(&format!("write-{round}")).await?;
        rig.model.offer("read", &json!({ "path": "big.txt" }));
        let read = rig.call(&format!("read-{round}")).await?;
        ensure!(read.result.contains(line.trim()), "another file was read");
        if round >= WARM_UP {
            writes.push(ms(write.took));
            reads.push(ms(read.took));
        }
    }
    rig.end().await?;
    let (read, write) = (median(&mut reads), median(&mut writes));
    Ok(Row {
        figure: FILES,
        goal: "≤ 5 ms each",
        reference: "",
        measured: format!("{read:.2} ms, {write:.2} ms"),
        verdict: Verdict::of(read <= 5.0 && write <= 5.0),
    })
}

/// The peak is taken, not what is left at the end.
async fn output(lab: &Lab) -> anyhow::Result<Row> {
    let mut rig = Rig::start(lab, "agent", 0).await?;
    for turn in 0..WARM_UP {
        rig.call(&format!("output-warm-{turn}")).await?;
    }
    sleep(lab.rest()).await;
    let command = format!("yes 0123456789abcde | head -c {OUTPUT_BYTES}; echo the-tail");
    rig.model.offer("exec", &json!({ "command": command, "yieldMs": 120_000 }));
    let pid = rig.gateway.pid();
    let before = Memory::of(pid)?.rss_kib;
    Memory::forget_peak(pid)?;
    let seen = rig.call("output").await?;
    let peak = Memory::peak_kib(pid)?;
    ensure!(seen.result.contains("the-tail"), "the tail was lost");
    let took = seen.took;
    rig.end().await?;
    let grown = (peak - before) / 1024.0;
    Ok(Row {
        figure: OUTPUT,
        goal: "≤ 8 MiB, tail kept",
        reference: "",
        measured: format!("{grown:.1} MiB at the peak, tail kept, {:.2} s", took.as_secs_f64()),
        verdict: Verdict::of(grown <= 8.0),
    })
}

async fn idle(lab: &Lab) -> anyhow::Result<Row> {
    let mut rig = Rig::start(lab, "session", 0).await?;
    for session in 0..WARM_UP {
        rig.call(&format!("idle-warm-{session}")).await?;
    }
    sleep(lab.rest()).await;
    let before = Memory::of(rig.gateway.pid())?.rss_kib;
    let count = u32::try_from(lab.rounds(50))?;
    for session in 0..count {
        rig.call(&format!("idle-{session}")).await?;
    }
    sleep(lab.rest()).await;
    let after = Memory::of(rig.gateway.pid())?.rss_kib;
    let (mut servant, mut own): (f64, f64) = (0.0, 0.0);
    for pid in rig.engine.pids().await? {
        let memory = Memory::of(pid).context("the engine is not on this machine")?;
        servant = servant.max(memory.rss_kib);
        own = own.max(Memory::own_kib(pid)?);
    }
    rig.end().await?;
    let each = (after - before) / f64::from(count);
    Ok(Row {
        figure: IDLE,
        goal: "≤ 1 MiB each",
        reference: "",
        measured: format!("{each:.0} KiB, {servant:.0} KiB at most ({own:.0} of its own)"),
        verdict: Verdict::of(each <= 1024.0 && servant <= 1024.0),
    })
}
