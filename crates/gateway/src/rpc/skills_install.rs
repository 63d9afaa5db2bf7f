//! `skills.install`: says how what a skill needs is installed.
//!
//! Nothing is installed. The front matter of a skill names packages of others, and a gateway
//! that runs their install scripts hands the machine to whoever wrote that front matter. So the
//! answer is the command for a person to run.

use agent::skills::Skill;
use domain::{AgentId, Scope};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Cx, Kind, Method, RpcError,
    skills_status::{Way, way},
};

/// Says how to install what a skill needs.
pub(super) struct SkillsInstall;

/// Which way of which skill; or a skill of a registry, of which there is none here.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    name: Option<String>,
    install_id: Option<String>,
    agent_id: Option<String>,
    source: Option<String>,
    #[serde(rename = "timeoutMs")]
    #[schemars(range(min = 1000))]
    _timeout_ms: Option<u64>,
    #[serde(rename = "dangerouslyForceUnsafeInstall")]
    _forced: Option<bool>,
    #[serde(rename = "slug")]
    _slug: Option<String>,
    #[serde(rename = "version")]
    _version: Option<String>,
    #[serde(rename = "force")]
    _force: Option<bool>,
    #[serde(rename = "uploadId")]
    _upload_id: Option<String>,
    #[serde(rename = "sha256")]
    _sha256: Option<String>,
}

impl Method for SkillsInstall {
    const NAME: &'static str = "skills.install";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Read;
    const IS_TOLD: bool = false;
    type Params = Params;
    type Reply = Value;

    async fn call(cx: Cx, params: Params) -> Result<Value, RpcError> {
        if let Some(source) = &params.source {
            let text = format!("skills are not taken from `{source}`: put them into a directory");
            return Err(RpcError::unavailable(text));
        }
        let (Some(name), Some(id)) = (&params.name, &params.install_id) else {
            return Err(RpcError::invalid("name and installId required"));
        };
        let config = cx.gateway.config();
        let agent = params.agent_id.as_deref().map(AgentId::normalise);
        let agent = agent.unwrap_or_else(|| config.agents.default.clone());
        let found = cx.gateway.sessions.skills(&agent).await;
        let named = |it: &Skill| it.name == *name || it.key == *name;
        let Some(found) = found.iter().find(|it| named(&it.skill)) else {
            return Err(RpcError::invalid(format!("skill \"{name}\" not found")));
        };
        let Some((way, written)) = way(&found.skill, id) else {
            return Err(RpcError::invalid(format!("skill \"{name}\" has no installer \"{id}\"")));
        };
        Err(RpcError::unavailable(advice(&way, written)))
    }
}

fn advice(way: &Way<'_>, written: &Map<String, Value>) -> String {
    const WHERE: &str = "the gateway installs nothing itself; on its machine, or in its image";
    match command(way.kind, written) {
        Some(command) => format!("{WHERE}, run: {command}"),
        None => match written.get("url").and_then(Value::as_str).filter(|it| is_plain(it)) {
            Some(url) => format!("{WHERE}, put there what is at {url}"),
            None => format!("{WHERE}, install what the skill's page tells"),
        },
    }
}

/// The line that a person would type; `None` when what the skill names is no plain word.
fn command(kind: &str, written: &Map<String, Value>) -> Option<String> {
    let (program, name) = match kind {
        "brew" => ("brew install", "formula"),
        "node" => ("npm install -g", "package"),
        "go" => ("go install", "module"),
        "uv" => ("uv tool install", "package"),
        _ => return None,
    };
    let package = written.get(name)?.as_str().filter(|it| is_plain(it))?;
    Some(format!("{program} {package}"))
}

/// Whether it can be pasted into a shell and means no more than it seems to.
fn is_plain(text: &str) -> bool {
    let may_be = |it: char| it.is_ascii_alphanumeric() || "@/._-+:=~".contains(it);
    text.len() <= 300 && text.chars().all(may_be) && !text.starts_with('-') && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_has_its_command_and_none_has_more_than_one() {
        let told = |written: Value| {
            let written = written.as_object().unwrap().clone();
            advice(&Way::of(0, &written), &written)
        };

        assert!(
            told(json!({"kind": "brew", "formula": "a/b/c"})).ends_with(": brew install a/b/c")
        );
        assert!(told(json!({"kind": "node", "package": "@a/b"})).ends_with("install -g @a/b"));
        assert!(told(json!({"kind": "uv", "package": "x; rm -rf /"})).ends_with("page tells"));
        assert!(told(json!({"kind": "go", "module": "--help"})).ends_with("page tells"));
        assert!(
            told(json!({"kind": "download", "url": "https://a.b/c"})).contains("https://a.b/c")
        );
    }
}
