//! What `doctor --fix` does.
//!
//! Safe are repairs that lose nothing and that nobody could object to; the others wait for a
//! yes.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use config::{EditError, Edited, Editor, KeyPath};
use serde_json::{Value, json};
use store::{SandboxKind, SandboxRegistry};

use crate::{
    commands::{gateway, sandbox},
    error::{Failure, Kind},
    program::Program,
    wait_for,
};

/// One deed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Repair {
    /// Moves old keys of the config to their new places and drops unknown ones.
    Config,
    /// Brings an earlier config back in the place of one that cannot be read.
    Restore { text: String },
    /// Gives a path these permission bits.
    Protect { path: PathBuf, mode: u32 },
    /// Makes a directory that is missing.
    MakeDir { path: PathBuf },
    /// Removes the lock of a process that is gone.
    BreakLock { path: PathBuf },
    /// Takes a container that is gone off the list of sandboxes.
    Forget { container: String },
    /// Removes a container; it is made anew when next used.
    RemoveBox { container: String },
    /// Removes what a gateway that ended badly kept ready, and lists the sandboxes that it lost.
    Sweep,
    /// Runs the command that brings an image.
    Bring { command: Vec<String> },
    /// Sets a value of the config.
    Set { path: &'static str, value: Value },
    /// Makes a token for the gateway.
    NewToken,
}

/// A deed and what became of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) id: &'static str,
    pub(super) action: String,
    pub(super) failed: Option<Failure>,
}

impl Done {
    /// Why it failed, in one line.
    pub(super) fn why(&self) -> Option<String> {
        let failure = self.failed.as_ref()?;
        Some([&[failure.message.clone()][..], &failure.causes].concat().join(": "))
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id,
            "action": self.action,
            "ok": self.failed.is_none(),
            "error": self.why(),
        })
    }
}

impl Repair {
    /// Whether it may be done without a yes of its own.
    pub(super) fn is_safe(&self) -> bool {
        match self {
            Self::Config
            | Self::Protect { .. }
            | Self::MakeDir { .. }
            | Self::BreakLock { .. }
            | Self::Forget { .. }
            | Self::Sweep => true,
            Self::Restore { .. }
            | Self::RemoveBox { .. }
            | Self::Bring { .. }
            | Self::Set { .. }
            | Self::NewToken => false,
        }
    }

    /// What it does, for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Config => "bring the config up to date (the old file stays as .bak)".to_owned(),
            Self::Restore { .. } => {
                "bring the last config back (the broken one stays as .bak)".to_owned()
            }
            Self::Protect { path, mode } => format!("chmod {mode:o} '{}'", path.display()),
            Self::MakeDir { path } => format!("make directory '{}'", path.display()),
            Self::BreakLock { path } => format!("remove the left lock '{}'", path.display()),
            Self::Forget { container } => format!("take {container} off the list of sandboxes"),
            Self::RemoveBox { container } => format!("remove the container {container}"),
            Self::Sweep => "remove unused containers, and list the others".to_owned(),
            Self::Bring { command } => command.join(" "),
            Self::Set { path, value } => format!("set {path} to {value}"),
            Self::NewToken => "make a gateway token".to_owned(),
        }
    }

    /// Does it.
    pub(super) fn apply(&self, program: &Program) -> Result<(), Failure> {
        let stored = |done: Result<(), store::StoreError>| {
            done.map_err(|error| Failure::of(Kind::State, &error))
        };
        match self {
            Self::Config => edit(program, |editor, raw| editor.repair(raw).map(|it| it.0)),
            Self::Restore { text } => {
                stored(store::write_config(&program.locations.config_path, text))
            }
            Self::Protect { path, mode } => stored(store::protect(path, *mode)),
            Self::MakeDir { path } => stored(store::make_private_dir(path)),
            Self::BreakLock { path } => stored(store::break_stale_lock(path)),
            Self::Forget { container } => wait_for(async {
                let registry = SandboxRegistry::new(&program.locations.state_dir);
                stored(registry.remove(SandboxKind::Container, container).await)
            }),
            Self::RemoveBox { container } => wait_for(sandbox::remove_by_name(program, container)),
            Self::Sweep => wait_for(sandbox::sweep(program)),
            Self::Bring { command } => bring(command),
            Self::Set { path, value } => set(program, path, value.clone()),
            Self::NewToken => {
                set(program, "gateway.auth.token", Value::from(gateway::fresh_token()?))
            }
        }
    }
}

/// Runs a command that takes long and says so itself.
#[expect(clippy::disallowed_methods, reason = "the person agreed to this very command")]
fn bring(command: &[String]) -> Result<(), Failure> {
    let Some((name, args)) = command.split_first() else { return Ok(()) };
    let output = Command::new(name)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| Failure::while_doing(Kind::Failed, "it cannot be started", &error))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it failed");
    Err(Failure::new(Kind::Failed, last.trim()))
}

fn set(program: &Program, path: &str, value: Value) -> Result<(), Failure> {
    let path: KeyPath =
        path.parse().map_err(|error: config::KeyPathError| Failure::of(Kind::Failed, &error))?;
    edit(program, |editor, raw| editor.set(raw, &path, value))
}

/// Changes the text of the config and writes it, unless the outcome would be invalid.
fn edit(
    program: &Program,
    change: impl FnOnce(Editor<'_>, &str) -> Result<Edited, EditError>,
) -> Result<(), Failure> {
    let editor = Editor {
        locations: &program.locations,
        env: program.env(),
        version: env!("CARGO_PKG_VERSION"),
        now: program.clock.now(),
    };
    let raw = program.snapshot().raw.as_deref().unwrap_or_default();
    let edited = change(editor, raw).map_err(|error| Failure::of(Kind::Config, &error))?;
    store::write_config(&program.locations.config_path, &edited.raw)
        .map_err(|error| Failure::of(Kind::State, &error))
}
