//! Is the config there, readable, of today's form, and does it let a gateway start?

use std::path::Path;

use config::Mode;
use policy::explain::browser_note;

use super::{
    finding::{Finding, Outcome},
    repair::Repair,
    scene::Scene,
};

/// The text of the newest backup that would do as a config.
fn backup(scene: &Scene<'_>) -> Option<String> {
    let program = scene.program;
    let ends = std::iter::once(".bak".to_owned()).chain((1..5).map(|n| format!(".bak.{n}")));
    ends.map(|end| {
        let mut name = program.locations.config_path.as_os_str().to_owned();
        name.push(end);
        read(Path::new(&name))
    })
    .find_map(|text| {
        let text = text?;
        let loaded = config::load_text(&text, &program.locations, program.env());
        loaded.snapshot.valid.then_some(text)
    })
}

#[expect(clippy::disallowed_methods, reason = "only `config` reads configs, and it takes texts")]
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let snapshot = scene.program.snapshot();
    let path = scene.program.config_path_shown();
    let mut findings = Vec::new();
    if !snapshot.exists {
        findings.push(
            Finding::note(
                "config.missing",
                format!("there is no config at {path}"),
                "all settings have their defaults, and the gateway asks for gateway.mode",
            )
            .fix(scene.command("onboard")),
        );
        return Outcome::Looked(findings);
    }
    findings.extend(problems(scene));
    if let Some(config) = scene.config
        && config.gateway.mode.is_none()
    {
        findings.push(
            Finding::warn(
                "config.mode-unset",
                "gateway.mode is not set",
                "the gateway does not start unless it is `local` or --allow-unconfigured is given",
            )
            .fix(scene.command("config set gateway.mode local"))
            .repair(Repair::Set { path: "gateway.mode", value: "local".into() }),
        );
    }
    if scene.config.is_some_and(|it| it.gateway.mode == Some(Mode::Remote))
        && scene.program.setting_text("/gateway/remote/url").is_none()
    {
        findings.push(
            Finding::error(
                "config.remote-without-url",
                "gateway.mode is remote, but gateway.remote.url is not set",
                "commands do not know which gateway to talk to",
            )
            .fix(scene.command("config set gateway.remote.url wss://<host>")),
        );
    }
    findings.extend(unserved_browser(scene));
    findings.extend(snapshot.warnings.iter().map(|problem| {
        Finding::note("config.warning", problem.to_string(), "it has no effect, or not for long")
    }));
    Outcome::Looked(findings)
}

/// What is wrong with the file itself.
fn problems(scene: &Scene<'_>) -> Vec<Finding> {
    let snapshot = scene.program.snapshot();
    let mut findings = Vec::new();
    let count = snapshot.problems.len();
    for (at, problem) in snapshot.problems.iter().enumerate() {
        let is_legacy = snapshot.legacy.contains(problem);
        let is_unknown = problem.message.starts_with("unknown key");
        let (id, why) = if is_legacy {
            ("config.legacy-key", "the key is of an older version and is not read where it is")
        } else if is_unknown {
            ("config.unknown-key", "nothing reads it; it may be misspelt")
        } else {
            ("config.invalid", "the gateway does not start with an invalid config")
        };
        let line = problem.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let title = format!("{}: {}{line}", problem.shown_path(), problem.message);
        let mut finding = Finding::error(id, title, why);
        finding = if is_legacy || is_unknown {
            finding.fix(scene.command("doctor --fix"))
        } else {
            finding.fix(format!("edit {}", snapshot.path.display()))
        };
        if scene.program.is_unreadable() {
            if let Some(text) = backup(scene) {
                finding = finding
                    .fix(scene.command("doctor --fix (it brings the last config back)"))
                    .repair(Repair::Restore { text });
            }
        } else if at + 1 == count && snapshot.raw.is_some() {
            // One repair mends them all; whether it can is seen when it is done.
            finding = finding.repair(Repair::Config);
        }
        findings.push(finding);
    }
    findings
}

/// The browser that agents want in their sandbox and do not get.
fn unserved_browser(scene: &Scene<'_>) -> Option<Finding> {
    let agents = scene.config?.agents.list.iter();
    let wanting: Vec<_> =
        agents.filter_map(|agent| Some((agent.id.as_str(), browser_note(agent)?))).collect();
    let (_, note) = wanting.first()?;
    let names: Vec<&str> = wanting.iter().map(|(id, _)| *id).collect();
    let why = format!("agents that ask for it have none: {}", names.join(", "));
    let command = scene.command("config set agents.defaults.sandbox.browser.enabled false");
    Some(Finding::warn("config.sandbox-browser", *note, why).fix(command))
}
