//! `skills`, and what of the rest of the config a skill may require.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    env::absolute,
    locations::Locations,
    node::Node,
    resolved::{SkillEntry, Skills},
};

/// How far down paths are noted; what skills require is near the top.
const DEPTH_MAX: usize = 8;
/// Paths that are noted.
const GIVEN_MAX: usize = 10_000;
/// On unless the config says otherwise.
const ON_BY_DEFAULT: [&str; 2] = ["browser.enabled", "browser.evaluateEnabled"];

pub(super) fn skills(root: &Value, locations: &Locations) -> Skills {
    let node = Node::of(root).at("skills");
    let extra_dirs = node.at("load.extraDirs").texts().unwrap_or_default();
    let extra_dirs = extra_dirs.iter().filter(|dir| !dir.trim().is_empty());
    Skills {
        bundled_allowed: node.at("allowBundled").texts().unwrap_or_default().into_iter().collect(),
        extra_dirs: extra_dirs.map(|dir| absolute(dir, &locations.home, &locations.home)).collect(),
        entries: node.at("entries").members().map(|(key, at)| (key.clone(), entry(at))).collect(),
        given: given(root),
    }
}

fn entry(node: Node<'_>) -> SkillEntry {
    let mut env: BTreeMap<_, _> = node.at("env").secrets();
    env.retain(|_, value| !value.expose().trim().is_empty());
    SkillEntry {
        disabled: node.at("enabled").flag() == Some(false),
        api_key: node.at("apiKey").secret(),
        env,
    }
}

fn given(root: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(root, "", 0, &mut found);
    for path in ON_BY_DEFAULT {
        let is_absent = Node::of(root).at(path).value().is_none_or(Value::is_null);
        if is_absent {
            found.insert(path.to_owned());
        }
    }
    found
}

fn walk(value: &Value, path: &str, depth: usize, found: &mut BTreeSet<String>) {
    let is_given = match value {
        Value::Null => false,
        Value::Bool(is_on) => *is_on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    };
    if !is_given || found.len() >= GIVEN_MAX {
        return;
    }
    if !path.is_empty() {
        found.insert(path.to_owned());
    }
    if let (Value::Object(map), true) = (value, depth < DEPTH_MAX) {
        for (key, value) in map {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            walk(value, &path, depth + 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use crate::{Env, Locations, load_text};

    #[test]
    fn what_is_said_of_skills_is_read_and_their_secrets_are_not_shown() {
        let env = Env::of([].into(), Path::new("/home/me"), Path::new("/"));
        let locations = Locations::find(&env, None, false).unwrap();
        let text = "{ skills: { allowBundled: ['a'], load: { extraDirs: ['~/more', ' '] },
            entries: { sky: { enabled: false, apiKey: 'hidden', env: { A: 'hidden', B: ' ' } } } },
            channels: { telegram: { enabled: false, botToken: 'hidden' } },
            browser: { evaluateEnabled: false },
            agents: { list: [{ id: 'x', skills: ['sky'] }, { id: 'y' }] } }";

        let config = load_text(text, &locations, &env).config.unwrap();

        let skills = &config.skills;
        let sky = &skills.entries["sky"];
        assert!(sky.disabled && skills.bundled_allowed.contains("a"));
        assert_eq!(skills.extra_dirs, [PathBuf::from("/home/me/more")]);
        assert_eq!(sky.env.keys().collect::<Vec<_>>(), ["A"]);
        assert!(!format!("{skills:?}").contains("hidden"));
        let is_given = |path: &str| skills.given.contains(path);
        assert!(is_given("channels.telegram.botToken") && is_given("browser.enabled"));
        assert!(!is_given("channels.telegram.enabled") && !is_given("browser.evaluateEnabled"));
        let of = |at: usize| config.agents.list[at].skills.as_ref().map(|it| it.contains("sky"));
        assert_eq!((of(0), of(1)), (Some(true), None));
    }
}
