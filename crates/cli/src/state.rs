//! What a process needs that runs turns itself: models, facts of the place, and words for a
//! state directory that cannot be used.

use std::sync::Arc;

use agent::Place;
use models::{Models, Settings};
use store::{OpenError, Store};

use crate::{
    error::{Failure, Kind},
    program::Program,
};

/// All model APIs, with the keys of this environment.
pub(crate) fn models(program: &Program, store: &Store) -> Models {
    Models::new(Settings {
        store: store.clone(),
        clock: Arc::clone(&program.clock),
        env: Arc::new(program.env().vars().clone()),
    })
}

/// Where this process runs.
pub(crate) fn place(program: &Program) -> Place {
    let system = rustix::system::uname();
    Place {
        env: program.env().vars().clone(),
        home: program.locations.home.clone(),
        state_dir: program.locations.state_dir.clone(),
        config_path: program.locations.config_path.clone(),
        host: system.nodename().to_string_lossy().into_owned(),
        os: format!("{} ({})", std::env::consts::OS, std::env::consts::ARCH),
        timezone: jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned(),
    }
}

/// Why the state directory cannot be opened, with what to do about it.
pub(crate) fn failure(error: &OpenError) -> Failure {
    let failure = Failure::of(Kind::State, error);
    if matches!(error, OpenError::Locked { .. }) {
        return failure.hint("openclaw gateway stop");
    }
    if let OpenError::Store(error) = error
        && let Some(hint) = error.hint()
    {
        return failure.hint(hint);
    }
    failure
}

/// Whether the state directory is probably a folder of another machine: in our image it is.
pub(crate) fn is_mounted(program: &Program) -> bool {
    program.env().get("OPENCLAW_UNCONFIGURED").is_some()
}

/// What to do in a container about a folder of the host that belongs to another user.
pub(crate) fn other_owner_hint(owner: u32, ours: u32) -> String {
    format!(
        "on the host: chown -R {ours}:{ours} <that folder>; or start the container with \
         `user: root` and PUID={owner}, or as `user: \"{owner}\"`"
    )
}
