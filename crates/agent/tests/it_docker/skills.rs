//! The skills that a turn is told of are where it is told, whatever its sandbox sees.

use agent::Stop;
use serde_json::json;
use testkit::llm::{Llm, calls, says};

use crate::rig::Rig;

fn put(rig: &Rig, root: &str, name: &str) {
    let dir = rig.home.state_dir().join(root).join(name);
    std::fs::create_dir_all(&dir).unwrap();
    let text = format!(
        "---\nname: {name}\ndescription: Does {name}.\nmetadata: {{openclaw: {{primaryEnv: \
         SKY_KEY}}}}\n---\nHow {name} is done.\n"
    );
    std::fs::write(dir.join("SKILL.md"), text).unwrap();
}

/// Asks a sandbox with this access for the files that the prompt names, and for a key.
async fn told(access: &str) -> (Vec<String>, String) {
    let llm = Llm::script([says("hello")]);
    let rig = Rig::with(
        llm,
        &json!({
            "agents": {"defaults": {"sandbox": {"mode": "all", "workspaceAccess": access}}},
            "skills": {"entries": {"own": {"apiKey": "hidden"}, "shared": {"apiKey": "hidden"}}},
        }),
    )
    .await;
    put(&rig, "workspace/skills", "own");
    put(&rig, "skills", "shared");

    rig.say("t1", "hi").await;
    let prompt = rig.llm.request(0).system().to_owned();
    let places: Vec<String> = prompt
        .split("<location>")
        .skip(1)
        .map(|rest| rest.split("</location>").next().unwrap().to_owned())
        .collect();
    let command = format!(
        "tail -qn1 {}; echo key=$SKY_KEY; \
         (echo x >>skills/own/SKILL.md) 2>/dev/null || echo sealed",
        places.join(" ")
    );
    rig.llm.then([calls("exec", json!({"command": command})), says("done")]);
    let outcome = rig.say("t2", "go").await;

    assert_eq!(outcome.stop, Stop::Done, "{outcome:?}");
    let result = rig.llm.requests().last().unwrap().result_of("exec").to_owned();
    let own = rig.home.state_dir().join("workspace/skills/own/SKILL.md");
    assert!(std::fs::read_to_string(own).unwrap().ends_with("own is done.\n"));
    (places, result)
}

#[tokio::test]
async fn a_sandbox_with_its_own_workspace_has_copies_and_no_key() {
    let (places, result) = told("none").await;

    let at = |name: &str| format!("/workspace/skills/{name}/SKILL.md");
    assert_eq!(places, [at("own"), at("shared")]);
    assert_eq!(result, "How own is done.\nHow shared is done.\nkey=");
}

#[tokio::test]
async fn a_sandbox_that_only_reads_the_workspace_has_copies_too() {
    let (_, result) = told("ro").await;

    let copies = "How own is done.\nHow shared is done.\nkey=\nsealed";
    assert_eq!(result, copies);
}

#[tokio::test]
async fn a_sandbox_in_the_workspace_sees_all_skills_and_writes_none() {
    let (places, result) = told("rw").await;

    let beside = |name: &str| format!("/workspace/.openclaw/sandbox-skills/skills/{name}/SKILL.md");
    assert_eq!(places, ["/workspace/skills/own/SKILL.md".to_owned(), beside("shared")]);
    let all = "How own is done.\nHow shared is done.\nkey=\nsealed";
    assert_eq!(result, all);
}
