//! Skills: what a `SKILL.md` says in its front matter, and whether the skill can be used here.
//!
//! Text in, facts out. The files are `store`'s; what this machine has is asked of a [`Ground`].

use serde_json::{Map, Value};

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
    fn entry(&self, key: &str) -> Option<&Value>;
}

/// Whether a skill can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The config switches it off.
    pub disabled: bool,
    /// What it lacks.
    pub missing: Requires,
}

impl Skill {
    /// Reads a `SKILL.md`; `None` when it has no name and no description.
    pub fn parse(text: &str, directory: &str) -> Option<Self> {
        let front = front_matter(text)?;
        let plain = |key: &str| front.get(key).map(|it| unquoted(it)).filter(|it| !it.is_empty());
        let flag = |key: &str| plain(key).map(|it| matches!(&*it, "true" | "yes" | "1" | "on"));
        let description = plain("description")?;
        let name = plain("name").unwrap_or_else(|| directory.to_owned());
        let metadata: Value =
            front.get("metadata").and_then(|it| json5::from_str(it).ok()).unwrap_or_default();
        let ours = ["openclaw", "clawdbot", "moltbot", "clawdis"];
        let own = ours.iter().find_map(|key| metadata.get(key)).unwrap_or(&Value::Null);
        let text = |key: &str| own[key].as_str().map(str::to_owned);
        let needs = &own["requires"];
        Some(Self {
            key: text("skillKey").unwrap_or_else(|| name.clone()),
            homepage: text("homepage").or_else(|| plain("homepage")),
            emoji: text("emoji"),
            primary_env: text("primaryEnv"),
            always: own["always"].as_bool().unwrap_or(false),
            user_invocable: flag("user-invocable").unwrap_or(true),
            hidden_from_model: flag("disable-model-invocation").unwrap_or(false),
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
            let set = |value: &Value| value.as_str().is_some_and(|it| !it.trim().is_empty());
            let in_entry = entry.is_some_and(|entry| set(&entry["env"][name]));
            let is_key = self.primary_env.as_deref() == Some(name);
            // A key may be a reference to a secret kept elsewhere.
            let has_key = |entry: &Value| set(&entry["apiKey"]) || entry["apiKey"].is_object();
            ground.has_env(name) || in_entry || (is_key && entry.is_some_and(has_key))
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
        Standing {
            disabled: entry.is_some_and(|entry| entry["enabled"] == Value::Bool(false)),
            missing,
        }
    }
}

impl Standing {
    /// Whether nothing stands against it.
    pub fn is_eligible(&self) -> bool {
        !self.disabled && self.missing == Requires::default()
    }
}

/// Keys of the front matter; a value goes on over the indented lines below it.
fn front_matter(text: &str) -> Option<std::collections::BTreeMap<String, String>> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text.lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let mut front = std::collections::BTreeMap::new();
    let mut last: Option<String> = None;
    for line in lines {
        if line.trim_end() == "---" {
            return Some(front);
        }
        let goes_on = line.starts_with([' ', '\t']) || line.starts_with(['}', ']']);
        match (line.split_once(':'), &last) {
            (_, Some(key)) if goes_on => {
                if let Some(value) = front.get_mut(key) {
                    let value: &mut String = value;
                    value.push('\n');
                    value.push_str(line);
                }
            }
            (Some((key, value)), _) if !goes_on => {
                let key = key.trim().to_lowercase();
                front.insert(key.clone(), value.trim().to_owned());
                last = Some(key);
            }
            _ => {}
        }
    }
    // Without an end it is no front matter.
    None
}

fn unquoted(text: &str) -> String {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text).to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = r#"---
name: weather
description: "Tells the weather."
user-invocable: false
metadata:
  {
    // for us
    "openclaw": {"emoji": "☔", "primaryEnv": "SKY_KEY", "os": ["linux"],
      "requires": {"bins": ["sky"], "anyBins": ["a", "b"], "env": ["SKY_KEY"],
        "config": ["browser.enabled"]}},
  }
---
# How
"#;

    struct Bare(Value);

    impl Ground for Bare {
        fn has_bin(&self, name: &str) -> bool {
            self.0["bins"].as_array().is_some_and(|bins| bins.contains(&json!(name)))
        }
        fn has_env(&self, _: &str) -> bool {
            false
        }
        fn has_config(&self, _: &str) -> bool {
            self.0["config"] == json!(true)
        }
        fn os(&self) -> &str {
            self.0["os"].as_str().unwrap_or("linux")
        }
        fn entry(&self, _: &str) -> Option<&Value> {
            self.0.get("entry")
        }
    }

    #[test]
    fn the_front_matter_is_read_with_its_metadata() {
        let skill = Skill::parse(TEXT, "dir").unwrap();

        assert_eq!((&*skill.name, &*skill.description), ("weather", "Tells the weather."));
        assert_eq!((skill.emoji.as_deref(), skill.user_invocable), (Some("☔"), false));
        assert_eq!(skill.requires.any_bins, ["a", "b"]);
        let nameless = Skill::parse("---\ndescription: x\n---\n", "dir").unwrap();
        assert_eq!(nameless.name, "dir");
        for broken in ["", "# no", "---\nname: x\n", "---\nname: x\n---\n"] {
            assert_eq!(Skill::parse(broken, "dir"), None, "{broken}");
        }
    }

    #[test]
    fn a_skill_is_eligible_when_it_lacks_nothing_and_is_not_switched_off() {
        let skill = Skill::parse(TEXT, "dir").unwrap();
        let all = json!({
            "bins": ["sky", "b"], "config": true, "entry": {"apiKey": "k"},
        });
        let off = json!({
            "bins": ["sky", "b"], "config": true, "entry": {"apiKey": "k", "enabled": false},
        });

        let bare = skill.standing(&Bare(json!({"os": "darwin"})));

        assert!(skill.standing(&Bare(all)).is_eligible());
        assert!(!skill.standing(&Bare(off)).is_eligible());
        assert_eq!(bare.missing, skill.requires);
        let always = Skill { always: true, ..skill };
        assert!(always.standing(&Bare(json!({}))).is_eligible());
        assert!(!always.standing(&Bare(json!({"os": "darwin"}))).is_eligible());
    }
}
