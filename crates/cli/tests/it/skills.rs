//! `skills`: read from the disk, without a gateway.

use std::fs;

use serde_json::{Value, json};
use testkit::home::TempHome;

use crate::program::{run, run_with};

fn home() -> TempHome {
    let home = TempHome::minimal().unwrap();
    let sky = "metadata: {openclaw: {primaryEnv: SKY_KEY, requires: {bins: [no-such-sky], env: \
               [SKY_KEY]}, install: [{kind: brew, formula: sky, bins: [no-such-sky]}]}}\n";
    for (name, more) in [("notes", ""), ("off", ""), ("sky", sky)] {
        let dir = home.state_dir().join("skills").join(name);
        fs::create_dir_all(&dir).unwrap();
        let text = format!("---\nname: {name}\ndescription: Does {name}.\n{more}---\n");
        fs::write(dir.join("SKILL.md"), text).unwrap();
    }
    home.merge_config(&json!({"skills": {"entries": {"off": {"enabled": false}}}})).unwrap();
    home
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn skills_are_listed_with_how_they_stand() {
    let home = home();

    let text = run(&home, &["skills"]).answer();
    let eligible = json(&run(&home, &["skills", "list", "--eligible", "--json"]).answer());
    let none = run(&TempHome::minimal().unwrap(), &["skills", "list"]).answer();

    for row in [["ready", "notes"], ["disabled", "off"], ["missing", "sky"]] {
        let has = |line: &str| row.iter().all(|word| line.contains(word));
        assert!(text.lines().any(has), "{row:?}: {text}");
    }
    assert_eq!(eligible["skills"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        eligible["skills"][0],
        json!({
            "name": "notes", "description": "Does notes.", "source": "openclaw-managed",
            "bundled": false, "disabled": false, "blockedByAllowlist": false, "eligible": true,
            "missing": {"bins": [], "anyBins": [], "env": [], "config": [], "os": []},
        })
    );
    assert!(none.starts_with("No skills found."), "{none}");
}

#[test]
fn a_check_says_what_is_missing_and_how_to_mend_it() {
    let home = home();

    let text = run(&home, &["skills", "check"]);
    let checked = json(&run(&home, &["skills", "check", "--json"]).answer());

    assert_eq!(
        text.stdout,
        "3 skills\n  ready: notes\n  disabled: off\n  blocked: none\n  \
         missing: sky (programs no-such-sky; variables SKY_KEY)\n"
    );
    let hint = "openclaw config set skills.entries.sky.apiKey <value>";
    assert!(text.stderr.contains(hint), "{}", text.stderr);
    assert_eq!(
        checked["summary"],
        json!({"total": 3, "eligible": 1, "disabled": 1, "blocked": 0, "missingRequirements": 1})
    );
    assert_eq!(checked["eligible"], json!(["notes"]));
    let sky = &checked["missingRequirements"][0];
    assert_eq!((&sky["name"], &sky["missing"]["env"]), (&json!("sky"), &json!(["SKY_KEY"])));
    assert_eq!(sky["install"][0]["id"], "brew-0");
}

#[test]
fn one_skill_is_shown_whole_and_an_unknown_one_is_an_error() {
    let home = home();

    let known = [("SKY_KEY", "k")];
    let info = json(&run_with(&home, &["skills", "info", "sky", "--json"], &known).answer());
    let text = run(&home, &["skills", "info", "sky"]).answer();
    let unknown = run(&home, &["skills", "info", "nothing"]);
    let nobody = run(&home, &["skills", "list", "--agent", "nobody"]);

    assert_eq!(info["missing"]["env"], json!([]));
    assert_eq!(info["missing"]["bins"], json!(["no-such-sky"]));
    assert!(text.contains("missing: programs no-such-sky"), "{text}");
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.stderr.contains("there is no skill `nothing`"), "{}", unknown.stderr);
    assert!(nobody.stderr.contains("there is no agent `nobody`"), "{}", nobody.stderr);
}
