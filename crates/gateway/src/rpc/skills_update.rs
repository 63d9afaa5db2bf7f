//! `skills.update`: switches a skill on or off, and gives it a key or variables. Writes
//! `skills.entries` of the config file; what counts from then on is the reloader's business.

use std::collections::BTreeMap;

use domain::Scope;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Cx, Kind, Method, RpcError, config_file};

/// Longest name of a variable, key or value, in bytes.
const BYTES_MAX: usize = 64 << 10;

/// Changes what the config says of a skill.
pub(super) struct SkillsUpdate;

/// Of which skill what. What is left out stays; blank text takes a key or variable away.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    #[schemars(length(min = 1))]
    skill_key: Option<String>,
    enabled: Option<bool>,
    api_key: Option<String>,
    env: Option<BTreeMap<String, String>>,
    /// A registry to take a newer one from, of which there is none here.
    source: Option<String>,
    #[serde(rename = "agentId")]
    _agent_id: Option<String>,
    #[serde(rename = "slug")]
    _slug: Option<String>,
    #[serde(rename = "all")]
    _all: Option<bool>,
    #[serde(rename = "force")]
    _force: Option<bool>,
}

/// It is changed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    ok: bool,
    skill_key: String,
    /// The entry as it is now, secrets masked.
    config: Value,
}

impl Method for SkillsUpdate {
    const NAME: &'static str = "skills.update";
    const SCOPE: Scope = Scope::Admin;
    const KIND: Kind = Kind::Write;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        if let Some(source) = &params.source {
            let text = format!("skills are not taken from `{source}`: put them into a directory");
            return Err(RpcError::unavailable(text));
        }
        let key = params.skill_key.as_deref().map(str::trim).unwrap_or_default().to_owned();
        if key.is_empty() {
            return Err(RpcError::invalid("skillKey required"));
        }
        let patch = json!({"skills": {"entries": {&key: change(&params)?}}});
        let written = config_file::change(&cx.gateway, move |editor, present| {
            let raw = present.snapshot.raw.as_deref().unwrap_or_default();
            editor.merge_patch(raw, &patch).map_err(config_file::refusal)
        })
        .await?;
        let config = written.config["skills"]["entries"][&key].clone();
        Ok(Reply { ok: true, skill_key: key, config })
    }
}

fn change(params: &Params) -> Result<Value, RpcError> {
    let mut change = Map::new();
    if let Some(enabled) = params.enabled {
        change.insert("enabled".to_owned(), enabled.into());
    }
    if let Some(api_key) = &params.api_key {
        change.insert("apiKey".to_owned(), given("the key", api_key)?);
    }
    if let Some(env) = &params.env {
        let mut variables = Map::new();
        for (name, value) in env {
            let name = name.trim();
            if !is_variable(name) {
                let text = format!("`{}` is no environment variable", name.escape_debug());
                return Err(RpcError::invalid(text));
            }
            variables.insert(name.to_owned(), given(name, value)?);
        }
        change.insert("env".to_owned(), variables.into());
    }
    Ok(change.into())
}

/// Blank text takes away what there is.
fn given(what: &str, text: &str) -> Result<Value, RpcError> {
    let text = text.trim();
    if text.len() > BYTES_MAX || text.contains(['\0', '\n', '\r']) {
        return Err(RpcError::invalid(format!("{what} must be one line of at most 64 KiB")));
    }
    Ok(if text.is_empty() { Value::Null } else { text.into() })
}

fn is_variable(name: &str) -> bool {
    let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let starts = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    starts && name.len() <= 256 && name.chars().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(params: Value) -> Result<Value, String> {
        let params: Params = serde_json::from_value(params).unwrap();
        change(&params).map_err(|refused| refused.error.message)
    }

    #[test]
    fn blank_text_takes_away_and_what_is_left_out_stays() {
        let params = json!({"apiKey": " k ", "env": {"A": "1", "B": " "}});

        assert_eq!(changed(params).unwrap(), json!({"apiKey": "k", "env": {"A": "1", "B": null}}));
        assert_eq!(changed(json!({"enabled": false})).unwrap(), json!({"enabled": false}));
        assert_eq!(changed(json!({"apiKey": ""})).unwrap(), json!({"apiKey": null}));
    }

    #[test]
    fn what_no_environment_can_hold_is_refused() {
        for env in [json!({"A=B": "x"}), json!({"": "x"}), json!({"A": "x\ny"}), json!({"1": "x"})]
        {
            assert!(changed(json!({"env": env})).is_err(), "{env}");
        }
    }
}
