//! Size of the stripped binary.

use std::fs;

use super::{
    lab::Lab,
    report::{Row, Verdict},
};

pub(super) fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let bytes = u32::try_from(fs::metadata(&lab.openclaw)?.len())?;
    let megabytes = f64::from(bytes) / 1e6;
    Ok(vec![Row {
        figure: "stripped binary",
        goal: "≤ 20 MB",
        reference: "647 MB installed",
        measured: format!("{megabytes:.1} MB"),
        verdict: Verdict::of(megabytes <= 20.0),
    }])
}
