//! Does this machine know what time it is? Told by its own files, by a model's server, by a
//! gateway elsewhere and by the engines.

use std::{fs, time::UNIX_EPOCH};

use domain::UnixMillis;

use super::{
    finding::{Finding, Outcome},
    scene::{Scene, Told},
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
    let why = "model APIs refuse requests with a wrong date, and tokens seem expired";
    if now < BIRTH_MS {
        let title = "the clock is years behind";
        findings.push(Finding::error("clock.past", title, why).fix(sync(scene)));
    }
    if let Some(ahead) = newest_file_ms(scene).map(|at| at - now)
        && ahead > FUTURE_MS_MAX
    {
        let title = format!("files of the state directory are {} s from the future", ahead / 1000);
        let why = "the clock was set back; ages and expiries are wrong until it catches up";
        findings.push(Finding::warn("clock.set-back", title, why).fix(sync(scene)));
    }
    let elsewhere = gateway_elsewhere(scene);
    match &scene.server_time {
        Some(Err(said)) if is_about_time(said) => {
            let title = format!("a certificate seems to be of another time ({said})");
            findings.push(Finding::warn("clock.certificate", title, why).fix(sync(scene)));
        }
        Some(Err(said)) if elsewhere.is_none() => findings.push(Finding::note(
            "clock.unknown",
            format!("the time could not be compared with that of a server ({said})"),
            "nothing is wrong with that; only a wrong clock would not be seen",
        )),
        Some(Ok(_) | Err(_)) | None => {}
    }
    let server = scene.server_time.as_ref().and_then(|it| it.as_ref().ok());
    findings.extend(elsewhere.as_ref().into_iter().chain(server).filter_map(|told| {
        let seconds = skew_seconds(told)?;
        let title = format!("the clock of {} and ours are {seconds} s apart", told.by);
        Some(Finding::warn("clock.skew", title, why).fix(sync(scene)))
    }));
    findings.extend(engines(scene).filter_map(|told| {
        let seconds = skew_seconds(&told)?;
        let title = format!("{} and ours are {seconds} s apart", told.by);
        let why = "sandboxes are pruned too early or too late, and one of the two is wrong";
        Some(Finding::warn("clock.skew", title, why).fix(sync(scene)))
    }));
    Outcome::Looked(findings)
}

/// What sets a clock right. A container has that of its host.
fn sync(scene: &Scene<'_>) -> String {
    let command = "timedatectl set-ntp true";
    if scene.in_container { format!("on the host: {command}") } else { command.to_owned() }
}

/// How far apart the clocks are, if that is too much.
fn skew_seconds(told: &Told) -> Option<u64> {
    let skew = told.theirs.0.abs_diff(told.ours.0);
    (skew > SKEW_MS_MAX).then_some(skew / 1000)
}

/// A gateway on this machine has our clock, and proves nothing.
fn gateway_elsewhere(scene: &Scene<'_>) -> Option<Told> {
    let gateway = &scene.gateway;
    let theirs = gateway.answered.as_ref().ok().filter(|_| gateway.is_remote)?["ts"].as_i64()?;
    let by = format!("the gateway {}", gateway.url);
    Some(Told { by, theirs: UnixMillis(theirs), ours: gateway.asked_at })
}

fn engines(scene: &Scene<'_>) -> impl Iterator<Item = Told> {
    scene.engines.iter().filter_map(|facts| {
        let text = facts.checkup.as_ref().ok()?.time.as_deref()?;
        let theirs: jiff::Timestamp = text.parse().ok()?;
        let theirs = UnixMillis(theirs.as_millisecond());
        Some(Told { by: "the engine's clock".to_owned(), theirs, ours: facts.asked_at })
    })
}

/// Whether a server was refused for the dates in its certificate: most often ours is wrong.
fn is_about_time(said: &str) -> bool {
    let said = said.to_lowercase().replace(' ', "");
    said.contains("certificate") && (said.contains("expired") || said.contains("notvalidyet"))
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
