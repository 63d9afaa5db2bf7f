//! The command line: global flags, shared option groups, and usage errors in one line.
//!
//! Knows what may be typed, not what it does.

use std::{ffi::OsString, time::Duration};

use clap::{
    ArgAction, CommandFactory, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use domain::Secret;

use crate::{
    commands::Command,
    error::{Failure, Kind},
    ui,
};

/// Commands that ignore flags they do not know, as health checks written for other versions
/// depend on.
const LENIENT: [&str; 3] = ["health", "status", "sessions"];

/// Personal AI assistant: one gateway, many channels
#[derive(Debug, Parser)]
#[command(
    name = "openclaw",
    version,
    disable_version_flag = true,
    disable_help_subcommand = true,
    subcommand_required = false,
    max_term_width = 100,
    after_help = "Examples:\n  \
        openclaw onboard                            set everything up\n  \
        openclaw gateway run --allow-unconfigured   start a gateway right now\n  \
        openclaw agent --agent main -m \"Hello\"      say something to the agent\n  \
        openclaw health                             ask whether the gateway is well\n\n\
        Docs: https://docs.openclaw.ai/cli"
)]
pub(crate) struct Cli {
    /// Use the state in ~/.openclaw-dev and port 19001
    #[arg(long)]
    pub(crate) dev: bool,
    #[arg(long, value_name = "NAME", help = "Use the state in ~/.openclaw-<NAME>")]
    pub(crate) profile: Option<String>,
    /// Print without colour
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Print the version
    #[arg(short = 'V', short_alias = 'v', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Which gateway to talk to, and for how long.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Rpc {
    #[arg(long, value_name = "URL", help = "Gateway address, such as ws://127.0.0.1:18789")]
    pub(crate) url: Option<String>,
    /// Shared token of the gateway
    #[arg(long, value_name = "TOKEN", value_parser = secret)]
    pub(crate) token: Option<Secret>,
    /// Shared password of the gateway
    #[arg(long, value_name = "PASSWORD", value_parser = secret)]
    pub(crate) password: Option<Secret>,
    /// How long to wait, in milliseconds
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    /// Wait for the final response of methods that answer twice
    #[arg(long, hide = true)]
    pub(crate) expect_final: bool,
}

impl Rpc {
    /// An address and proofs; everything else is left open.
    pub(crate) fn at(url: Option<String>, token: Option<Secret>, password: Option<Secret>) -> Self {
        Self { url, token, password, ..Self::default() }
    }

    /// How long to wait; `default_ms` unless the person said.
    pub(crate) fn patience(&self, default_ms: u64) -> Duration {
        Duration::from_millis(self.timeout.unwrap_or(default_ms))
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
pub(crate) fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// What the command line asks for.
pub(crate) enum Parsed {
    /// Run this.
    Run(Box<Cli>),
    /// Print this and be done: help or version.
    Print(ui::Page),
}

/// Reads the command line.
pub(crate) fn parse(mut argv: Vec<OsString>) -> Result<Parsed, Failure> {
    loop {
        let error = match Cli::try_parse_from(&argv) {
            Ok(cli) => return Ok(Parsed::Run(Box::new(cli))),
            Err(error) => error,
        };
        let kind = error.kind();
        if kind == ErrorKind::DisplayVersion {
            return Ok(Parsed::Print(env!("CARGO_PKG_VERSION").into()));
        }
        if !error.use_stderr() {
            return Ok(Parsed::Print(page(&error.render())));
        }
        if kind != ErrorKind::UnknownArgument || !forgive(&mut argv, &error) {
            return Err(usage(&error));
        }
    }
}

/// Help for people who typed nothing.
pub(crate) fn root_help() -> ui::Page {
    page(&Cli::command().render_help())
}

/// The parser's own text, in its colours.
fn page(text: &clap::builder::StyledStr) -> ui::Page {
    ui::Page::of_ansi(text.ansi().to_string().trim_end())
}

/// Help for people who named a noun and no verb, and the failure that this is.
pub(crate) fn no_verb(noun: &str, hint: &str) -> Failure {
    let mut root = Cli::command();
    root.build();
    if let Some(command) = root.find_subcommand_mut(noun) {
        ui::answer(page(&command.render_help()));
    }
    Failure::new(Kind::Usage, "say what to do").hint(hint)
}

/// Takes the unknown flag out of the arguments, if the command does not mind.
fn forgive(argv: &mut Vec<OsString>, error: &clap::Error) -> bool {
    let Some(flag) = context(error, ContextKind::InvalidArg) else { return false };
    let texts = || argv.iter().map(|arg| arg.to_string_lossy().into_owned());
    let pairs: Vec<(String, String)> = texts().zip(texts().skip(1)).collect();
    let names_command =
        |(before, arg): &(String, String)| !arg.starts_with('-') && before != "--profile";
    let Some(at) = pairs.iter().position(names_command) else { return false };
    let command = at + 1;
    if !LENIENT.contains(&pairs[at].1.as_str()) {
        return false;
    }
    let flag = flag.split('=').next().unwrap_or_default().to_owned();
    let unknown = |arg: &str| arg == flag || arg.split('=').next() == Some(&flag);
    match texts().skip(command + 1).position(|arg| unknown(&arg)) {
        Some(at) => {
            drop(argv.remove(command + 1 + at));
            true
        }
        None => false,
    }
}

/// One line in the words that scripts know.
fn usage(error: &clap::Error) -> Failure {
    let arg = context(error, ContextKind::InvalidArg).unwrap_or_default();
    let value = context(error, ContextKind::InvalidValue).unwrap_or_default();
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's own words will do")]
    let message = match error.kind() {
        ErrorKind::UnknownArgument if arg.starts_with('-') => format!("unknown option '{arg}'"),
        ErrorKind::UnknownArgument => format!("unexpected argument '{arg}'"),
        ErrorKind::InvalidSubcommand => {
            let name = context(error, ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("unknown command '{name}'")
        }
        ErrorKind::MissingRequiredArgument => format!("missing required argument {arg}"),
        ErrorKind::InvalidValue if value.is_empty() => format!("option '{arg}' needs a value"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let flag = arg.split(' ').next().unwrap_or_default();
            format!("Invalid {flag} value '{value}'{}", allowed(error))
        }
        ErrorKind::ArgumentConflict => {
            let other = context(error, ContextKind::PriorArg).unwrap_or_default();
            format!("option '{arg}' cannot be used with '{other}'")
        }
        _ => first_line(error),
    };
    let kind = if arg.starts_with("--profile") { Kind::Profile } else { Kind::Usage };
    let hint = context(error, ContextKind::SuggestedArg)
        .or_else(|| context(error, ContextKind::SuggestedSubcommand))
        .map_or_else(|| help_of(error), |near| format!("did you mean '{near}'?"));
    Failure::new(kind, message).hint(hint)
}

/// The command that explains what was mistyped.
fn help_of(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let usage = text.lines().find_map(|line| line.trim().strip_prefix("Usage: "));
    let is_name = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let names = usage.unwrap_or_default().split(' ').take_while(is_name);
    let names: Vec<&str> = names.filter(|word| !word.starts_with('-')).collect();
    if names.is_empty() {
        "openclaw --help".to_owned()
    } else {
        format!("{} --help", names.join(" "))
    }
}

fn allowed(error: &clap::Error) -> String {
    match context(error, ContextKind::ValidValue) {
        Some(values) if !values.is_empty() => format!(" (use {values})"),
        Some(_) | None => String::new(),
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<String> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only text can be shown")]
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => Some(texts.join(", ")),
        _ => None,
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
