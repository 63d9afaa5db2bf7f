//! `gateway start|restart|install|uninstall`: what is said by a build that manages no services.
//!
//! A service that is not there is `not-loaded`, which is no failure; making or removing one is
//! beyond this build, which is.

use serde_json::{Value, json};

use crate::{
    error::{Failure, Kind},
    ui,
};

const RUN_HINT: &str = "openclaw gateway run";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    /// Port of the service
    #[arg(long)]
    port: Option<u16>,
    /// Accepted for scripts; this program needs no runtime
    #[arg(long, value_name = "RUNTIME")]
    runtime: Option<String>,
    /// Token of the service
    #[arg(long, value_name = "TOKEN", value_parser = crate::args::secret)]
    token: Option<domain::Secret>,
    /// Replace an existing service
    #[arg(long)]
    force: bool,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The service as the reference describes one that is not there.
pub(crate) fn absent() -> Value {
    let label = if cfg!(target_os = "macos") { "LaunchAgent" } else { "systemd" };
    json!({
        "label": label,
        "loaded": false,
        "loadedText": "enabled",
        "notLoadedText": "disabled",
    })
}

/// The outcome of an action, as scripts read it.
pub(crate) fn outcome(action: &str, result: &str, message: &str, hints: &[&str]) -> Value {
    json!({
        "ok": true,
        "action": action,
        "result": result,
        "message": message,
        "hints": hints,
        "service": absent(),
    })
}

/// Nothing is installed, so there is nothing to act on.
#[expect(clippy::unnecessary_wraps, reason = "all commands have this shape")]
pub(crate) fn not_loaded(action: &str, args: &Args) -> Result<(), Failure> {
    let message = "Gateway service is not installed; this build does not manage services.";
    if args.json {
        ui::answer_json(&outcome(action, "not-loaded", message, &[RUN_HINT]));
    } else {
        ui::answer(message);
        ui::hint(RUN_HINT);
    }
    Ok(())
}

/// This build cannot do that.
pub(crate) fn unmanaged(action: &str, json: bool) -> Failure {
    let message = format!("cannot {action} a service: this build does not manage services");
    if json {
        ui::answer_json(&json!({
            "ok": false,
            "action": action,
            "error": message,
            "hints": [RUN_HINT],
            "service": absent(),
        }));
    }
    Failure::new(Kind::Failed, message)
        .answered(json)
        .hint("run `openclaw gateway run` under systemd, launchd or a container")
}
