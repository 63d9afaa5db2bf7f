//! Links that change their ends while a file tool is at work.

use serde_json::json;

use crate::rig::{Boxed, Rig, SECRET, adding, changing, text};

const ROUNDS: usize = 60;

/// Swaps `a` between a directory here and the host's, and `f` between files, until killed.
async fn swapping(inside: &Boxed<'_>, rig: &Rig) -> String {
    let home = rig.home.display();
    let line = format!(
        "mkdir real; echo inside >real/canary; \
         while :; do ln -sfn real a; ln -sf real/canary f; \
         ln -sfn {home} a; ln -sf {home}/canary f; \
         ln -sfn /proc/1/root{home} a; ln -sfn / a; done"
    );
    inside.call("exec", json!({ "command": line, "background": true })).await
}

#[tokio::test]
async fn no_swap_during_a_call_reaches_the_host() {
    let rig = Rig::new().await;
    let settings = rig.settings("swaps");
    let inside = rig.enter(&settings).await;
    swapping(&inside, &rig).await;

    let mut seen = Vec::new();
    for round in 0..ROUNDS {
        for path in ["a/canary", "f"] {
            let read = inside.call("read", json!({ "path": path })).await;
            assert!(!read.contains(SECRET), "{read}");
            seen.push(read);
            let write = json!({ "path": path, "content": format!("inside {round}\n") });
            inside.call("write", write).await;
            let edit = json!({ "path": path, "oldText": "inside", "newText": "edited inside" });
            inside.call("edit", edit).await;
            inside.call("apply_patch", changing(path, "inside", "patched")).await;
            inside.call("apply_patch", adding(&format!("a/new{round}"), "x")).await;
        }
        rig.assert_untouched();
    }

    inside.assert_works("swaps").await;
    assert!(seen.iter().any(|said| said.contains("inside")), "some calls came through");
    let mut left: Vec<_> = std::fs::read_dir(&rig.home)
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("new") || name.starts_with(".openclaw"))
        .collect();
    left.sort();
    assert_eq!(left, Vec::<String>::new(), "nothing was written on the host");
}

#[tokio::test]
async fn what_the_gateway_puts_into_a_workspace_follows_no_link() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("seeds");
    let precious = rig.home.join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("keep"), SECRET).unwrap();
    let skill = rig.home.join("skill");
    std::fs::create_dir(&skill).unwrap();
    std::fs::write(skill.join("SKILL.md"), "skill").unwrap();
    settings.seed = sandbox::docker::settings::Seed {
        files: std::sync::Arc::from([("AGENTS.md".to_owned(), "rules".to_owned())]),
        skills: Some(std::sync::Arc::from([("git".to_owned(), skill)])),
        ..sandbox::docker::settings::Seed::default()
    };
    let inside = rig.enter(&settings).await;
    let places = [precious.display().to_string(), rig.home.join("made").display().to_string()];
    let swap = format!(
        "rm -rf AGENTS.md skills; ln -s {} skills; ln -s {} AGENTS.md",
        places[0], places[1]
    );
    inside.exec(&swap).await;

    let inside = rig.enter(&settings).await;

    inside.assert_works("links in the place of seeds").await;
    assert_eq!(text(&precious.join("keep")), SECRET);
    assert_eq!(std::fs::read_dir(&precious).unwrap().count(), 1, "no skill went there");
    assert!(!rig.home.join("made").exists(), "no seed went there");
    assert_eq!(inside.exec("cat skills/git/SKILL.md").await, "skill");
}

#[tokio::test]
async fn a_bind_that_became_a_link_is_refused_at_the_next_start() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("bind");
    settings.access = sandbox::docker::settings::Access::Rw;
    let source = settings.agent_dir.join("data");
    std::fs::create_dir_all(&source).unwrap();
    settings.container.binds = vec![format!("{}:/data", source.display())];
    let inside = rig.enter(&settings).await;
    inside.exec(&format!("mv data old; ln -s {} data", rig.home.display())).await;
    let name = rig.gateway.name_of(&settings);
    let kill = None::<bollard::query_parameters::KillContainerOptions>;
    rig.docker.kill_container(&name, kill).await.unwrap();

    let said = rig.gateway.ensure(&settings).await.err().map(|it| it.to_string());

    let said = said.expect("it is refused");
    assert!(said.contains("sandbox.docker.binds"), "{said}");
    std::fs::remove_file(&source).unwrap();
    std::fs::create_dir(&source).unwrap();
    rig.enter(&settings).await.assert_works("the link is gone").await;
    rig.assert_untouched();
}

#[tokio::test]
async fn a_sandbox_s_directory_that_became_a_link_is_never_mounted() {
    // One that works in the directory that holds the others', as those that all shared once did.
    let rig = Rig::new().await;
    let settings = rig.settings("victim");
    let root = settings.sandbox_dir.parent().unwrap().to_owned();
    let mut shared = rig.settings("shared");
    shared.sandbox_dir.clone_from(&root);
    shared.scope.sharing = sandbox::docker::settings::Sharing::Shared;
    let inside = rig.enter(&shared).await;
    let slug = settings.sandbox_dir.file_name().unwrap().to_str().unwrap();
    inside.exec(&format!("rm -rf {slug}; ln -s {} {slug}", rig.home.display())).await;

    let said = rig.gateway.ensure(&settings).await.err().map(|it| it.to_string());

    let said = said.expect("it is refused");
    assert!(said.contains(slug), "{said}");
    inside.exec(&format!("rm {slug}")).await;
    rig.enter(&settings).await.assert_works("the link is gone").await;
}
