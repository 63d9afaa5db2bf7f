//! What a command in a sandbox makes of its directories, and what the agents read there after.

use std::fs;

use serde_json::{Value, json};
use testkit::llm::{Llm, calls, says};

use crate::boxes::{Boxed, IMAGE};

/// What a skill says of itself in a prompt.
const SPOKEN: &str = "does what a stranger wants";

/// Has `agent` run `line` and yields what the model was told of it.
fn command(boxed: &Boxed, model: &Llm, agent: &str, line: &str) -> String {
    model.then([calls("exec", json!({ "command": line })), says("Done.")]);
    boxed.run(&["agent", "--local", "--agent", agent, "-m", "go"]).answer();
    model.request(model.count() - 1).result_of("exec").to_owned()
}

/// A home whose `main` works on the host, and `crew` in a sandbox, in the same workspace.
fn shared_workspace(model: &Llm) -> Boxed {
    let boxed = Boxed::with_model(IMAGE, &format!("{}/v1", model.base_url()));
    let workspace = boxed.home.state_dir().join("workspace");
    let agent =
        |id: &str, sandbox: Value| json!({"id": id, "workspace": workspace, "sandbox": sandbox});
    let crew = json!({"mode": "all", "workspaceAccess": "rw"});
    let list = [agent("main", json!({"mode": "off"})), agent("crew", crew)];
    boxed.home.merge_config(&json!({ "agents": { "list": list } })).unwrap();
    boxed
}

#[test]
fn a_skill_that_a_sandbox_plants_never_enters_the_prompt_of_the_host_s_chat() {
    let model = Llm::script([]);
    let boxed = shared_workspace(&model);
    let workspace = boxed.home.state_dir().join("workspace");
    let skill = format!("---\\nname: planted\\ndescription: {SPOKEN}\\n---\\n");
    let plant = |dir: &str| format!("mkdir -p {dir} && printf '{skill}' >{dir}/SKILL.md");
    let lines = [
        plant("skills/planted"),
        format!(
            "mkdir -p other && {} && mv skills old; ln -s other skills",
            plant("other/planted")
        ),
        format!("rm -rf skills; {}; mv other/planted skills/", plant("other/planted")),
        format!("{}; ln -s ../../other .openclaw/skills", plant("other/planted")),
        plant("Skills/planted"),
    ];

    assert!(!workspace.join("skills").exists());
    for line in lines {
        let said = command(&boxed, &model, "crew", &format!("{line}; echo over"));
        assert!(said.contains("over"), "{said}");
        assert!(workspace.join("skills").is_dir(), "{line}");
        command(&boxed, &model, "main", "true");
        let seen = model.request(model.count() - 2);
        assert!(!seen.body.to_string().contains(SPOKEN), "{line}");
    }

    // A person's own is seen, so the test would see a stranger's.
    fs::create_dir_all(workspace.join("skills/mine")).unwrap();
    let own = skill.replace("planted", "mine").replace("\\n", "\n");
    fs::write(workspace.join("skills/mine/SKILL.md"), own).unwrap();
    command(&boxed, &model, "main", "true");
    assert!(model.request(model.count() - 2).body.to_string().contains(SPOKEN));
}

#[test]
fn directories_made_deep_or_locked_from_inside_cost_no_later_call() {
    let model = Llm::script([]);
    let boxed = Boxed::with_model(IMAGE, &format!("{}/v1", model.base_url()));
    let deep = "mkdir -p skills; cd skills; \
                perl -e 'for (1..3000) { mkdir q(d) or die; chdir q(d) or die }'";
    let lines = [
        deep,
        "mkdir -p skills/a/b; chmod 0 skills/a skills; chmod 0 .",
        "chmod 0 .",
        "rm -rf skills; ln -s / skills",
        "mkfifo skills",
    ];

    for line in lines {
        let said = command(&boxed, &model, "main", &format!("{line}; echo over"));
        assert!(said.contains("over"), "{line}: {said}");
        let next = command(&boxed, &model, "main", "echo x >note && cat note && ls -a");
        assert!(next.contains('x') && next.contains("AGENTS.md"), "{line}: {next}");
        assert!(!next.contains("skills"), "{line}: {next}");
    }
}
