//! `completion`: the shell script that completes this program's commands.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::{args::Cli, error::Failure, ui};

/// Print the completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  openclaw completion --shell bash >> ~/.bashrc")]
pub(crate) struct Args {
    /// Shell to complete in
    #[arg(short, long, value_name = "SHELL", default_value = "zsh")]
    shell: Name,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Name {
    Zsh,
    Bash,
    Fish,
    Powershell,
}

#[expect(clippy::unnecessary_wraps, reason = "all commands have this shape")]
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let shell = match args.shell {
        Name::Zsh => Shell::Zsh,
        Name::Bash => Shell::Bash,
        Name::Fish => Shell::Fish,
        Name::Powershell => Shell::PowerShell,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "openclaw", &mut script);
    ui::answer_raw(&script);
    Ok(())
}
