//! Skills: what a `SKILL.md` says in its front matter, and whether the skill can be used here.
//!
//! Text in, facts out. The files are `store`'s; what this machine has is asked of a [`Ground`].
//! Which skills an agent has is in [`Library`]; what a session is told of them, in `offer`.

use config::SkillEntry;
use serde_json::{Map, Value};

mod front;
mod library;
pub(crate) mod offer;

pub use library::{Found, Library, Site, Source};
pub use offer::SkillCommand;

/// The directory of a workspace that has its skills.
pub(crate) const SKILLS_DIR: &str = "skills";
/// Longest name of a skill, in characters; one with a longer name is none.
const NAME_CHARS_MAX: usize = 64;
/// Longest description, in characters; the rest is cut.
const DESCRIPTION_CHARS_MAX: usize = 1024;
/// Items of any list in the front matter.
const ITEMS_MAX: usize = 64;

/// One skill, as its front matter has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Skill {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its entry in `skills.entries`.
    pub key: String,
    /// A page about it.
    pub homepage: Option<String>,
    /// A picture of it.
    pub emoji: Option<String>,
    /// The variable that its API key goes into.
    pub primary_env: Option<String>,
    /// Whether it is used whatever it requires.
    pub always: bool,
    /// Whether people may call it.
    pub user_invocable: bool,
    /// Whether models are not told of it.
    pub hidden_from_model: bool,
    /// What it needs.
    pub requires: Requires,
    /// How what it needs may be installed, as written.
    pub install: Vec<Map<String, Value>>,
}

/// What a skill needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requires {
    /// All of these programs.
    pub bins: Vec<String>,
    /// One of these.
    pub any_bins: Vec<String>,
    /// All of these variables.
    pub env: Vec<String>,
    /// All of these config values.
    pub config: Vec<String>,
    /// One of these systems, in Node's words.
    pub os: Vec<String>,
}

/// What there is.
pub trait Ground {
    /// Whether a program is on the path.
    fn has_bin(&self, name: &str) -> bool;
    /// Whether a variable is set.
    fn has_env(&self, name: &str) -> bool;
    /// Whether a config value is set and not false.
    fn has_config(&self, path: &str) -> bool;
    /// The system, in Node's words.
    fn os(&self) -> &str;
    /// What the config says of a skill: its entry in `skills.entries`.
    fn entry(&self, key: &str) -> Option<&SkillEntry>;
}

/// Whether a skill can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The config switches it off.
    pub disabled: bool,
    /// It is a bundled one that `skills.allowBundled` leaves out.
    pub blocked: bool,
    /// What it lacks.
    pub missing: Requires,
}

impl Skill {
    /// Reads a `SKILL.md`; `None` when it has no description or no name that can be used. Without
    /// a name it is called after its `directory`.
    pub fn parse(text: &str, directory: &str) -> Option<Self> {
        let front = front::read(text)?;
        let plain = |key: &str| front.get(key).and_then(front::text);
        let description = cut(&plain("description")?, DESCRIPTION_CHARS_MAX);
        let name = plain("name").unwrap_or_else(|| directory.to_owned());
        if name.chars().count() > NAME_CHARS_MAX {
            return None;
        }
        let metadata = front.get("metadata").map(front::object).unwrap_or_default();
        let ours = ["openclaw", "clawdbot", "moltbot", "clawdis"];
        let own = ours.iter().find_map(|key| metadata.get(key)).unwrap_or(&Value::Null);
        let text = |key: &str| own.get(key).and_then(front::text);
        let needs = &own["requires"];
        Some(Self {
            key: text("skillKey").unwrap_or_else(|| name.clone()),
            homepage: text("homepage").or_else(|| plain("homepage")),
            emoji: text("emoji"),
            primary_env: text("primaryEnv").filter(|name| is_variable(name)),
            always: own["always"].as_bool().unwrap_or(false),
            user_invocable: front.get("user-invocable").and_then(front::flag).unwrap_or(true),
            hidden_from_model: front
                .get("disable-model-invocation")
                .and_then(front::flag)
                .unwrap_or(false),
            requires: Requires {
                bins: texts(&needs["bins"]),
                any_bins: texts(&needs["anyBins"]),
                env: texts(&needs["env"]),
                config: texts(&needs["config"]),
                os: texts(&own["os"]),
            },
            install: own["install"]
                .as_array()
                .into_iter()
                .flatten()
                .take(ITEMS_MAX)
                .filter_map(|it| it.as_object().cloned())
                .collect(),
            name,
            description,
        })
    }

    /// Compares what the skill needs with what there is.
    pub fn standing(&self, ground: &impl Ground) -> Standing {
        let entry = ground.entry(&self.key);
        let given = |name: &str| {
            let is_key = self.primary_env.as_deref() == Some(name);
            let in_entry = entry.is_some_and(|entry| {
                entry.env.contains_key(name) || (is_key && entry.api_key.is_some())
            });
            ground.has_env(name) || in_entry
        };
        let needs = &self.requires;
        let without = |all: &[String], has: &dyn Fn(&str) -> bool| -> Vec<String> {
            all.iter().filter(|name| !has(name)).cloned().collect()
        };
        let any_missing = !needs.any_bins.iter().any(|name| ground.has_bin(name));
        let os_fits = needs.os.is_empty() || needs.os.iter().any(|os| os == ground.os());
        let missing = Requires {
            bins: without(&needs.bins, &|name| ground.has_bin(name)),
            any_bins: if any_missing { needs.any_bins.clone() } else { Vec::new() },
            env: without(&needs.env, &given),
            config: without(&needs.config, &|path| ground.has_config(path)),
            os: if os_fits { Vec::new() } else { needs.os.clone() },
        };
        let missing =
            if self.always { Requires { os: missing.os, ..Requires::default() } } else { missing };
        Standing { disabled: entry.is_some_and(|entry| entry.disabled), blocked: false, missing }
    }
}

impl Standing {
    /// Whether nothing stands against it.
    pub fn is_eligible(&self) -> bool {
        !self.disabled && !self.blocked && self.missing == Requires::default()
    }
}

/// Whether this may be the name of an environment variable.
pub(crate) fn is_variable(name: &str) -> bool {
    let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
    !name.is_empty()
        && name.chars().all(is_word)
        && !name.starts_with(|it: char| it.is_ascii_digit())
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}

fn texts(value: &Value) -> Vec<String> {
    match value.as_array() {
        Some(items) => items.iter().take(ITEMS_MAX).filter_map(front::text).collect(),
        None => front::text(value).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests;
