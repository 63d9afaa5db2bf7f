//! `completion`: the shell script that completes this program's commands.
//!
//! Prints it, keeps it in the state directory, or makes the shell read it from there.

#![expect(clippy::disallowed_methods, reason = "the files are the shell's, not the gateway's")]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{
    args::Cli,
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// Print the completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw completion --shell bash --install --yes")]
pub(crate) struct Args {
    /// Shell to complete in
    #[arg(short, long, value_name = "SHELL", default_value = "zsh")]
    shell: Name,
    /// Keep the scripts of all shells in the state directory instead of printing one
    #[arg(long)]
    write_state: bool,
    /// Make the shell read the kept script when it starts
    #[arg(short, long)]
    install: bool,
    /// With --install: change the shell's start file without saying what would be added
    #[arg(short, long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Name {
    Zsh,
    Bash,
    Fish,
    Powershell,
}

const ALL: [Name; 4] = [Name::Zsh, Name::Bash, Name::Fish, Name::Powershell];

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    if !args.write_state && !args.install {
        ui::answer_raw(&args.shell.script());
        return Ok(());
    }
    let dir = program.locations.state_dir.join("completions");
    keep(&dir).map_err(|error| {
        Failure::while_doing(Kind::State, format!("cannot write in `{}`", dir.display()), &error)
    })?;
    ui::say(format!("Scripts kept in {}", program.locations.shorten(&dir)));
    if !args.install {
        return Ok(());
    }
    let line = args.shell.start_line(&dir.join(args.shell.file_name()));
    let Some(start_file) = args.shell.start_file(&program.locations.home) else {
        ui::answer(line);
        ui::hint("add the line above to the start file of your shell");
        return Ok(());
    };
    if !args.yes {
        ui::answer(line);
        let shown = program.locations.shorten(&start_file);
        ui::hint(format!("add the line above to {shown}, or pass --yes"));
        return Ok(());
    }
    add_line(&start_file, &line).map_err(|error| {
        let message = format!("cannot change `{}`", start_file.display());
        Failure::while_doing(Kind::State, message, &error)
    })?;
    ui::answer(format!("Completion is on in new shells ({}).", args.shell.file_name()));
    Ok(())
}

fn keep(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    ALL.iter().try_for_each(|name| fs::write(dir.join(name.file_name()), name.script()))
}

/// Adds `line` at the end of `file`, once.
fn add_line(file: &Path, line: &str) -> std::io::Result<()> {
    let present = fs::read_to_string(file).unwrap_or_default();
    if present.lines().any(|it| it == line) {
        return Ok(());
    }
    let gap = if present.is_empty() || present.ends_with('\n') { "" } else { "\n" };
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file)?;
    writeln!(file, "{gap}{line}")
}

impl Name {
    fn script(self) -> Vec<u8> {
        let shell = match self {
            Self::Zsh => Shell::Zsh,
            Self::Bash => Shell::Bash,
            Self::Fish => Shell::Fish,
            Self::Powershell => Shell::PowerShell,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "openclaw", &mut script);
        script
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::Zsh => "openclaw.zsh",
            Self::Bash => "openclaw.bash",
            Self::Fish => "openclaw.fish",
            Self::Powershell => "openclaw.ps1",
        }
    }

    fn start_file(self, home: &Path) -> Option<PathBuf> {
        match self {
            Self::Zsh => Some(home.join(".zshrc")),
            Self::Bash => Some(home.join(".bashrc")),
            Self::Fish => Some(home.join(".config/fish/config.fish")),
            Self::Powershell => None,
        }
    }

    fn start_line(self, script: &Path) -> String {
        let script = script.display();
        match self {
            Self::Zsh | Self::Bash | Self::Fish => format!("source '{script}'"),
            Self::Powershell => format!(". '{script}'"),
        }
    }
}
