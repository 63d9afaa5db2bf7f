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

/// A shell that we can complete in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Name {
    Zsh,
    Bash,
    Fish,
    Powershell,
}

/// Permission bits of a directory that we make: what shells read is nobody else's to change.
const DIR_MODE: u32 = 0o700;

const ALL: [Name; 4] = [Name::Zsh, Name::Bash, Name::Fish, Name::Powershell];

pub(crate) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    if !args.write_state && !args.install {
        ui::answer_script(&args.shell.script());
        return Ok(());
    }
    let dir = dir(program);
    keep(&dir)?;
    ui::say(format!("Scripts kept in {}", program.locations.shorten(&dir)));
    if !args.install {
        return Ok(());
    }
    let line = args.shell.start_line(&dir);
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
    add_line(&start_file, &line)?;
    ui::answer(format!("Completion is on in new shells ({}).", args.shell.file_name()));
    Ok(())
}

/// Whether new shells of that name read the script.
pub(crate) fn is_on(program: &Program, shell: Name) -> bool {
    let Some(file) = shell.start_file(&program.locations.home) else { return false };
    let line = shell.start_line(&dir(program));
    fs::read_to_string(file).unwrap_or_default().lines().any(|it| it == line)
}

/// Makes new shells of that name read the script.
pub(crate) fn switch_on(program: &Program, shell: Name) -> Result<(), Failure> {
    let Some(file) = shell.start_file(&program.locations.home) else { return Ok(()) };
    let dir = dir(program);
    keep(&dir)?;
    add_line(&file, &shell.start_line(&dir))
}

fn dir(program: &Program) -> PathBuf {
    program.locations.state_dir.join("completions")
}

/// Keeps the scripts of all shells.
fn keep(dir: &Path) -> Result<(), Failure> {
    let write = |name: &Name| {
        let mut options = fs::OpenOptions::new();
        let path = dir.join(name.file_name());
        let mut file = store::open_private(&path, options.write(true).truncate(true))?;
        file.write_all(&name.script())
    };
    let kept = held::make_dirs(dir, DIR_MODE).and_then(|()| ALL.iter().try_for_each(write));
    kept.map_err(|error| {
        Failure::while_doing(Kind::State, format!("cannot write in `{}`", dir.display()), &error)
    })
}

/// Adds `line` at the end of `file`, once.
fn add_line(file: &Path, line: &str) -> Result<(), Failure> {
    let present = fs::read_to_string(file).unwrap_or_default();
    if present.lines().any(|it| it == line) {
        return Ok(());
    }
    let gap = if present.is_empty() || present.ends_with('\n') { "" } else { "\n" };
    let made = file.parent().map_or(Ok(()), |dir| held::make_dirs(dir, DIR_MODE));
    let opened = made.and_then(|()| store::open_private(file, fs::OpenOptions::new().append(true)));
    opened.and_then(|mut opened| writeln!(opened, "{gap}{line}")).map_err(|error| {
        Failure::while_doing(Kind::State, format!("cannot change `{}`", file.display()), &error)
    })
}

impl Name {
    /// The shell of that path, as `SHELL` has it.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        match Path::new(path).file_name()?.to_str()? {
            "zsh" => Some(Self::Zsh),
            "bash" => Some(Self::Bash),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }

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

    /// What it reads when it starts, if that is known.
    pub(crate) fn start_file(self, home: &Path) -> Option<PathBuf> {
        match self {
            Self::Zsh => Some(home.join(".zshrc")),
            Self::Bash => Some(home.join(".bashrc")),
            Self::Fish => Some(home.join(".config/fish/config.fish")),
            Self::Powershell => None,
        }
    }

    /// What makes it read its script in `dir`.
    fn start_line(self, dir: &Path) -> String {
        let script = dir.join(self.file_name());
        let script = script.display();
        match self {
            Self::Zsh | Self::Bash | Self::Fish => format!("source '{script}'"),
            Self::Powershell => format!(". '{script}'"),
        }
    }
}
