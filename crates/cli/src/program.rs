//! What every command needs to know: environment, places, config, time.
//!
//! The only place of the program that captures the environment. The config is read at most
//! once, when the first command asks for it.

use std::{cell::OnceCell, sync::Arc};

use config::{Env, Loaded, Locations, Snapshot};
use domain::{Clock, SystemClock};
use serde_json::Value;

use crate::{
    args::Cli,
    error::{Failure, Kind},
    ui,
};

/// The setting of one run of the program.
pub(crate) struct Program {
    pub(crate) locations: Locations,
    pub(crate) clock: Arc<dyn Clock>,
    env: Env,
    loaded: OnceCell<Loaded>,
}

impl Program {
    /// Finds the files, `.env` files read on the way.
    pub(crate) fn open(cli: &Cli) -> Result<Self, Failure> {
        let (locations, env) = Locations::open(Env::capture(), cli.profile.as_deref(), cli.dev)
            .map_err(|error| Failure::of(Kind::Profile, &error))?;
        ui::choose_colour(cli.no_color, &env);
        Ok(Self { locations, clock: SystemClock::shared(), env, loaded: OnceCell::new() })
    }

    /// The config file and what came of it.
    pub(crate) fn loaded(&self) -> &Loaded {
        self.loaded.get_or_init(|| config::load(&self.locations, &self.env))
    }

    /// The config file, read again: a command has changed it.
    pub(crate) fn reload(&mut self) {
        self.loaded = OnceCell::new();
    }

    /// Goes on with `loaded`, whatever the file says.
    pub(crate) fn adopt(&mut self, loaded: Loaded) {
        self.loaded = OnceCell::from(loaded);
    }

    /// What the file says.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.loaded().snapshot
    }

    /// The resolved config, or why there is none.
    pub(crate) fn config(&self) -> Result<&Arc<config::Config>, Failure> {
        self.loaded().config.as_ref().ok_or_else(|| self.invalid())
    }

    /// The config as far as it can be read, for commands that only talk to a gateway.
    pub(crate) fn readable_config(&self) -> Result<&Arc<config::Config>, Failure> {
        self.loaded().readable().ok_or_else(|| self.invalid())
    }

    /// The config that turns may run with here.
    pub(crate) fn servable_config(&self) -> Result<&Arc<config::Config>, Failure> {
        self.loaded().servable().ok_or_else(|| self.invalid())
    }

    /// A value of the resolved config by JSON pointer; also of an invalid one, as far as it goes.
    pub(crate) fn setting(&self, pointer: &str) -> Option<&Value> {
        self.snapshot().resolved.pointer(pointer)
    }

    /// A text of the resolved config; blank counts as unset.
    pub(crate) fn setting_text(&self, pointer: &str) -> Option<&str> {
        self.setting(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty())
    }

    /// The environment, `.env` files and the config's `env` block included.
    pub(crate) fn env(&self) -> &Env {
        &self.loaded().env
    }

    /// The config file as people see it.
    pub(crate) fn config_path_shown(&self) -> String {
        self.locations.shorten(&self.locations.config_path)
    }

    /// How this program is called for the same files: the profile stays.
    pub(crate) fn invocation(&self) -> String {
        match &self.locations.profile {
            Some(profile) if self.env.get("OPENCLAW_PROFILE") != Some(profile) => {
                format!("openclaw --profile {profile}")
            }
            Some(_) | None => "openclaw".to_owned(),
        }
    }

    /// The problem block as talk, for commands that go on with an invalid file.
    pub(crate) fn warn_if_invalid(&self) {
        if !self.snapshot().valid {
            ui::warn("Config invalid");
            for line in self.problem_lines() {
                ui::say(line);
            }
        }
    }

    /// The problem block as a failure.
    pub(crate) fn invalid(&self) -> Failure {
        let mut failure = Failure::new(Kind::Config, "Config invalid");
        failure.facts = self.problem_lines();
        let doctor = format!("{} doctor --fix", self.invocation());
        if self.is_unreadable() {
            return failure.hint(format!("correct the file, or bring the last one back: {doctor}"));
        }
        failure.hint(format!(
            "{doctor} (it moves old keys and drops unknown ones; the rest is for you)"
        ))
    }

    /// Whether nothing of the file can be used: it is no JSON5, or no object.
    pub(crate) fn is_unreadable(&self) -> bool {
        let snapshot = self.snapshot();
        let is_whole = |problem: &config::Problem| problem.shown_path() == "<root>";
        snapshot.exists && !snapshot.valid && snapshot.problems.iter().all(is_whole)
    }

    fn problem_lines(&self) -> Vec<String> {
        let snapshot = self.snapshot();
        let mut lines = vec![format!("File: {}", self.config_path_shown()), "Problem:".to_owned()];
        let is_legacy = |problem| snapshot.legacy.contains(problem);
        let fresh = snapshot.problems.iter().filter(|problem| !is_legacy(*problem));
        lines.extend(fresh.map(|problem| format!("  - {problem}")));
        if !snapshot.legacy.is_empty() {
            lines.push("Legacy config keys detected:".to_owned());
            lines.extend(snapshot.legacy.iter().map(|problem| format!("  - {problem}")));
        }
        lines
    }
}
