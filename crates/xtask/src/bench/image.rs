//! What the gateway's image costs: its size, its start, a health check in it, and how little a
//! whole turn needs.
//!
//! The shipped Dockerfile is built around the binary under test. Containers are asked from
//! outside, through a published port, as a load balancer would.

mod container;

use std::time::{Duration, Instant};

use anyhow::ensure;
use testkit::llm::Llm;

use self::container::{Bench, Container, docker, image_bytes};
use super::{
    lab::{Lab, median, ms, percentile},
    report::{Row, Verdict},
};

const SIZE: &str = "image: above its Debian base, and the slim one";
const START: &str = "image: container start → `/healthz` answers, over `docker run true`";
const HEALTH: &str = "image: `docker compose exec … health --token …`";
const BOUNDS: &str = "image: turn in 64 MB, ¼ CPU, read-only, no capability, uid 1234";

/// How long a gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// One row for each part; a part that fails does not take the others with it.
pub(super) fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let bench = Bench::prepare(lab)?;
    let part = |figure, found: anyhow::Result<Row>| {
        found.unwrap_or_else(|error| Row::failed(figure, &error))
    };
    Ok(vec![
        part(SIZE, size(lab, &bench)),
        part(START, start(lab, &bench)),
        part(HEALTH, health(lab, &bench)),
        part(BOUNDS, bounds(&bench)),
    ])
}

fn size(lab: &Lab, bench: &Bench) -> anyhow::Result<Row> {
    let base = image_bytes("debian:bookworm-slim")?;
    let above = |image: &str| Ok::<_, anyhow::Error>(megabytes(image_bytes(image)? - base));
    let full = above(&bench.image)?;
    let slim = above(&container::image(lab, &["--build-arg", "OPENCLAW_VARIANT=slim"])?)?;
    Ok(Row {
        figure: SIZE,
        goal: "≤ 140 MB, ≤ 50 MB",
        reference: "1,600–3,000 MB",
        measured: format!("{full:.0} MB, {slim:.0} MB"),
        verdict: Verdict::of(full <= 140.0 && slim <= 50.0),
    })
}

/// Takes both in turn, so that the machine's moods are shared.
fn start(lab: &Lab, bench: &Bench) -> anyhow::Result<Row> {
    let (mut starts, mut runs) = (Vec::new(), Vec::new());
    for _ in 0..lab.rounds(20).max(3) {
        let begin = Instant::now();
        docker(&["run", "--rm", "--label", container::LABEL, &bench.image, "true"])?;
        runs.push(ms(begin.elapsed()));
        let begin = Instant::now();
        let gateway = bench.gateway(&[])?;
        gateway.until("/healthz", PATIENCE)?;
        starts.push(ms(begin.elapsed()));
    }
    let (start, run) = (median(&mut starts), median(&mut runs));
    let over = start - run;
    Ok(Row {
        figure: START,
        goal: "≤ 500 ms",
        reference: "seconds",
        measured: format!("{over:.0} ms ({start:.0} ms, {run:.0} ms)"),
        verdict: Verdict::of(over <= 500.0),
    })
}

/// In turn with `true`, which shows what of it is Compose's and the engine's.
fn health(lab: &Lab, bench: &Bench) -> anyhow::Result<Row> {
    let project = bench.project()?;
    let (mut samples, mut nothing) = (Vec::new(), Vec::new());
    for _ in 0..lab.rounds(20).max(3) {
        let begin = Instant::now();
        project.exec(&["true"])?;
        nothing.push(ms(begin.elapsed()));
        let begin = Instant::now();
        project.health()?;
        samples.push(ms(begin.elapsed()));
    }
    let (middle, slow) = (median(&mut samples), percentile(&mut samples, 100));
    let nothing = median(&mut nothing);
    Ok(Row {
        figure: HEALTH,
        goal: "≤ 250 ms",
        reference: "24–49 s reported by users",
        measured: format!("{middle:.0} ms (slowest: {slow:.0}; `true` alone: {nothing:.0})"),
        verdict: Verdict::of(middle <= 250.0),
    })
}

fn bounds(bench: &Bench) -> anyhow::Result<Row> {
    let llm = Llm::steered();
    let gateway = bench.bounded(&llm)?;
    gateway.until("/readyz", PATIENCE)?;
    let begin = Instant::now();
    let said = gateway.exec(&["openclaw", "agent", "--agent", "main", "-m", "TOOL:exec true"])?;
    let took = begin.elapsed();
    ensure!(llm.count() == 2, "the turn made {} requests: {said}", llm.count());
    let peak = peak(&gateway)?;
    Ok(Row {
        figure: BOUNDS,
        goal: "works",
        reference: "killed at 512 MB",
        measured: format!("{:.0} ms, peak {peak:.0} MB", ms(took)),
        verdict: Verdict::Met,
    })
}

/// The most memory that the container ever had, page cache included.
fn peak(gateway: &Container) -> anyhow::Result<f64> {
    let files = "cat /sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes \
                 2>/dev/null || true";
    let bytes = gateway.exec(&["sh", "-c", files])?;
    let bytes: f64 = bytes.trim().lines().next().unwrap_or_default().parse()?;
    Ok(bytes / 1e6)
}

#[expect(clippy::cast_precision_loss, reason = "megabytes are shown without digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
