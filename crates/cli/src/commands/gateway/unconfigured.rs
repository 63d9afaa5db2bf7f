//! A gateway in a container that cannot start with its config, or has none: it waits, instead of
//! failing again and again.
//!
//! Once there is a config that it can start with, this process becomes a fresh one of the same program: all that depends
//! on the config (log, environment, places) then begins as if it had always been there.

use std::{
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    process::Command,
    sync::Arc,
};

use config::Config;
use gateway::{App, Options, Overrides, StartError};
use tracing::info;

use super::run::{Signals, refused};
use crate::{
    error::{Failure, Kind},
    program::Program,
    state, ui,
};

/// Says what a start does that the config does not allow: `wait`, or fail. Our images set it.
const VARIABLE: &str = "OPENCLAW_UNCONFIGURED";

/// Whether a start that the config does not allow is to wait for another config.
pub(super) fn is_to_wait(program: &Program) -> bool {
    program.env().get(VARIABLE).is_some_and(|it| it.trim() == "wait")
}

/// What holds where nothing can be read of the file.
pub(super) fn defaults(program: &Program) -> Option<Arc<Config>> {
    config::load_text("{}", &program.locations, program.env()).config
}

/// Waits for a config to start with, and then starts over. `None` when there is one already;
/// else this comes back when the process is to end.
pub(super) async fn wait(
    program: &Program,
    config: &Config,
    overrides: &Overrides,
) -> Option<Result<(), Failure>> {
    let options = Options {
        locations: program.locations.clone(),
        env: program.env().clone(),
        loaded: program.loaded().clone(),
        overrides: overrides.clone(),
        allow_unconfigured: false,
        clock: Arc::clone(&program.clock),
    };
    let reason = App::check_config(&options).err()?;
    Some(wait_for(program, config, &options, &reason).await)
}

async fn wait_for(
    program: &Program,
    config: &Config,
    options: &Options,
    reason: &StartError,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    if matches!(reason, StartError::MissingConfig) {
        ui::say(format!("No config at {}: waiting for one.", program.config_path_shown()));
        ui::hint("openclaw onboard (in Docker: docker compose run --rm openclaw-cli onboard)");
    } else {
        let path = program.config_path_shown();
        ui::warn(format!("no gateway can start with {path}: {reason}; waiting for a change of it"));
        ui::hint("openclaw doctor (in Docker: docker compose run --rm openclaw-cli doctor)");
    }
    warn_of_owner(program);
    tokio::select! {
        biased;
        () = signals.end_asked() => Ok(()),
        there = App::wait_for_config(options, config, reason) => match there {
            Ok(()) => Err(start_over()),
            Err(error) => Err(refused(program, &error)),
        },
    }
}

/// Says at once what would stop the command that makes the config.
fn warn_of_owner(program: &Program) {
    let dir = &program.locations.state_dir;
    let Ok(meta) = dir.metadata() else { return };
    if rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_err() {
        let (owner, ours) = (meta.uid(), rustix::process::getuid().as_raw());
        let dir = dir.display();
        ui::warn(format!("cannot write `{dir}`: it belongs to uid {owner} and we are uid {ours}"));
        ui::hint(state::other_owner_hint(owner, ours));
    }
}

/// Becomes a fresh process of this program with the same arguments; yields only a failure.
fn start_over() -> Failure {
    info!("there is a config; starting");
    #[expect(clippy::disallowed_methods, reason = "this process becomes itself again")]
    let mut again = Command::new("/proc/self/exe");
    let error = again.arg0("openclaw").args(std::env::args_os().skip(1)).exec();
    Failure::while_doing(Kind::Failed, "cannot start over with the new config", &error)
}
