//! What every figure needs: the binary under test, homes, how often to repeat, the kernel's books.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::json;
use testkit::home::{TempHome, model_config};

use crate::workspace;

/// The binary under test and how thorough to be.
#[derive(Debug)]
pub(super) struct Lab {
    pub(super) openclaw: PathBuf,
    quick: bool,
}

impl Lab {
    /// Builds the release binary, unless one is given.
    pub(super) fn prepare(binary: Option<PathBuf>, quick: bool) -> anyhow::Result<Self> {
        let openclaw = if let Some(binary) = binary {
            binary
        } else {
            let status = Command::new("cargo")
                .args(["build", "--release", "--locked", "-p", "cli", "--bin", "openclaw"])
                .current_dir(workspace::root())
                .status()?;
            if !status.success() {
                bail!("the release build failed");
            }
            // Where it cannot be built, the sandbox's figures say so.
            let servant = workspace::target_dir().join("release/openclaw-boxd");
            let build = workspace::root().join("scripts/build-boxd.sh");
            Command::new(build).arg(servant).status()?;
            workspace::target_dir().join("release/openclaw")
        };
        Ok(Self { openclaw: fs::canonicalize(openclaw).context("no such binary")?, quick })
    }

    /// `full` repetitions, or a tenth of them in a quick run; at least one.
    pub(super) fn rounds(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(1) } else { full }
    }

    /// How long to let a process come to rest before its memory is read.
    pub(super) fn rest(&self) -> Duration {
        if self.quick { Duration::from_millis(500) } else { Duration::from_secs(5) }
    }

    /// A home whose gateway asks the model at `base_url` and runs tools without a question.
    pub(super) fn home(base_url: &str) -> anyhow::Result<TempHome> {
        let home = TempHome::minimal()?;
        home.merge_config(&model_config(base_url))?;
        home.merge_config(&json!({
            "agents": { "defaults": { "maxConcurrent": 16 } },
            "tools": { "exec": { "host": "gateway", "security": "full", "ask": "off" } },
        }))?;
        Ok(home)
    }
}

/// Resident memory of a process in KiB, and its proportional share of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) rss_kib: f64,
    pub(super) pss_kib: f64,
}

impl Memory {
    /// Reads the books of process `pid`.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let root = Path::new("/proc").join(pid.to_string());
        Ok(Self {
            rss_kib: field(&root.join("status"), "VmRSS:")?,
            pss_kib: field(&root.join("smaps_rollup"), "Pss:")?,
        })
    }

    /// What process `pid` has resident that is no file's.
    pub(super) fn own_kib(pid: u32) -> anyhow::Result<f64> {
        field(&Path::new("/proc").join(pid.to_string()).join("status"), "RssAnon:")
    }

    /// Forgets how much process `pid` once had, for [`Self::peak_kib`].
    pub(super) fn forget_peak(pid: u32) -> anyhow::Result<()> {
        Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
    }

    /// The most that process `pid` had resident since.
    pub(super) fn peak_kib(pid: u32) -> anyhow::Result<f64> {
        field(&Path::new("/proc").join(pid.to_string()).join("status"), "VmHWM:")
    }
}

/// Processor time that process `pid` has used, of all its threads.
pub(super) fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = text.rsplit_once(") ").context("no such field")?;
    let ticks = |at: usize| -> anyhow::Result<u64> {
        Ok(fields.split(' ').nth(at).context("no such field")?.parse()?)
    };
    // In hundredths of a second, on every Linux.
    Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 10))
}

fn field(path: &Path, name: &str) -> anyhow::Result<f64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|it| it.split_whitespace().next()).context("no such field")?;
    Ok(number.parse()?)
}

/// The middle of `samples`; the upper one of two.
pub(super) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that `percent` of the samples do not exceed.
pub(super) fn percentile(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    let rank = (samples.len() * percent).div_ceil(100).saturating_sub(1);
    samples.get(rank).copied().unwrap_or(f64::NAN)
}

/// `time` in milliseconds.
pub(super) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&mut [4.0, 1.0]) - 4.0).abs() < f64::EPSILON);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        let mut samples: Vec<f64> = (1..=200).rev().map(f64::from).collect();

        assert!((percentile(&mut samples, 99) - 198.0).abs() < f64::EPSILON);
        assert!((percentile(&mut samples, 50) - 100.0).abs() < f64::EPSILON);
        assert!((percentile(&mut [7.0], 99) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_process_has_memory() {
        let memory = Memory::of(std::process::id()).unwrap();

        assert!(memory.rss_kib > 100.0, "{memory:?}");
        assert!(memory.pss_kib <= memory.rss_kib, "{memory:?}");
    }
}
