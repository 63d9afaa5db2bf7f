//! `node install` and its kin: keeps `node run` going as a service of the person's systemd.

use std::path::Path;

use serde_json::{Value, json};

use super::run::Place;
use crate::{
    error::Failure,
    program::Program,
    systemd::{Action, State, Unit},
    ui,
};

const NAME: &str = "openclaw-node";
const ABOUT: &str = "OpenClaw node: lends this machine's commands to a gateway";
const RUN_HINT: &str = "openclaw node run";

/// How the outcome is printed
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the outcome as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Keep this node running as a service of systemd
#[derive(Debug, clap::Args)]
pub(super) struct Install {
    #[command(flatten)]
    place: Place,
    /// Accepted for scripts; this program needs no runtime
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<String>,
    /// Replace an existing service
    #[arg(long)]
    force: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn install(program: &Program, args: &Install) -> Result<(), Failure> {
    let unit = Unit::named(program, NAME);
    if unit.is_written() && !args.force {
        let message = format!(
            "The service is there already: {} (--force replaces it)",
            program.locations.shorten(unit.path())
        );
        tell(args.json, ("install", "already-installed", &message), true);
        return Ok(());
    }
    let done = args
        .place
        .keep(program)
        .and_then(|_| unit.install(program, (ABOUT, &["node", "run"])))
        .map_err(|failure| refused(failure, "install", args.json));
    done?;
    let message = format!(
        "Installed and started: {}. A shared token it needs goes into {}",
        program.locations.shorten(unit.path()),
        program.locations.shorten(Path::new(&program.locations.state_dir.join(".env")))
    );
    tell(args.json, ("install", "installed", &message), true);
    Ok(())
}

pub(super) fn uninstall(program: &Program, args: &Args) -> Result<(), Failure> {
    let unit = Unit::named(program, NAME);
    if !unit.is_written() {
        not_loaded("uninstall", args.json);
        return Ok(());
    }
    unit.uninstall(program).map_err(|failure| refused(failure, "uninstall", args.json))?;
    tell(args.json, ("uninstall", "uninstalled", "The service is gone."), false);
    Ok(())
}

pub(super) fn act(program: &Program, action: Action, args: &Args) -> Result<(), Failure> {
    let unit = Unit::named(program, NAME);
    if !unit.is_written() {
        not_loaded(action.name(), args.json);
        return Ok(());
    }
    unit.act(program, action).map_err(|failure| refused(failure, action.name(), args.json))?;
    let message = format!("The service was {}.", action.done());
    tell(args.json, (action.name(), action.done(), &message), true);
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "all commands have this shape")]
pub(super) fn status(program: &Program, args: &Args) -> Result<(), Failure> {
    let unit = Unit::named(program, NAME);
    let (state, why) = match unit.state(program) {
        Ok(state) => (state, None),
        Err(failure) => (State::default(), Some(failure)),
    };
    let is_loaded = unit.is_written() && state.is_enabled;
    if args.json {
        let mut service = service(is_loaded);
        service["installed"] = unit.is_written().into();
        service["path"] = json!(unit.path());
        service["runtime"] = state.runtime();
        let error = why.map(|it| it.message);
        ui::answer_json(&json!({ "ok": true, "service": service, "error": error }));
        return Ok(());
    }
    let path = program.locations.shorten(unit.path());
    let mut lines = vec![match (unit.is_written(), is_loaded) {
        (false, _) => "Service: not installed".to_owned(),
        (true, false) => format!("Service: {path} (disabled)"),
        (true, true) => format!("Service: {path} (enabled)"),
    }];
    if let Some(failure) = &why {
        lines.push(format!("Runtime: unknown ({})", failure.message));
    } else {
        let pid = state.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
        lines.push(format!("Runtime: {} ({}{pid})", state.active, state.sub));
    }
    ui::answer(lines);
    let hint = why.and_then(|failure| failure.hint);
    if let Some(hint) = hint.or_else(|| (!unit.is_written()).then(|| RUN_HINT.to_owned())) {
        ui::hint(hint);
    }
    Ok(())
}

fn service(is_loaded: bool) -> Value {
    json!({
        "label": "systemd",
        "loaded": is_loaded,
        "loadedText": "enabled",
        "notLoadedText": "disabled",
    })
}

fn tell(json: bool, (action, result, message): (&str, &str, &str), is_loaded: bool) {
    if json {
        ui::answer_json(&json!({
            "ok": true,
            "action": action,
            "result": result,
            "message": message,
            "service": service(is_loaded),
        }));
    } else {
        ui::answer(message);
    }
}

/// Nothing is installed, so there is nothing to act on.
fn not_loaded(action: &str, json: bool) {
    tell(json, (action, "not-loaded", "The node service is not installed."), false);
    if !json {
        ui::hint(RUN_HINT);
    }
}

fn refused(failure: Failure, action: &str, json: bool) -> Failure {
    if json {
        ui::answer_json(&json!({
            "ok": false,
            "action": action,
            "error": failure.message,
            "hints": failure.hint,
            "service": service(false),
        }));
    }
    failure.answered(json)
}
