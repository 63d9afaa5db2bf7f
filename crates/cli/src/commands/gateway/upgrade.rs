//! A config of an older version, met when the gateway starts: its keys are moved, and it goes on.
//!
//! An upgrade by another program on old state must not end in a loop of failing starts. Keys
//! that nobody knows are still refused: those are mistakes, and `doctor` is there for them.

use config::Editor;

use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Brings the config up to date, if nothing but old keys is wrong with it.
pub(crate) fn bring_up_to_date(program: &mut Program) {
    let snapshot = program.snapshot();
    let (false, false, Some(raw)) = (snapshot.valid, snapshot.legacy.is_empty(), &snapshot.raw)
    else {
        return;
    };
    let editor = Editor {
        locations: &program.locations,
        env: program.env(),
        version: env!("CARGO_PKG_VERSION"),
        now: program.clock.now(),
    };
    // What else is wrong is told by the start itself.
    let Ok((edited, changes)) = editor.migrate(raw) else { return };
    if !edited.loaded.snapshot.valid {
        return;
    }
    for change in &changes {
        ui::say(format!("config: {change}"));
    }
    match store::write_config(&program.locations.config_path, &edited.raw) {
        Ok(()) => {
            ui::say(format!("The former config is in {}.bak", program.config_path_shown()));
            program.reload();
        }
        Err(error) => {
            let failure = Failure::of(Kind::State, &error);
            let why = [&[failure.message][..], &failure.causes].concat().join(": ");
            ui::warn(format!("the config stays in its old form: {why}"));
            program.adopt(edited.loaded);
        }
    }
}
