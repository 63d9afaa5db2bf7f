//! Agents as the config file lists them: made, changed and taken out, with what is theirs on the
//! disk. The same for methods (`agents.create` and its kin) and for the command line, which needs
//! no running gateway.

use std::path::{Path, PathBuf};

use config::{Agent, Config, EditError, Edited, Editor, Loaded, Locations};
use domain::AgentId;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{NewWorkspace, StoreError};

use crate::rpc::error::chain;

/// The agent that there always is.
const MAIN: &str = "main";

/// Why an agent was not made, changed or taken out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// An id of nothing but signs.
    #[error("agent id must have letters or digits")]
    NoName,
    /// `main` is always there.
    #[error("\"main\" is reserved")]
    Reserved,
    /// `main` stays.
    #[error("\"main\" cannot be deleted")]
    MainStays,
    /// There is one of that name.
    #[error("agent \"{0}\" already exists")]
    Exists(AgentId),
    /// There is none of that name.
    #[error("agent \"{0}\" not found")]
    Unknown(AgentId),
    /// Without it there would be none.
    #[error("the only agent cannot be deleted")]
    OnlyOne,
    /// Clients make workspaces only where the config has some.
    #[error(
        "workspace \"{0}\" is outside of the state directory and the configured workspaces; \
         `openclaw agents add --workspace` on the machine itself takes any"
    )]
    Outside(String),
    /// The workspace cannot be made.
    #[error("cannot make the agent's workspace")]
    Workspace(#[from] StoreError),
    /// The file cannot be changed like that.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// What may be said of an agent; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Its name.
    pub name: Option<String>,
    /// Where it works.
    pub workspace: Option<String>,
    /// Where its credentials are.
    pub agent_dir: Option<String>,
    /// What it thinks with.
    pub model: Option<Model>,
    /// How it presents itself.
    pub identity: Look,
}

/// How an agent presents itself; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// What it calls itself.
    pub name: Option<String>,
    /// What it is like.
    pub theme: Option<String>,
    /// Its sign.
    pub emoji: Option<String>,
    /// Its picture: a path, an address, or data.
    pub avatar: Option<String>,
}

/// Which model an agent shall have.
#[derive(Clone, Debug)]
pub enum Model {
    /// One of its own.
    Own(String),
    /// The one that all have.
    Shared,
}

/// What became of an agent's files.
#[derive(Debug, Default, Serialize)]
pub struct Aside {
    /// Moved into the trash, or not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<Removed>,
    /// Still where they were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
}

/// Something that is gone from its place.
#[derive(Debug, Serialize)]
pub struct Removed {
    path: String,
    method: &'static str,
}

/// Something that would not go.
#[derive(Debug, Serialize)]
pub struct Failed {
    path: String,
    reason: String,
}

/// The id that a name stands for. Refuses names that stand for nothing.
///
/// # Errors
///
/// [`AgentError::NoName`].
pub fn named(name: &str) -> Result<AgentId, AgentError> {
    let is_plain = name.chars().any(char::is_alphanumeric);
    if is_plain { Ok(AgentId::normalise(name)) } else { Err(AgentError::NoName) }
}

/// Adds an agent, and what is bound to it.
///
/// # Errors
///
/// [`AgentError`] when there is one of that name, or the file does not allow it.
pub fn create(
    editor: &Editor<'_>,
    present: &Loaded,
    agent: &AgentId,
    (wish, bindings): (Wish, &[Value]),
) -> Result<Edited, AgentError> {
    if agent.as_str() == MAIN {
        return Err(AgentError::Reserved);
    }
    let mut list = list(present);
    if place(&list, agent).is_some() {
        return Err(AgentError::Exists(agent.clone()));
    }
    let mut entry = Map::new();
    entry.insert("id".to_owned(), agent.to_string().into());
    wish.apply(&mut entry);
    list.push(entry.into());
    let mut all = self::bindings(present);
    all.extend_from_slice(bindings);
    write(editor, present, &list, (!bindings.is_empty()).then_some(&*all))
}

/// Makes the workspace of an agent that `edited` has, with its first files, before that is
/// written. Without `is_remote` the wish is that of a person on this machine, who may have it
/// anywhere.
///
/// # Errors
///
/// [`AgentError`] when it must not be there or cannot be made; nothing is left behind then.
pub fn lay_out(
    edited: &Edited,
    locations: &Locations,
    agent: &AgentId,
    is_remote: bool,
) -> Result<NewWorkspace, AgentError> {
    let config = edited.loaded.config.as_ref();
    let own = config.and_then(|config| Some((config, config.agents.get(agent)?)));
    let (config, own) = own.ok_or_else(|| AgentError::Unknown(agent.clone()))?;
    let dir = &own.workspace;
    let root = if is_remote { allowed(config, locations, own)? } else { dir };
    let texts: &[(&str, &str)] = if own.skip_bootstrap { &[] } else { &agent::WORKSPACE_SEEDS };
    Ok(store::make_workspace(root, dir, texts)?)
}

/// The directory that lets a client have an agent's workspace where it is: the state directory,
/// the one that workspaces have by default, or the workspace of another agent.
///
/// # Errors
///
/// [`AgentError::Outside`] when none does.
pub fn allowed<'c>(
    config: &'c Config,
    locations: &'c Locations,
    agent: &'c Agent,
) -> Result<&'c Path, AgentError> {
    let others = config.agents.list.iter().filter(|other| other.id != agent.id);
    let roots = [locations.state_dir.as_path(), locations.workspace_default.as_path()];
    let beside = locations.workspace_default.parent();
    let mut roots = roots.into_iter().chain(beside).chain(others.map(|it| it.workspace.as_path()));
    let root = roots.find(|root| agent.workspace.starts_with(root) && root.parent().is_some());
    root.ok_or_else(|| AgentError::Outside(agent.workspace.display().to_string()))
}

/// Changes an agent.
///
/// # Errors
///
/// [`AgentError`] when there is none of that name, or the file does not allow it.
pub fn update(
    editor: &Editor<'_>,
    present: &Loaded,
    agent: &AgentId,
    wish: Wish,
) -> Result<Edited, AgentError> {
    let mut list = list(present);
    let entry = place(&list, agent).and_then(|at| list.get_mut(at));
    let Some(entry) = entry.and_then(Value::as_object_mut) else {
        return Err(AgentError::Unknown(agent.clone()));
    };
    wish.apply(entry);
    write(editor, present, &list, None)
}

/// Takes an agent out, and what is bound to it; says how many bindings that were.
///
/// # Errors
///
/// [`AgentError`] when it must stay, or there is none of that name.
pub fn remove(
    editor: &Editor<'_>,
    present: &Loaded,
    agent: &AgentId,
) -> Result<(Edited, usize), AgentError> {
    if agent.as_str() == MAIN {
        return Err(AgentError::MainStays);
    }
    let mut list = list(present);
    let at = place(&list, agent).ok_or_else(|| AgentError::Unknown(agent.clone()))?;
    list.remove(at);
    if list.is_empty() {
        return Err(AgentError::OnlyOne);
    }
    let all = bindings(present);
    let kept: Vec<Value> =
        all.iter().filter(|it| bound_to(it) != Some(agent.clone())).cloned().collect();
    let removed = all.len() - kept.len();
    Ok((write(editor, present, &list, (removed > 0).then_some(&*kept))?, removed))
}

/// The bindings of the file.
pub fn bindings(present: &Loaded) -> Vec<Value> {
    present.snapshot.parsed["bindings"].as_array().cloned().unwrap_or_default()
}

/// The agent that a binding leads to.
pub fn bound_to(binding: &Value) -> Option<AgentId> {
    binding["agentId"].as_str().map(AgentId::normalise)
}

/// Moves the directories that are the agent's alone into a directory of their own under `trash`.
/// A workspace that another agent works in stays. Blocks.
pub fn set_aside(config: &Config, agent: &AgentId, state_dir: &Path, now_ms: i64) -> Aside {
    let trash = state_dir.join("trash").join(format!("{agent}-{now_ms}"));
    let mut aside = Aside::default();
    for path in own_paths(config, agent, state_dir) {
        let shown = path.display().to_string();
        match store::set_aside(&path, &trash) {
            Ok(Some(_)) => aside.removed.push(Removed { path: shown, method: "trash" }),
            Ok(None) => aside.removed.push(Removed { path: shown, method: "missing" }),
            Err(error) => aside.failed.push(Failed { path: shown, reason: chain(&error) }),
        }
    }
    aside
}

/// Directories that are the agent's alone.
fn own_paths(config: &Config, agent: &AgentId, state_dir: &Path) -> Vec<PathBuf> {
    let Some(own) = config.agents.get(agent) else { return Vec::new() };
    let others = || config.agents.list.iter().filter(|other| other.id != *agent);
    let is_shared = |path: &Path| {
        others()
            .any(|other| other.workspace.starts_with(path) || path.starts_with(&other.workspace))
            || state_dir.starts_with(path)
    };
    let home = state_dir.join("agents").join(agent.as_str());
    let mut paths = vec![own.workspace.clone(), home.clone()];
    if !own.agent_dir.starts_with(&home) {
        paths.push(own.agent_dir.clone());
    }
    paths.retain(|path| !is_shared(path));
    paths
}

/// The list as the file has it. Without one there is the main agent alone, which is then
/// written, so that it stays when others come.
fn list(present: &Loaded) -> Vec<Value> {
    let written = present.snapshot.parsed["agents"]["list"].as_array().cloned();
    written.filter(|list| !list.is_empty()).unwrap_or_else(|| vec![json!({"id": MAIN})])
}

/// Where an agent stands in the list.
fn place(list: &[Value], agent: &AgentId) -> Option<usize> {
    let id = |entry: &Value| entry["id"].as_str().map(AgentId::normalise);
    list.iter().position(|entry| id(entry).as_ref() == Some(agent))
}

/// Puts the list back.
fn write(
    editor: &Editor<'_>,
    present: &Loaded,
    agents: &[Value],
    bindings: Option<&[Value]>,
) -> Result<Edited, AgentError> {
    let mut patch = json!({"agents": {"list": agents}});
    if let Some(bindings) = bindings {
        patch["bindings"] = json!(bindings);
    }
    let raw = present.snapshot.raw.as_deref().unwrap_or_default();
    Ok(editor.merge_patch(raw, &patch)?)
}

impl Wish {
    /// Brings an entry to what is wished.
    fn apply(self, entry: &mut Map<String, Value>) {
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                entry.insert(name.to_owned(), value.into());
            }
        };
        put("name", self.name);
        put("workspace", self.workspace);
        put("agentDir", self.agent_dir);
        match self.model {
            Some(Model::Own(model)) => put("model", Some(model)),
            Some(Model::Shared) => {
                entry.remove("model");
            }
            None => {}
        }
        let Look { name, theme, emoji, avatar } = self.identity;
        let looks = [("name", name), ("theme", theme), ("emoji", emoji), ("avatar", avatar)];
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
        let identity = Look { emoji: Some("🦀".to_owned()), ..Look::default() };

        Wish { model: Some(Model::Shared), identity, ..Wish::default() }.apply(&mut entry);

        assert_eq!(
            Value::Object(entry),
            json!({"id": "a", "identity": {"name": "A", "emoji": "🦀"}})
        );
    }
}
