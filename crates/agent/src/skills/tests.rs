//! Front matter, and what it asks for.

use std::collections::BTreeMap;

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

struct Bare(Value, Option<SkillEntry>);

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
    fn entry(&self, _: &str) -> Option<&SkillEntry> {
        self.1.as_ref()
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
    let long = format!("---\nname: {}\ndescription: x\n---\n", "n".repeat(65));
    let hostile =
        "---\ndescription: x\nmetadata: {openclaw: {primaryEnv: 'A=B', os: linux}}\n---\n";
    let hostile = Skill::parse(hostile, "dir").unwrap();
    assert_eq!((hostile.primary_env, hostile.requires.os), (None, vec!["linux".to_owned()]));
    for broken in [long.as_str(), "", "# no", "---\nname: x\n", "---\nname: x\n---\n"] {
        assert_eq!(Skill::parse(broken, "dir"), None, "{broken}");
    }
}

#[test]
fn a_skill_is_eligible_when_it_lacks_nothing_and_is_not_switched_off() {
    let skill = Skill::parse(TEXT, "dir").unwrap();
    let there = || json!({"bins": ["sky", "b"], "config": true});
    let keyed = || SkillEntry { api_key: Some(domain::Secret::new("k")), ..SkillEntry::default() };
    let off = SkillEntry { disabled: true, ..keyed() };
    let env = BTreeMap::from([("SKY_KEY".to_owned(), domain::Secret::new("k"))]);
    let by_env = SkillEntry { env, ..SkillEntry::default() };

    let bare = skill.standing(&Bare(json!({"os": "darwin"}), None));

    assert!(skill.standing(&Bare(there(), Some(keyed()))).is_eligible());
    assert!(skill.standing(&Bare(there(), Some(by_env))).is_eligible());
    assert!(!skill.standing(&Bare(there(), Some(off))).is_eligible());
    assert!(!skill.standing(&Bare(there(), None)).is_eligible());
    assert_eq!(bare.missing, skill.requires);
    let always = Skill { always: true, ..skill };
    assert!(always.standing(&Bare(json!({}), None)).is_eligible());
    assert!(!always.standing(&Bare(json!({"os": "darwin"}), None)).is_eligible());
}
