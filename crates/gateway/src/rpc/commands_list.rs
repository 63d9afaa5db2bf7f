//! `commands.list`: the slash commands that a conversation takes.

use std::borrow::Cow;

use agent::skills::SkillCommand;
use domain::{AgentId, Scope};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Kind, Method, RpcError};

pub(super) struct CommandsList;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Params {
    /// Conversations of one agent take the same commands, from every client.
    #[schemars(length(min = 1))]
    session_key: Option<String>,
    #[schemars(length(min = 1))]
    agent_id: Option<String>,
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
    name: Cow<'static, str>,
    native_name: Cow<'static, str>,
    text_aliases: Vec<String>,
    description: Cow<'static, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    category: &'static str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    skill_display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skill_model_visible: Option<bool>,
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

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let of_key = params.session_key.as_deref().map(|key| cx.gateway.session_key(key, None));
        let of_key = of_key.and_then(|key| key.agent()).map(|agent| agent.to_string());
        let mut commands = all(&cx, params.agent_id.or(of_key).as_deref()).await;
        if params.include_args == Some(false) {
            for command in &mut commands {
                command.args.clear();
            }
        }
        Ok(Reply { commands })
    }
}

/// Longest description of a skill that goes into a list of commands, in characters.
const DESCRIPTION_CHARS_MAX: usize = 100;

/// All commands in conversations of `agent`, else of the default one.
pub(super) async fn all(cx: &Cx, agent: Option<&str>) -> Vec<Command> {
    let default = || cx.gateway.config().agents.default.clone();
    let agent = agent.map_or_else(default, AgentId::normalise);
    let skills = cx.gateway.sessions.skill_commands(&agent).await;
    agent::COMMANDS.iter().map(command).chain(skills.into_iter().map(of_skill)).collect()
}

fn of_skill(skill: SkillCommand) -> Command {
    let SkillCommand { name, skill, description, is_told } = skill;
    let description: String = description.chars().take(DESCRIPTION_CHARS_MAX).collect();
    Command {
        text_aliases: vec![format!("/{name}")],
        native_name: name.clone().into(),
        name: name.into(),
        description: description.into(),
        category: "",
        source: "skill",
        skill_display_name: Some(skill),
        skill_model_visible: Some(is_told),
        scope: "both",
        accepts_args: true,
        args: vec![Argument {
            name: "input",
            description: "",
            kind: "string",
            choices: Vec::new(),
        }],
    }
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
        name: listed.name.into(),
        native_name: listed.name.into(),
        text_aliases: names.map(|name| format!("/{name}")).collect(),
        description: listed.about.into(),
        category: listed.category,
        source: "native",
        skill_display_name: None,
        skill_model_visible: None,
        scope: "both",
        accepts_args: argument.is_some(),
        args: argument.into_iter().collect(),
    }
}
