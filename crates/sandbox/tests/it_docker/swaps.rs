//! Directories that are replaced between the check and the start of a container.

use std::{
    collections::BTreeMap,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use sandbox::docker::{Backend, Settings, settings::Access};

use crate::{
    proxy::{Hearer, Hook, Proxy},
    rig::{Rig, out},
};

/// Replaces a directory by a link just before the engine starts a container, once, and puts it
/// back when the engine has done so, if `back` says that.
fn swap(dir: PathBuf, victim: PathBuf, back: bool) -> Hook {
    #[derive(PartialEq)]
    enum State {
        Before,
        Swapped,
        After,
    }
    let state = Mutex::new(State::Before);
    Arc::new(move |hearer, piece| {
        let mut state = state.lock().unwrap();
        let old = dir.with_extension("old");
        if *state == State::Before && hearer == Hearer::Engine && piece.contains("/start") {
            std::fs::rename(&dir, &old).unwrap();
            symlink(&victim, &dir).unwrap();
            *state = State::Swapped;
        } else if *state == State::Swapped && hearer == Hearer::Gateway && piece.contains(" 204 ") {
            if back {
                std::fs::remove_file(&dir).unwrap();
                std::fs::rename(&old, &dir).unwrap();
            }
            *state = State::After;
        }
    })
}

/// A gateway whose container starts are met by `hook`.
fn gateway(rig: &Rig, hook: Hook) -> (Backend, Proxy) {
    let proxy = Proxy::with_hook(&rig.home.join("engine.sock"), hook);
    let mut options = rig.options();
    options.env = BTreeMap::from([("DOCKER_HOST".to_owned(), proxy.address())]);
    (Backend::new(options), proxy)
}

fn victim(rig: &Rig) -> PathBuf {
    let victim = rig.home.join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("secret"), "theirs").unwrap();
    victim
}

async fn refused(rig: &Rig, settings: &Settings, hook: Hook) -> String {
    let (gateway, proxy) = gateway(rig, hook);
    let said = gateway.ensure(settings).await.err().expect("it is refused").to_string();
    assert_eq!(rig.names().await, Vec::<String>::new(), "no container stays");
    proxy.stop().await;
    said
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[tokio::test]
async fn a_workspace_that_becomes_a_link_before_the_start_is_never_used() {
    let rig = Rig::new().await;
    let settings = rig.settings("swapped");
    let victim = victim(&rig);

    let hook = swap(settings.sandbox_dir.clone(), victim.clone(), false);
    let said = refused(&rig, &settings, hook).await;

    assert!(said.contains(&*settings.sandbox_dir.to_string_lossy()), "{said}");
    assert_eq!(entries(&victim), 1, "not even the marker went there");
    std::fs::remove_file(&settings.sandbox_dir).unwrap();
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    assert_eq!(out(&*sandbox, "echo works").await, "works");
}

#[tokio::test]
async fn a_workspace_that_was_a_link_only_while_it_was_mounted_is_never_used() {
    let rig = Rig::new().await;
    let settings = rig.settings("back");
    let victim = victim(&rig);

    let hook = swap(settings.sandbox_dir.clone(), victim.clone(), true);
    let said = refused(&rig, &settings, hook).await;

    assert!(said.contains("marker"), "{said}");
    assert_eq!(entries(&victim), 1);
}

#[tokio::test]
async fn a_bind_below_a_writable_workspace_that_becomes_a_link_is_never_used() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("bound");
    settings.access = Access::Rw;
    let source = settings.agent_dir.join("data");
    std::fs::create_dir_all(&source).unwrap();
    let victim = victim(&rig);
    for (mode, back) in [("rw", false), ("ro", true)] {
        settings.container.binds = vec![format!("{}:/data:{mode}", source.display())];

        let said = refused(&rig, &settings, swap(source.clone(), victim.clone(), back)).await;

        assert!(said.contains("sandbox.docker.binds") && said.contains("replaced"), "{said}");
        assert_eq!(entries(&victim), 1);
        if !back {
            std::fs::remove_file(&source).unwrap();
            std::fs::rename(source.with_extension("old"), &source).unwrap();
        }
    }
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    assert_eq!(out(&*sandbox, "ls -A /data; echo works").await, "works", "no marker stays");
}

#[tokio::test]
async fn a_bind_of_what_a_sandbox_could_replace_and_nobody_could_tell_is_refused() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("files");
    settings.access = Access::Rw;
    std::fs::create_dir_all(settings.agent_dir.join("real")).unwrap();
    std::fs::write(settings.agent_dir.join("file"), "x").unwrap();
    symlink("real", settings.agent_dir.join("link")).unwrap();

    for (name, why) in [("file", "only directories"), ("link", "a link"), ("gone", "No such")] {
        let source = settings.agent_dir.join(name);
        settings.container.binds = vec![format!("{}:/data:ro", source.display())];
        let said = rig.gateway().ensure(&settings).await.err().expect("it is refused").to_string();
        assert!(said.contains("sandbox.docker.binds") && said.contains(why), "{said}");
    }
    // Where no sandbox writes, all of it is the operator's own business.
    settings.access = Access::None;
    settings.container.binds = vec![format!("{}/file:/data:ro", settings.agent_dir.display())];
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    assert_eq!(out(&*sandbox, "cat /data").await, "x");
    settings.exposed = [settings.agent_dir.clone()].into();
    settings.scope.key.push_str("-other");
    rig.gateway().ensure(&settings).await.err().expect("another agent writes there");
}
