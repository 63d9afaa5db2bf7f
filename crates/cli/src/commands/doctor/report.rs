//! The result for people: a line for each check, and under it what was found.

use super::{
    Done, Looked,
    finding::{Finding, Outcome, Severity},
};
use crate::{
    program::Program,
    ui::{self, Line},
};

pub(super) fn print(program: &Program, looked: &[Looked], done: &[Done]) {
    let title = format!("OpenClaw {} doctor", env!("CARGO_PKG_VERSION"));
    ui::answer(ui::paint(ui::ACCENT, title));
    for it in done {
        match it.why() {
            None => ui::answer(ui::paint(ui::SUCCESS, "done") + " " + &it.action),
            Some(why) => {
                ui::answer(ui::paint(ui::ERROR, "failed") + format!(" {}: {why}", it.action));
            }
        }
    }
    for it in looked {
        print_check(program, it);
    }
    ui::answer(summary(looked));
}

/// How much is wrong, in one line.
pub(super) fn summary(looked: &[Looked]) -> String {
    let count = |severity| {
        looked.iter().flat_map(Looked::findings).filter(|it| it.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warn));
    let said = |count: usize, one: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {one}s")),
    };
    let parts: Vec<String> =
        [said(errors, "error"), said(warnings, "warning")].into_iter().flatten().collect();
    if parts.is_empty() { "nothing is wrong".to_owned() } else { parts.join(", ") }
}

fn print_check(program: &Program, looked: &Looked) {
    let title = looked.check.title;
    match &looked.outcome {
        Outcome::Skipped(why) => {
            ui::answer(ui::paint(ui::MUTED, format!("- {title}: {why}")));
        }
        Outcome::Looked(findings) if findings.is_empty() => {
            ui::answer(ui::paint(ui::SUCCESS, "✓") + " " + title);
        }
        Outcome::Looked(findings) => {
            let worst = findings.iter().map(|it| it.severity).max().unwrap_or(Severity::Note);
            ui::answer(mark(worst) + " " + title);
            for finding in findings {
                print_finding(program, finding);
            }
        }
    }
}

fn print_finding(program: &Program, finding: &Finding) {
    let home = program.locations.home.display().to_string();
    let short = |text: &str| text.replace(&format!("{home}/"), "~/");
    let below = |word: &str| Line::from("      ") + ui::paint(ui::MUTED, word) + " ";
    ui::answer(Line::from("    ") + mark(finding.severity) + " " + short(&finding.title));
    ui::answer(below("why") + short(&finding.why));
    if let Some(fix) = &finding.fix {
        // Whole, so that it can be pasted: a shell does not expand `~` in quotes.
        ui::answer(below("fix") + fix);
    }
}

fn mark(severity: Severity) -> Line {
    match severity {
        Severity::Error => ui::paint(ui::ERROR, "✗"),
        Severity::Warn => ui::paint(ui::WARN, "!"),
        Severity::Note => ui::paint(ui::MUTED, "i"),
    }
}
