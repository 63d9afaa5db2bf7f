//! User units of systemd: written, enabled, started, stopped and taken away, for commands that
//! keep a part of this program running. What runs in them is not known here.

#![expect(clippy::disallowed_methods, reason = "the files and programs are those of the person")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    error::{Failure, Kind},
    program::Program,
};

/// Variables that a unit takes over: where files are, and where programs are found. No secrets.
const KEPT: [&str; 4] = ["PATH", "OPENCLAW_HOME", "OPENCLAW_STATE_DIR", "OPENCLAW_CONFIG_PATH"];

/// A unit of the person who runs this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    name: String,
    path: PathBuf,
}

/// What systemd says of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    /// Whether it starts by itself.
    pub(crate) is_enabled: bool,
    /// Such as `active` and `running`.
    pub(crate) active: String,
    pub(crate) sub: String,
    pub(crate) pid: Option<u32>,
}

/// What becomes of a unit that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Start,
    Stop,
    Restart,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    /// How it is told once it is done.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Restart => "restarted",
        }
    }
}

impl Unit {
    /// The unit of that name, for the profile in force.
    pub(crate) fn named(program: &Program, name: &str) -> Self {
        let name = match &program.locations.profile {
            Some(profile) => format!("{name}-{profile}.service"),
            None => format!("{name}.service"),
        };
        let config = program.env().get("XDG_CONFIG_HOME").filter(|it| it.starts_with('/'));
        let home = program.env().get("HOME").map(PathBuf::from);
        let home = home.unwrap_or_else(|| program.locations.home.clone());
        let dir = config.map_or_else(|| home.join(".config"), PathBuf::from);
        let path = dir.join("systemd/user").join(&name);
        Self { name, path }
    }

    /// Its file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its file is there.
    pub(crate) fn is_written(&self) -> bool {
        self.path.exists()
    }

    /// Writes it for `args` of this very program, has it start now and at every login.
    pub(crate) fn install(
        &self,
        program: &Program,
        (about, args): (&str, &[&str]),
    ) -> Result<(), Failure> {
        reachable(program)?;
        let of = |error: &std::io::Error| {
            let path = program.locations.shorten(&self.path);
            Failure::while_doing(Kind::State, format!("cannot write {path}"), error)
        };
        if let Some(dir) = self.path.parent() {
            held::make_dirs(dir, 0o700).map_err(|error| of(&error))?;
        }
        let text = text(program, about, args)?;
        // Whoever can write it has commands run as this user.
        let mut options = fs::OpenOptions::new();
        store::open_private(&self.path, options.write(true).truncate(true))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| of(&error))?;
        systemctl(&["daemon-reload"])?;
        systemctl(&["enable", &self.name])?;
        // One that ran with an older file takes up the new one.
        systemctl(&["restart", &self.name])
    }

    /// Stops it and takes its file away.
    pub(crate) fn uninstall(&self, program: &Program) -> Result<(), Failure> {
        reachable(program)?;
        systemctl(&["disable", "--now", &self.name])?;
        fs::remove_file(&self.path).map_err(|error| {
            let path = program.locations.shorten(&self.path);
            Failure::while_doing(Kind::State, format!("cannot remove {path}"), &error)
        })?;
        systemctl(&["daemon-reload"])
    }

    pub(crate) fn act(&self, program: &Program, action: Action) -> Result<(), Failure> {
        reachable(program)?;
        systemctl(&[action.name(), &self.name])
    }

    /// What systemd says of it.
    pub(crate) fn state(&self, program: &Program) -> Result<State, Failure> {
        reachable(program)?;
        let properties = "--property=UnitFileState,ActiveState,SubState,MainPID";
        let output = run(&["show", &self.name, properties])?;
        Ok(State::read(&String::from_utf8_lossy(&output.stdout)))
    }
}

impl State {
    fn read(text: &str) -> Self {
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            line.unwrap_or_default().trim().to_owned()
        };
        Self {
            is_enabled: value("UnitFileState").starts_with("enabled"),
            active: value("ActiveState"),
            sub: value("SubState"),
            pid: value("MainPID").parse().ok().filter(|pid| *pid > 0),
        }
    }

    /// The state as scripts read it.
    pub(crate) fn runtime(&self) -> Value {
        let status = if self.active == "active" { "running" } else { "stopped" };
        json!({ "status": status, "state": self.active, "subState": self.sub, "pid": self.pid })
    }
}

/// Whether the systemd of this person can be asked at all, or why not.
fn reachable(program: &Program) -> Result<(), Failure> {
    if config::in_container(program.env()) {
        let message = "this is a container: there is no systemd in it to keep services";
        return Err(Failure::new(Kind::Failed, message)
            .hint("let compose keep it up: a service with `restart: unless-stopped`"));
    }
    let absent = "no systemd of this user can be reached, so no service can be kept by it";
    let hint = "run it under the supervisor that this machine has, or `loginctl enable-linger` \
                and log in anew";
    match run(&["show", "--property=Version"]) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(Failure::new(Kind::Failed, absent).fact(why).hint(hint))
        }
        Err(failure) => {
            let mut absent = Failure::new(Kind::Failed, absent).hint(hint);
            absent.causes = failure.causes;
            Err(absent)
        }
    }
}

fn run(args: &[&str]) -> Result<Output, Failure> {
    let output = Command::new("systemctl").arg("--user").args(args).output();
    output.map_err(|error| Failure::while_doing(Kind::Failed, "cannot run systemctl", &error))
}

fn systemctl(args: &[&str]) -> Result<(), Failure> {
    let output = run(args)?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let message = format!("systemctl --user {} failed", args.join(" "));
    Err(Failure::new(Kind::Failed, message).fact(why).hint("journalctl --user -n 50"))
}

/// The file of a unit.
fn text(program: &Program, about: &str, args: &[&str]) -> Result<String, Failure> {
    let own = std::env::current_exe()
        .map_err(|error| Failure::while_doing(Kind::Failed, "cannot find this program", &error))?;
    let mut words = vec![own.to_string_lossy().into_owned()];
    if let Some(profile) = &program.locations.profile {
        words.extend(["--profile".to_owned(), profile.clone()]);
    }
    words.extend(args.iter().map(|arg| (*arg).to_owned()));
    let command: Vec<String> = words.iter().map(|word| quoted(&word.replace('$', "$$"))).collect();
    let variables = KEPT.iter().filter_map(|name| Some((name, program.env().get(name)?)));
    let variables: Vec<String> = variables
        .map(|(name, value)| format!("Environment={}\n", quoted(&format!("{name}={value}"))))
        .collect();
    let variables = variables.concat();
    Ok(format!(
        "[Unit]\nDescription={about}\nAfter=network-online.target\n\
         Wants=network-online.target\n\n[Service]\nExecStart={}\nRestart=always\nRestartSec=5\n\
         {variables}\n[Install]\nWantedBy=default.target\n",
        command.join(" ")
    ))
}

/// A word as systemd reads it in one piece.
fn quoted(word: &str) -> String {
    let word = word.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{}\"", word.replace('\n', r"\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_whatever_is_in_it() {
        assert_eq!(quoted("a b"), "\"a b\"");
        assert_eq!(quoted("50%\n\"x\\"), r#""50%%\n\"x\\""#);
    }

    #[test]
    fn what_systemd_says_is_read_line_by_line() {
        let state =
            State::read("MainPID=7\nActiveState=active\nSubState=running\nUnitFileState=enabled\n");

        assert_eq!((state.is_enabled, state.pid), (true, Some(7)));
        assert_eq!(state.runtime()["status"], "running");
        assert_eq!(State::read("").runtime()["status"], "stopped");
    }
}
