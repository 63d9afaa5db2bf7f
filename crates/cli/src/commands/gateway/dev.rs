//! `gateway run --dev`: a config and a workspace to develop with, made when there are none.
//!
//! `--reset` puts the whole state directory aside first, under a name with the time in it;
//! nothing is deleted.

use std::sync::Arc;

use serde_json::json;
use store::{OpenOptions, Store};

use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

const AGENT: &str = "dev";
const IDENTITY: &str = "# Identity\n\n\
    - Name: Tinker\n\
    - Nature: workshop assistant of a developer\n\
    - Emoji: 🔧\n";
const SOUL: &str = "# Character\n\n\
    You help someone who builds and tests this gateway. Say what you did and what came of it,\n\
    in few words. Try things; this workspace may be thrown away at any time.\n";

/// Moves the state directory out of the way.
pub(super) fn put_aside(program: &Program) -> Result<(), Failure> {
    let dir = &program.locations.state_dir;
    if let Some(pid) = store::lock_holder(dir) {
        let message =
            format!("cannot reset: process {pid} uses {}", program.locations.shorten(dir));
        return Err(Failure::new(Kind::State, message).hint("openclaw gateway stop"));
    }
    if !dir.exists() {
        return Ok(());
    }
    let time = program.clock.now().timestamp().strftime("%Y%m%d-%H%M%S");
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(format!(".reset-{time}"));
    let aside = dir.with_file_name(name);
    #[expect(clippy::disallowed_methods, reason = "no store is open on a directory that goes")]
    std::fs::rename(dir, &aside).map_err(|error| {
        Failure::while_doing(Kind::State, format!("cannot move `{}`", dir.display()), &error)
    })?;
    ui::say(format!("The former state is in {}", program.locations.shorten(&aside)));
    Ok(())
}

/// Makes config and workspace, if there is no config.
pub(super) fn prepare(program: &Program) -> Result<(), Failure> {
    if program.snapshot().exists {
        return Ok(());
    }
    let workspace = program.locations.state_dir.join("workspace-dev");
    let config = json!({
        "gateway": {
            "mode": "local",
            "bind": "loopback",
            "auth": {"mode": "token", "token": token()?},
        },
        "agents": {
            "defaults": {"workspace": workspace, "skipBootstrap": true},
            "list": [{
                "id": AGENT,
                "default": true,
                "workspace": workspace,
                "identity": {"name": "Tinker", "theme": "workshop assistant", "emoji": "🔧"},
            }],
        },
    });
    let text = format!("{config:#}\n");
    store::write_config(&program.locations.config_path, &text)
        .map_err(|error| Failure::of(Kind::State, &error))?;
    let store = Store::open_unlocked(OpenOptions {
        state_dir: program.locations.state_dir.clone(),
        sessions_template: None,
        clock: Arc::clone(&program.clock),
    })
    .map_err(|error| Failure::of(Kind::State, &error))?;
    store
        .workspace(&workspace)
        .seed(&[("IDENTITY.md", IDENTITY), ("SOUL.md", SOUL)])
        .map_err(|error| Failure::of(Kind::State, &error))?;
    ui::say(format!("Made a development config: {}", program.config_path_shown()));
    Ok(())
}

/// A fresh shared token: 48 hex digits.
pub(super) fn token() -> Result<String, Failure> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::while_doing(Kind::Failed, "no random numbers", &error))?;
    Ok(hex::encode(bytes))
}
