//! From the first turn to the pruning.

use std::{sync::Arc, time::Duration};

use sandbox::{
    Exit, SandboxError,
    docker::settings::{Access, Prune, Seed},
};

use crate::rig::{Ran, Rig, out, run, text};

#[tokio::test]
async fn a_command_runs_in_the_workspace_and_sees_nothing_of_the_host() {
    let rig = Rig::new().await;
    let settings = rig.settings("run");
    let gateway = rig.gateway();

    let (sandbox, reach) = gateway.open(&settings).await.unwrap();

    assert_eq!(reach, sandbox::docker::Reach::Servant);
    assert_eq!(out(&*sandbox, "pwd; echo hi >made; cat made").await, "/workspace\nhi");
    assert_eq!(text(&settings.sandbox_dir.join("made")), "hi\n");
    assert_eq!(run(&*sandbox, "exit 7").await, Ran { out: String::new(), exit: Exit::Code(7) });
    let env = out(&*sandbox, "env").await;
    assert!(env.contains("LANG=C.UTF-8") && env.contains("OPENCLAW_SHELL=exec"), "{env}");
    assert!(!env.contains("CARGO") && !env.contains("NEXTEST"), "{env}");
    assert_eq!(out(&*sandbox, "ls -A /workspace").await, "made", "no marker stays behind");
    assert_eq!(out(&*sandbox, "ls /sys/class/net").await, "lo");
}

#[tokio::test]
async fn the_list_tells_the_last_commands_until_their_container_is_removed() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let settings = rig.settings("told");
    let sandbox = gateway.ensure(&settings).await.unwrap();
    run(&*sandbox, "true").await;
    run(&*sandbox, "exit 7").await;

    let listed = gateway.list().await.unwrap();

    let told: Vec<_> = listed[0].commands.iter().map(|it| (&*it.line, it.exit)).collect();
    assert_eq!(told, [("exit 7", Some(Exit::Code(7))), ("true", Some(Exit::Code(0)))]);
    gateway.remove(&rig.name_of(&settings)).await.unwrap();
    gateway.ensure(&settings).await.unwrap();
    assert_eq!(gateway.list().await.unwrap()[0].commands, []);
}

#[tokio::test]
async fn files_of_a_mebibyte_go_in_and_out() {
    let rig = Rig::new().await;
    let settings = rig.settings("files");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let bytes: Vec<u8> = (0..1_048_576_u32).map(|n| n.to_le_bytes()[1]).collect();

    sandbox.write("deep/er/file", &bytes).await.unwrap();

    assert_eq!(sandbox.read("/workspace/deep/er/file", 2 << 20).await.unwrap(), bytes);
    assert_eq!(std::fs::read(settings.sandbox_dir.join("deep/er/file")).unwrap(), bytes);
    let refused = sandbox.read("deep/er/file", 10).await;
    assert!(matches!(refused, Err(SandboxError::TooLarge { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_session_gets_the_same_container_each_turn_and_others_get_others() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let (one, two) = (rig.settings("one"), rig.settings("two"));

    gateway.ensure(&one).await.unwrap();
    let first = rig.id(&one).await;
    gateway.ensure(&one).await.unwrap();
    let (a, b) = tokio::join!(gateway.ensure(&two), gateway.ensure(&two));
    a.unwrap();
    b.unwrap();

    assert_eq!(rig.id(&one).await, first);
    assert_ne!(rig.id(&two).await, first);
    assert_eq!(rig.names().await.len(), 2);
    let listed = gateway.list().await.unwrap();
    assert!(listed.iter().all(|it| it.exists && it.is_running), "{listed:?}");
    assert_eq!(listed.len(), 2);
    let stats = gateway.stats(&rig.name_of(&one)).await.unwrap().unwrap();
    assert!(stats.memory_bytes > 0 && stats.pids > 0, "{stats:?}");
}

#[tokio::test]
async fn accesses_show_their_directories() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    std::fs::create_dir_all(rig.home.join("workspace")).unwrap();
    std::fs::write(rig.home.join("workspace/note"), "agent's").unwrap();
    let with = |session: &str, access| {
        let mut settings = rig.settings(session);
        settings.access = access;
        settings
    };

    let none = gateway.ensure(&with("none", Access::None)).await.unwrap();
    assert_eq!(out(&*none, "ls /agent note 2>&1 || true").await.matches("No such").count(), 2);
    let ro = gateway.ensure(&with("ro", Access::Ro)).await.unwrap();
    assert_eq!(out(&*ro, "cat /agent/note").await, "agent's");
    assert_ne!(run(&*ro, "touch /agent/x").await.exit, Exit::Code(0));
    assert_ne!(run(&*ro, "touch /workspace/x").await.exit, Exit::Code(0));
    let rw = gateway.ensure(&with("rw", Access::Rw)).await.unwrap();
    assert_eq!(out(&*rw, "cat note; echo new >note").await, "agent's");
    assert_eq!(text(&rig.home.join("workspace/note")), "new\n");
}

#[tokio::test]
async fn seeds_are_there_before_the_first_command() {
    let rig = Rig::new().await;
    let skill = rig.home.join("git-skill");
    std::fs::create_dir_all(&skill).unwrap();
    std::fs::write(skill.join("SKILL.md"), "skill").unwrap();
    let mut settings = rig.settings("seed");
    settings.seed = Seed {
        files: Arc::from([("AGENTS.md".to_owned(), "rules".to_owned())]),
        skills: Some(Arc::from([("git".to_owned(), skill)])),
        ..Seed::default()
    };

    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(out(&*sandbox, "cat AGENTS.md skills/git/SKILL.md").await, "rulesskill");
}

#[tokio::test]
async fn changed_settings_wait_for_the_container_to_be_cold() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let mut settings = rig.settings("hot");
    gateway.ensure(&settings).await.unwrap();
    let first = rig.id(&settings).await;
    settings.container.env.insert("NEW".to_owned(), "1".to_owned());

    rig.clock.advance(Duration::from_secs(299));
    gateway.ensure(&settings).await.unwrap();
    assert_eq!(rig.id(&settings).await, first);
    rig.clock.advance(Duration::from_secs(301));
    let sandbox = gateway.ensure(&settings).await.unwrap();

    assert_ne!(rig.id(&settings).await, first);
    assert_eq!(out(&*sandbox, "echo $NEW").await, "1");
}

#[tokio::test]
async fn changed_mounts_of_a_hot_container_are_an_error_with_the_command() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let mut settings = rig.settings("mounts");
    gateway.ensure(&settings).await.unwrap();
    settings.access = Access::Ro;
    std::fs::create_dir_all(&settings.agent_dir).unwrap();

    let refused = gateway.ensure(&settings).await.err().unwrap().to_string();

    let command = format!("openclaw sandbox recreate --session {}", settings.scope.key);
    assert!(refused.contains(&command), "{refused}");
    gateway.remove(&rig.name_of(&settings)).await.unwrap();
    gateway.ensure(&settings).await.unwrap();
}

#[tokio::test]
async fn a_setup_that_fails_leaves_no_container_and_tells_what_it_said() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("setup");
    settings.container.setup_command = Some("echo oh no >&2; exit 3".to_owned());
    let gateway = rig.gateway();

    let refused = gateway.ensure(&settings).await.err().unwrap().to_string();

    assert!(refused.contains("oh no") && refused.contains("status 3"), "{refused}");
    assert_eq!(rig.names().await, Vec::<String>::new());
    assert_eq!(gateway.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_missing_image_names_its_fix_and_leaves_nothing() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("image");
    settings.container.image = "not/there:1".to_owned();

    let refused = rig.gateway().ensure(&settings).await.err().unwrap().to_string();

    assert!(refused.contains("not/there:1"), "{refused}");
    assert!(refused.contains("build or pull it first"), "{refused}");
    assert_eq!(rig.names().await, Vec::<String>::new());
}

#[tokio::test]
async fn idle_sandboxes_are_pruned_by_their_own_rules() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let (keep, go) = (rig.settings("keep"), rig.settings("go"));
    gateway.ensure(&keep).await.unwrap();
    gateway.ensure(&go).await.unwrap();
    rig.clock.advance(Duration::from_hours(25));
    let kept = keep.scope.key.clone();
    let rules = move |entry: &store::SandboxEntry| Prune {
        idle_hours: if entry.session_key == kept { 0 } else { 24 },
        max_age_days: 0,
    };

    let tended = gateway.prune_if_due(&rules).await.unwrap();

    assert_eq!(tended.removed, [rig.name_of(&go)]);
    assert_eq!(rig.names().await, [rig.name_of(&keep)]);
    assert!(go.sandbox_dir.is_dir(), "workspaces stay");
    assert!(gateway.prune_if_due(&rules).await.is_none(), "once in five minutes");
    gateway.ensure(&go).await.unwrap();
}
