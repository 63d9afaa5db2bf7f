//! `commands.list`: the slash commands that a conversation takes.

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct CommandsList;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    /// Every conversation takes the same commands, from every client.
    #[serde(rename = "sessionKey")]
    #[schemars(length(min = 1))]
    _session_key: Option<String>,
    #[serde(rename = "agentId")]
    #[schemars(length(min = 1))]
    _agent_id: Option<String>,
    #[serde(rename = "provider")]
    #[schemars(length(min = 1))]
    _provider: Option<String>,
    #[serde(rename = "scope")]
    _scope: Option<Surface>,
    include_args: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Surface {
    Text,
    Native,
    Both,
}

#[derive(Serialize)]
pub(super) struct Reply {
    commands: Vec<Command>,
}

/// One command.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Command {
    name: &'static str,
    native_name: &'static str,
    text_aliases: Vec<String>,
    description: &'static str,
    category: &'static str,
    source: &'static str,
    scope: &'static str,
    accepts_args: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<Argument>,
}

#[derive(Serialize)]
struct Argument {
    name: &'static str,
    description: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<Choice>,
}

#[derive(Serialize)]
struct Choice {
    value: &'static str,
    label: &'static str,
}

impl Method for CommandsList {
    const NAME: &'static str = "commands.list";
    const SCOPE: Scope = Scope::Read;
    const KIND: Kind = Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(_: Cx, params: Params) -> Result<Reply, RpcError> {
        let mut commands = all();
        if params.include_args == Some(false) {
            for command in &mut commands {
                command.args.clear();
            }
        }
        Ok(Reply { commands })
    }
}

/// All commands.
pub(super) fn all() -> Vec<Command> {
    agent::COMMANDS.iter().map(command).collect()
}

fn command(listed: &agent::ListedCommand) -> Command {
    let names = [listed.name].into_iter().chain(listed.aliases.iter().copied());
    let argument = listed.argument.map(|(name, choices)| Argument {
        name,
        description: "",
        kind: "string",
        choices: choices.iter().map(|&value| Choice { value, label: value }).collect(),
    });
    Command {
        name: listed.name,
        native_name: listed.name,
        text_aliases: names.map(|name| format!("/{name}")).collect(),
        description: listed.about,
        category: listed.category,
        source: "native",
        scope: "both",
        accepts_args: argument.is_some(),
        args: argument.into_iter().collect(),
    }
}
