//! Does this machine know what time it is? Told by its own files and by the engines.

use std::{fs, time::UNIX_EPOCH};

use super::{
    finding::{Finding, Outcome},
    scene::Scene,
};

/// Tokens and caches bear a minute; more, and something will refuse us.
const SKEW_MS_MAX: u64 = 60_000;
/// Files may be this much from the future: other machines write to shared disks.
const FUTURE_MS_MAX: i64 = 5 * 60_000;
/// 2026-01-01: this program is younger.
const BIRTH_MS: i64 = 1_767_225_600_000;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let now = scene.program.clock.now().0;
    let mut findings = Vec::new();
    let sync = "timedatectl set-ntp true";
    let why = "model APIs refuse requests with a wrong date, and tokens seem expired";
    if now < BIRTH_MS {
        let title = "the clock is years behind";
        findings.push(Finding::error("clock.past", title, why).fix(sync));
    }
    if let Some(ahead) = newest_file_ms(scene).map(|at| at - now)
        && ahead > FUTURE_MS_MAX
    {
        let title = format!("files of the state directory are {} s from the future", ahead / 1000);
        let why = "the clock was set back; ages and expiries are wrong until it catches up";
        findings.push(Finding::warn("clock.set-back", title, why).fix(sync));
    }
    for facts in &scene.engines {
        let Ok(checkup) = &facts.checkup else { continue };
        let Some(theirs) = checkup.time.as_deref().and_then(|it| it.parse().ok()) else { continue };
        let theirs: jiff::Timestamp = theirs;
        let skew = theirs.as_millisecond().abs_diff(facts.asked_at.0);
        if skew > SKEW_MS_MAX {
            let seconds = skew / 1000;
            let title = format!("the engine's clock and ours are {seconds} s apart");
            let why = "sandboxes are pruned too early or too late, and one of the two is wrong";
            findings.push(Finding::warn("clock.skew", title, why).fix(sync));
        }
    }
    Outcome::Looked(findings)
}

/// When the youngest of a few files that we write often was changed.
fn newest_file_ms(scene: &Scene<'_>) -> Option<i64> {
    let locations = &scene.program.locations;
    let files = [
        locations.config_path.clone(),
        locations.state_dir.join("state.lock"),
        locations.state_dir.join("agents/main/sessions/sessions.json"),
    ];
    let changed = files.iter().filter_map(|file| {
        let at = fs::metadata(file).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(at.as_millis()).ok()
    });
    changed.max()
}
