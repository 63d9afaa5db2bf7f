//! Entries of `agents.list` in the config file, as methods change them.

use config::{Edited, Editor, Loaded};
use domain::AgentId;
use serde_json::{Map, Value, json};

use super::{RpcError, config_file};

/// The agent that there always is.
pub(super) const MAIN: &str = "main";

/// What may be said of an agent; what is `None` stays as it is.
#[derive(Debug, Default)]
pub(super) struct Wish {
    pub(super) name: Option<String>,
    pub(super) workspace: Option<String>,
    pub(super) model: Option<Model>,
    pub(super) emoji: Option<String>,
    pub(super) avatar: Option<String>,
}

/// Which model an agent shall have.
#[derive(Debug)]
pub(super) enum Model {
    /// One of its own.
    Own(String),
    /// The one that all have.
    Shared,
}

/// The list as the file has it. Without one there is the main agent alone, which is then
/// written, so that it stays when others come.
pub(super) fn list(present: &Loaded) -> Vec<Value> {
    let written = present.snapshot.parsed["agents"]["list"].as_array().cloned();
    written.filter(|list| !list.is_empty()).unwrap_or_else(|| vec![json!({"id": MAIN})])
}

/// Where an agent stands in the list.
pub(super) fn place(list: &[Value], agent: &AgentId) -> Option<usize> {
    let id = |entry: &Value| entry["id"].as_str().map(AgentId::normalise);
    list.iter().position(|entry| id(entry).as_ref() == Some(agent))
}

/// Puts the list back.
pub(super) fn write(
    editor: &Editor<'_>,
    present: &Loaded,
    agents: &[Value],
    bindings: Option<&[Value]>,
) -> Result<Edited, RpcError> {
    let mut patch = json!({"agents": {"list": agents}});
    if let Some(bindings) = bindings {
        patch["bindings"] = json!(bindings);
    }
    let raw = present.snapshot.raw.as_deref().unwrap_or_default();
    editor.merge_patch(raw, &patch).map_err(config_file::refusal)
}

/// Refuses ids that stand for something else or for nothing.
pub(super) fn named(id: &str) -> Result<AgentId, RpcError> {
    let agent = AgentId::normalise(id);
    let is_plain = id.chars().any(char::is_alphanumeric);
    if is_plain {
        Ok(agent)
    } else {
        Err(RpcError::invalid("agent id must have letters or digits"))
    }
}

impl Wish {
    /// Brings an entry to what is wished.
    pub(super) fn apply(self, entry: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                entry.insert(name.to_owned(), value.into());
            }
        };
        put("name", self.name);
        put("workspace", self.workspace);
        match self.model {
            Some(Model::Own(model)) => put("model", Some(model)),
            Some(Model::Shared) => {
                entry.remove("model");
            }
            None => {}
        }
        let looks = [("emoji", self.emoji), ("avatar", self.avatar)];
        for (name, value) in looks.into_iter().filter_map(|(name, it)| Some((name, it?))) {
            let identity = entry.entry("identity").or_insert_with(|| json!({}));
            identity[name] = value.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wished_stays_and_no_model_takes_the_own_one_away() {
        let entry = json!({"id": "a", "model": "p/m", "identity": {"name": "A"}});
        let mut entry = entry.as_object().unwrap().clone();
        let emoji = Some("🦀".to_owned());

        Wish { model: Some(Model::Shared), emoji, ..Wish::default() }.apply(&mut entry);

        assert_eq!(
            Value::Object(entry),
            json!({"id": "a", "identity": {"name": "A", "emoji": "🦀"}})
        );
    }
}
