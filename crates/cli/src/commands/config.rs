//! `config`: reads and edits `openclaw.json`.
//!
//! Reading shows the resolved config, defaults included; editing changes what the person wrote
//! and nothing else. An edit that would break the file is refused and leaves it untouched.

use std::io::Read;

use clap::Subcommand;
use config::{EditError, Edited, Editor, KeyPath, KeyPathError};
use serde_json::{Value, json};

use super::configure;
use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Largest patch that is read.
const PATCH_BYTES_MAX: u64 = 10 << 20;

/// Read and change the configuration
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw config set gateway.port 18789")]
pub(crate) struct Args {
    /// Part of the wizard to go through, as for `configure`
    #[arg(long, value_name = "SECTION")]
    section: Vec<String>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print a value, defaults included
    #[command(after_help = "Example:\n  openclaw config get agents.defaults.model")]
    Get {
        #[arg(help = "Dotted, such as gateway.port or agents.list[0].id")]
        path: String,
        /// Print scalars as JSON too
        #[arg(long)]
        json: bool,
    },
    /// Set a value
    #[command(
        after_help = "Example:\n  openclaw config set agents.defaults.model.primary openai/gpt-5"
    )]
    Set {
        /// Dotted, such as gateway.port
        path: String,
        /// JSON5, or any other text as it is
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Refuse a value that is not JSON5
        #[arg(long)]
        json: bool,
    },
    /// Remove a value
    #[command(after_help = "Example:\n  openclaw config unset tools.exec.timeoutSec")]
    Unset {
        /// Dotted, such as gateway.port
        path: String,
    },
    /// Print the path of the config file
    File,
    /// Check the config file
    #[command(after_help = "Example:\n  openclaw config validate --json")]
    Validate {
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON schema of the config
    Schema,
    /// Merge an object into the config; null removes a key
    #[command(after_help = "Example:\n  openclaw config patch '{gateway: {port: 18789}}'")]
    Patch {
        /// Object in JSON5
        #[arg(value_name = "JSON5", required_unless_present_any = ["file", "stdin"])]
        patch: Option<String>,
        /// Read the object from a file
        #[arg(long, value_name = "PATH", conflicts_with = "patch")]
        file: Option<std::path::PathBuf>,
        /// Read the object from standard input
        #[arg(long, conflicts_with_all = ["patch", "file"])]
        stdin: bool,
        /// Check only
        #[arg(long)]
        dry_run: bool,
    },
}

impl Args {
    /// Whether a failure is for a script too.
    pub(crate) fn wants_json(&self) -> bool {
        match &self.verb {
            Some(Verb::Get { json, .. } | Verb::Validate { json }) => *json,
            _ => false,
        }
    }
}

pub(crate) fn run(program: &mut Program, args: &Args) -> Result<(), Failure> {
    match &args.verb {
        None => {
            let args = configure::Args { section: args.section.clone(), lang: None };
            configure::run(program, &args)
        }
        Some(Verb::Get { path, json }) => get(program, path, *json),
        Some(Verb::Set { path, value, json }) => set(program, path, value, *json),
        Some(Verb::Unset { path }) => unset(program, path),
        Some(Verb::File) => {
            ui::answer(program.locations.config_path.display().to_string());
            Ok(())
        }
        Some(Verb::Validate { json }) => validate(program, *json),
        Some(Verb::Schema) => {
            ui::answer_json(&config::schema());
            Ok(())
        }
        Some(Verb::Patch { patch, file, dry_run, .. }) => {
            let text = match (patch, file) {
                (Some(text), _) => text.clone(),
                (None, Some(file)) => read_file(file)?,
                (None, None) => read_all(std::io::stdin().lock())?,
            };
            merge(program, &text, *dry_run)
        }
    }
}

fn get(program: &Program, text: &str, as_json: bool) -> Result<(), Failure> {
    let path = path(text)?;
    let snapshot = program.snapshot();
    if program.is_unreadable() {
        return Err(program.invalid());
    }
    program.warn_if_invalid();
    // What is kept and not followed is only in the file.
    let value = path.find(&snapshot.resolved).or_else(|| path.find(&snapshot.parsed));
    let value = value.ok_or_else(|| not_found(text))?;
    match value.as_str() {
        Some(text) if !as_json => ui::answer(ui::Page::prose(text)),
        Some(_) | None => ui::answer_json(value),
    }
    Ok(())
}

fn set(program: &Program, text: &str, value: &str, strict: bool) -> Result<(), Failure> {
    let path = path(text)?;
    let value = match parse_value(value) {
        Ok(value) => value,
        Err(error) if strict => {
            return Err(Failure::while_doing(Kind::Usage, "the value is not JSON5", &error));
        }
        Err(_) => Value::from(value),
    };
    edit(program, |editor, raw| editor.set(raw, &path, value))?;
    ui::answer(format!("Updated {text}. Restart the gateway to apply."));
    Ok(())
}

/// JSON5, unless it is nested so deep that reading it would be a danger.
fn parse_value(text: &str) -> Result<Value, json5::Error> {
    if protocol::frame::depth(text) > protocol::frame::DEPTH_MAX {
        return Ok(Value::from(text));
    }
    json5::from_str(text)
}

fn unset(program: &Program, text: &str) -> Result<(), Failure> {
    let path = path(text)?;
    edit(program, |editor, raw| editor.unset(raw, &path))?;
    ui::answer(format!("Removed {text}. Restart the gateway to apply."));
    Ok(())
}

fn merge(program: &Program, text: &str, dry_run: bool) -> Result<(), Failure> {
    let patch = parse_value(text)
        .map_err(|error| Failure::while_doing(Kind::Usage, "the patch is not JSON5", &error))?;
    if !patch.is_object() {
        return Err(Failure::new(Kind::Usage, "the patch is not an object"));
    }
    if dry_run {
        edited(program, |editor, raw| editor.merge_patch(raw, &patch))?;
        ui::answer("The patch is valid; nothing was written.");
        return Ok(());
    }
    edit(program, |editor, raw| editor.merge_patch(raw, &patch))?;
    ui::answer("Patched the config. Restart the gateway to apply.");
    Ok(())
}

/// Changes the text of the file and writes it, if the result is valid.
fn edit(
    program: &Program,
    change: impl FnOnce(Editor<'_>, &str) -> Result<Edited, EditError>,
) -> Result<(), Failure> {
    let edited = edited(program, change)?;
    store::write_config(&program.locations.config_path, &edited.raw)
        .map_err(|error| Failure::of(Kind::State, &error))
}

/// The changed text of the file; a broken file is not changed.
fn edited(
    program: &Program,
    change: impl FnOnce(Editor<'_>, &str) -> Result<Edited, EditError>,
) -> Result<Edited, Failure> {
    let snapshot = program.snapshot();
    if program.is_unreadable() {
        return Err(program.invalid());
    }
    let editor = Editor {
        locations: &program.locations,
        env: program.env(),
        version: env!("CARGO_PKG_VERSION"),
        now: program.clock.now(),
    };
    change(editor, snapshot.raw.as_deref().unwrap_or_default()).map_err(|error| {
        if let EditError::NotFound(path) = &error {
            return not_found(path);
        }
        Failure::of(Kind::Config, &error).hint("openclaw config schema")
    })
}

fn path(text: &str) -> Result<KeyPath, Failure> {
    text.parse().map_err(|error: KeyPathError| {
        Failure::of(Kind::Usage, &error).hint("openclaw config get gateway.port")
    })
}

fn not_found(path: &str) -> Failure {
    Failure::new(Kind::Refused, format!("Config path not found: {path}"))
}

fn validate(program: &Program, as_json: bool) -> Result<(), Failure> {
    let snapshot = program.snapshot();
    if as_json {
        ui::answer_json(&json!({
            "valid": snapshot.valid,
            "path": snapshot.path,
            "exists": snapshot.exists,
            "issues": snapshot.problems,
            "warnings": snapshot.warnings,
        }));
    }
    if !snapshot.valid {
        return Err(program.invalid().answered(as_json));
    }
    for warning in &snapshot.warnings {
        ui::warn(warning.to_string());
    }
    if !as_json {
        let note = if snapshot.exists { "" } else { " (no file: defaults apply)" };
        ui::answer(format!("Config valid: {}{note}", program.config_path_shown()));
    }
    Ok(())
}

fn read_file(path: &std::path::Path) -> Result<String, Failure> {
    #[expect(clippy::disallowed_methods, reason = "a file that the person names is not ours")]
    let file = std::fs::File::open(path).map_err(|error| {
        Failure::while_doing(Kind::State, format!("cannot open `{}`", path.display()), &error)
    })?;
    read_all(file)
}

fn read_all(source: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    source
        .take(PATCH_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|error| Failure::while_doing(Kind::State, "cannot read the patch", &error))?;
    Ok(text)
}
