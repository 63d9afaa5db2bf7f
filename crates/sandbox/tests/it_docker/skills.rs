//! Skills that a sandbox sees which works in the agent's workspace.

use std::{path::Path, time::Duration};

use sandbox::{
    Exit,
    docker::settings::{Access, Seed, Settings},
};

use crate::rig::{Rig, out, run, text};

fn put(dir: &Path, says: &str) {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("SKILL.md"), says).unwrap();
}

/// Settings with the workspace, shown `skills` by name.
fn with_skills(rig: &Rig, settings: &Settings, skills: &[&str]) -> Settings {
    let named = |name: &&str| ((*name).to_owned(), rig.home.join("managed").join(name));
    let skills_dir = (!skills.is_empty()).then(|| rig.home.join("copies/of"));
    let seed = Seed {
        skills: Some(skills.iter().map(named).collect()),
        skills_dir,
        guarded: ["skills".into()].into(),
        ..Seed::default()
    };
    Settings { seed, ..settings.clone() }
}

#[tokio::test]
async fn skills_are_shown_beside_the_workspace_and_can_only_be_read() {
    let rig = Rig::new().await;
    put(&rig.home.join("workspace/skills/own"), "own");
    put(&rig.home.join("managed/git"), "git");
    put(&rig.home.join("managed/sky"), "sky");
    let mut settings = Settings { access: Access::Rw, ..rig.settings("skills") };
    settings.container.binds =
        vec![format!("{}:/workspace/skills", rig.home.join("managed").display())];
    settings.allowed.dangerously_allow_external_bind_sources = true;
    settings.allowed.dangerously_allow_reserved_container_targets = true;
    let gateway = rig.gateway();

    let sandbox = gateway.ensure(&with_skills(&rig, &settings, &["git"])).await.unwrap();

    let copies = ".openclaw/sandbox-skills/skills";
    assert_eq!(
        out(&*sandbox, &format!("cat {copies}/git/SKILL.md skills/own/SKILL.md")).await,
        "gitown"
    );
    assert_eq!(out(&*sandbox, "ls skills").await.trim(), "own", "no bind takes their place");
    for line in [
        format!("echo x >>{copies}/git/SKILL.md"),
        "echo x >skills/own/SKILL.md".to_owned(),
        "mkdir skills/planted".to_owned(),
        "mv skills gone".to_owned(),
        "rm -rf .openclaw".to_owned(),
    ] {
        assert_ne!(run(&*sandbox, &line).await.exit, Exit::Code(0), "{line}");
    }
    assert_eq!(text(&rig.home.join("workspace/skills/own/SKILL.md")), "own");
    assert_eq!(out(&*sandbox, "echo fine >note; cat note").await, "fine");

    let first = rig.id(&settings).await;
    put(&rig.home.join("managed/git"), "git2");
    let sandbox = gateway.ensure(&with_skills(&rig, &settings, &["git", "sky"])).await.unwrap();
    assert_eq!(out(&*sandbox, &format!("cat {copies}/*/SKILL.md")).await, "git2sky");
    assert_eq!(rig.id(&settings).await, first, "changed skills need no other container");
}

#[tokio::test]
async fn the_first_skill_reaches_a_sandbox_in_use_when_it_has_cooled_down() {
    let rig = Rig::new().await;
    put(&rig.home.join("managed/git"), "git");
    put(&rig.home.join("workspace/skills/own"), "own");
    let settings = Settings { access: Access::Rw, ..rig.settings("late") };
    let gateway = rig.gateway();
    gateway.ensure(&with_skills(&rig, &settings, &[])).await.unwrap();
    let first = rig.id(&settings).await;

    let hot = gateway.ensure(&with_skills(&rig, &settings, &["git"])).await.unwrap();
    assert_eq!(rig.id(&settings).await, first);
    assert_eq!(out(&*hot, "cat skills/own/SKILL.md").await, "own");
    rig.clock.advance(Duration::from_secs(301));
    let cold = gateway.ensure(&with_skills(&rig, &settings, &["git"])).await.unwrap();

    assert_eq!(out(&*cold, "cat .openclaw/sandbox-skills/skills/git/SKILL.md").await, "git");
}
