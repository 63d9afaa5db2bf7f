//! `agents set-identity`: how an agent presents itself, from flags or from its `IDENTITY.md`.

use std::{
    io,
    path::{Path, PathBuf},
};

use domain::AgentId;
use gateway::agents::{self, Look, Wish};
use held::{Dir, Links};
use serde_json::json;

use super::edit;
use crate::{
    error::{Failure, Kind},
    program::Program,
    ui,
};

/// The identity's file in a workspace.
const IDENTITY: &str = "IDENTITY.md";
/// Most bytes of an identity file that are read.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Set name, theme, emoji and picture of an agent
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  openclaw agents set-identity --agent main --name Ada --emoji 🦀"
)]
pub(super) struct Args {
    /// The agent
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// The agent that works here
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// Read this file, in the form of IDENTITY.md
    #[arg(long, value_name = "PATH")]
    identity_file: Option<PathBuf>,
    /// Read IDENTITY.md of the workspace
    #[arg(long)]
    from_identity: bool,
    /// What it calls itself
    #[arg(long)]
    name: Option<String>,
    /// What it is like
    #[arg(long)]
    theme: Option<String>,
    /// Its sign
    #[arg(long)]
    emoji: Option<String>,
    /// Its picture: a path in the workspace, an address, or data
    #[arg(long)]
    avatar: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(program: &Program, args: &Args) -> Result<(), Failure> {
    let (agent, workspace) = meant(program, args)?;
    let file = match &args.identity_file {
        Some(path) => Some(path.clone()),
        None => args.from_identity.then(|| workspace.join(IDENTITY)),
    };
    let read = match (&file, &args.identity_file) {
        (Some(_), Some(path)) => look_of(&text_of(path)?),
        (Some(path), None) => look_of(&text_in(program, &workspace, path)?),
        (None, _) => Look::default(),
    };
    let identity = Look {
        name: args.name.clone().or(read.name),
        theme: args.theme.clone().or(read.theme),
        emoji: args.emoji.clone().or(read.emoji),
        avatar: args.avatar.clone().or(read.avatar),
    };
    if identity == Look::default() {
        return Err(Failure::new(Kind::Usage, "nothing to set")
            .hint("pass --name, --theme, --emoji or --avatar, or --from-identity"));
    }
    let wish = Wish { identity: identity.clone(), ..Wish::default() };
    edit(program, |editor, present| agents::update(editor, present, &agent, wish))?;
    if args.json {
        ui::answer_json(&json!({
            "agentId": agent,
            "identity": {
                "name": identity.name,
                "theme": identity.theme,
                "emoji": identity.emoji,
                "avatar": identity.avatar,
            },
            "workspace": workspace,
            "identityFile": file,
        }));
    } else {
        ui::answer(format!("Identity of {agent} set."));
    }
    Ok(())
}

/// The agent that is meant, and where it works.
fn meant(program: &Program, args: &Args) -> Result<(AgentId, PathBuf), Failure> {
    let all = &program.config()?.agents;
    let found = match (&args.agent, &args.workspace) {
        (Some(name), _) => {
            let wanted = AgentId::normalise(name);
            all.get(&wanted).ok_or_else(|| format!("agent \"{wanted}\" not found"))
        }
        (None, Some(dir)) => {
            let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
            let mut there = all.list.iter().filter(|agent| agent.workspace == dir);
            match (there.next(), there.next()) {
                (Some(agent), None) => Ok(agent),
                (None, _) => Err("no agent works in that directory".to_owned()),
                (Some(_), Some(_)) => Err("several agents work there: pass --agent".to_owned()),
            }
        }
        (None, None) => match all.list.as_slice() {
            [only] => Ok(only),
            _ => Err("pass --agent or --workspace".to_owned()),
        },
    };
    let agent =
        found.map_err(|why| Failure::new(Kind::Refused, why).hint("openclaw agents list"))?;
    Ok((agent.id.clone(), agent.workspace.clone()))
}

#[expect(clippy::disallowed_methods, reason = "a file that the person names is not ours")]
fn text_of(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| unread(path, &error))?;
    Ok(text)
}

/// What the identity's file in a workspace says; a tool may have put anything there.
fn text_in(program: &Program, workspace: &Path, path: &Path) -> Result<String, Failure> {
    let exposed = program.config()?.agents.exposed();
    let read = Dir::find(workspace, &exposed)
        .map_err(|error| error.why)
        .and_then(|held| held.look(IDENTITY, Links::Inside)?.read(FILE_BYTES_MAX));
    let read = read.map_err(|error| unread(path, &error))?;
    Ok(String::from_utf8_lossy(&read.bytes).into_owned())
}

fn unread(path: &Path, error: &io::Error) -> Failure {
    Failure::while_doing(Kind::State, format!("cannot read `{}`", path.display()), error)
}

/// Reads lines such as `- Name: Ada`, bold or not; a blank value says nothing.
fn look_of(text: &str) -> Look {
    let value = |label: &str| {
        text.lines().find_map(|line| {
            let line = line.trim().trim_start_matches(['-', '*']).trim();
            let (name, value) = line.split_once(':')?;
            let bare = |text: &str| text.trim_matches(|c: char| "*_ ".contains(c)).to_owned();
            let is_it = bare(name).eq_ignore_ascii_case(label);
            Some(bare(value)).filter(|value| is_it && !value.is_empty())
        })
    };
    Look {
        name: value("name"),
        theme: value("theme").or_else(|| value("creature")).or_else(|| value("vibe")),
        emoji: value("emoji"),
        avatar: value("avatar"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_file_is_read_bold_or_plain_and_blanks_say_nothing() {
        let look =
            look_of("# Identity\n\n- **Name:** Ada\n- Creature: crab\n* Emoji: 🦀\n- Avatar:\n");

        let expected = Look {
            name: Some("Ada".to_owned()),
            theme: Some("crab".to_owned()),
            emoji: Some("🦀".to_owned()),
            avatar: None,
        };
        assert_eq!(look, expected);
        assert_eq!(look_of("Name\n- : x\n"), Look::default());
    }
}
