//! Are the conversations on disk whole?

use store::Flaw;

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::Scene,
};
use crate::conversations;

/// Findings of one sort that are told one by one, unless the look is a deep one.
const TOLD_MAX: usize = 3;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let Ok(store) = conversations::open(scene.program, None) else {
        return Outcome::Skipped("the state directory cannot be read");
    };
    let mut findings = Vec::new();
    let (mut orphans, mut orphan_bytes, mut missing) = (0_usize, 0_u64, Vec::new());
    for agent in store.session_agents() {
        for flaw in store.sessions(&agent).survey() {
            match flaw {
                Flaw::Orphan { bytes, .. } => {
                    orphans += 1;
                    orphan_bytes += bytes;
                }
                Flaw::Missing { key } => missing.push(key),
                Flaw::Index { .. }
                | Flaw::Lock { .. }
                | Flaw::Unreadable { .. }
                | Flaw::Damaged { .. } => findings.extend(judge(scene, flaw)),
            }
        }
    }
    if !missing.is_empty() {
        let shown: Vec<&str> = missing
            .iter()
            .take(if scene.deep { usize::MAX } else { TOLD_MAX })
            .map(String::as_str)
            .collect();
        findings.push(Finding::warn(
            "sessions.missing",
            format!("{} conversations have no transcript: {}", missing.len(), shown.join(", ")),
            "they go on as if nothing had been said",
        ));
    }
    if orphans > 0 {
        findings.push(Finding::note(
            "sessions.orphans",
            format!("{orphans} transcripts ({} KiB) belong to no conversation", orphan_bytes >> 10),
            "they are of conversations that began anew; nothing reads them, and they may stay",
        ));
    }
    if has_databases(scene) {
        findings.push(Finding::note(
            "sessions.database",
            "there are SQLite databases of OpenClaw 2026.9",
            "conversations in them are not read by this version; the files stay as they are",
        ));
    }
    Outcome::Looked(findings)
}

fn judge(scene: &Scene<'_>, flaw: Flaw) -> Option<Finding> {
    Some(match flaw {
        Flaw::Index { path, said } => Finding::error(
            "sessions.index",
            format!("{} cannot be used: {said}", scene.shown(&path)),
            "the agent's conversations are not found until it is put right",
        )
        .fix(format!("look for a copy beside it: ls '{}'*", path.display())),
        Flaw::Lock { path, pid, is_stale: true } => {
            let whose = pid.map_or_else(String::new, |pid| format!(" of process {pid}"));
            Finding::warn(
                "sessions.left-lock",
                format!("{}{whose} was left behind", scene.shown(&path)),
                "an older OpenClaw on the same state waits for it",
            )
            .fix(format!("rm '{}'", path.display()))
            .repair(Repair::BreakLock { path })
        }
        Flaw::Unreadable { path, said } => Finding::error(
            "sessions.unreadable",
            format!("{} cannot be read: {said}", scene.shown(&path)),
            "the conversation cannot go on",
        )
        .fix(format!("chmod u+rw '{}'", path.display())),
        Flaw::Damaged { path, lines } => Finding::warn(
            "sessions.damaged",
            format!("{} has {lines} lines that make no sense", scene.shown(&path)),
            "they are passed over; the rest of the conversation is used",
        ),
        Flaw::Lock { is_stale: false, .. } | Flaw::Missing { .. } | Flaw::Orphan { .. } => {
            return None;
        }
    })
}

/// Whether a later version kept its conversations here.
fn has_databases(scene: &Scene<'_>) -> bool {
    let agents = scene.program.locations.state_dir.join("agents");
    let found = std::fs::read_dir(agents).into_iter().flatten().flatten();
    found.map(|it| it.path()).any(|it| it.join("agent/openclaw-agent.sqlite").exists())
}
