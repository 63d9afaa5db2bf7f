//! Wall time of small commands as whole processes.

use std::time::Instant;

use anyhow::bail;
use testkit::{gateway::Gateway, home::TempHome};

use super::{
    lab::{Lab, median, ms},
    report::{Row, Verdict},
};

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let home = TempHome::minimal()?;
    let gateway = Gateway::start(&lab.openclaw, &home)?;
    home.merge_config(&serde_json::json!({ "gateway": { "port": gateway.port() } }))?;
    let version = wall_ms(lab, &home, &["--version"])?;
    let health = wall_ms(lab, &home, &["health"])?;
    Ok(vec![
        Row {
            figure: "`openclaw --version` as a whole process",
            goal: "≤ 5 ms",
            reference: "90 ms",
            measured: format!("{version:.1} ms"),
            verdict: Verdict::of(version <= 5.0),
        },
        Row {
            figure: "`openclaw health` as a whole process",
            goal: "≤ 15 ms",
            reference: "2,410 ms",
            measured: format!("{health:.1} ms"),
            verdict: Verdict::of(health <= 15.0),
        },
    ])
}

fn wall_ms(lab: &Lab, home: &TempHome, args: &[&str]) -> anyhow::Result<f64> {
    let mut samples = Vec::new();
    for _ in 0..lab.rounds(50) {
        let begin = Instant::now();
        let output = home.command(&lab.openclaw).args(args).output()?;
        samples.push(ms(begin.elapsed()));
        if !output.status.success() {
            bail!("`openclaw {}`: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(median(&mut samples))
}
