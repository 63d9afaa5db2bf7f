//! The table: how a figure is shown, and how the table gets into `docs/benchmarks.md`.

use std::{fmt::Write as _, fs, process::Command};

use anyhow::Context as _;
use domain::{Clock as _, SystemClock};

use crate::workspace;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// One line of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) figure: &'static str,
    pub(super) goal: &'static str,
    /// OpenClaw 2026.9 on a machine of this kind; empty when it was not measured.
    pub(super) reference: &'static str,
    pub(super) measured: String,
    pub(super) verdict: Verdict,
}

/// Whether a figure reaches its goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    Missed,
    /// The measurement itself did not come to its end.
    Failed,
}

impl Verdict {
    /// `Met` when `holds`.
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Met } else { Self::Missed }
    }
}

impl Row {
    /// The row of a figure that could not be measured.
    pub(super) fn failed(figure: &'static str, error: &anyhow::Error) -> Self {
        let first = format!("{error:#}").lines().next().unwrap_or_default().to_owned();
        eprintln!("{figure}: {error:#}");
        Self { figure, goal: "", reference: "", measured: first, verdict: Verdict::Failed }
    }

    pub(super) fn is_failure(&self) -> bool {
        self.verdict == Verdict::Failed
    }
}

/// The rows as a Markdown table.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text =
        String::from("| figure | goal | measured | | OpenClaw 2026.9 |\n|---|---|---|---|---|\n");
    for row in rows {
        let verdict = match row.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::Failed => "**failed**",
        };
        let measured = row.measured.replace('|', "\\|");
        let Row { figure, goal, reference, .. } = row;
        let written =
            writeln!(text, "| {figure} | {goal} | {measured} | {verdict} | {reference} |");
        debug_assert!(written.is_ok(), "a string takes every write");
    }
    text
}

/// Puts `table` between the marks of `docs/benchmarks.md`, with date and machine.
pub(super) fn write(table: &str) -> anyhow::Result<()> {
    let path = workspace::root().join("docs/benchmarks.md");
    let text = fs::read_to_string(&path)?;
    let iso = SystemClock.now().to_iso();
    let date = iso.split('T').next().unwrap_or_default();
    let block = format!(
        "`cargo xtask bench --write`, {date}, {}, commit `{}`.\n\n{table}",
        machine()?,
        commit()
    );
    fs::write(&path, replace(&text, &block)?)?;
    Ok(())
}

fn replace(text: &str, block: &str) -> anyhow::Result<String> {
    let (head, rest) = text.split_once(BEGIN).with_context(|| format!("no `{BEGIN}`"))?;
    let (_, tail) = rest.split_once(END).with_context(|| format!("no `{END}`"))?;
    Ok(format!("{head}{BEGIN}\n{}\n{END}{tail}", block.trim_end()))
}

fn machine() -> anyhow::Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let value = |line: &str| Some(line.split_once(':')?.1.trim().to_owned());
    let model = cpus.lines().find(|line| line.starts_with("model name")).and_then(value);
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let kib: f64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default();
    let model = model.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    Ok(format!("{cores} cores ({model}), {:.0} GiB", kib / 1024.0 / 1024.0))
}

fn commit() -> String {
    Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(workspace::root())
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_was_missed() {
        let row = Row {
            figure: "size",
            goal: "≤ 1 MB",
            reference: "647 MB",
            measured: "2 MB".to_owned(),
            verdict: Verdict::of(false),
        };

        let text = table(&[row]);

        assert_eq!(text.lines().last(), Some("| size | ≤ 1 MB | 2 MB | **missed** | 647 MB |"));
    }

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");

        let new = replace(&text, "new\n").unwrap();

        assert_eq!(new, format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert!(replace("no marks", "new").is_err());
    }
}
