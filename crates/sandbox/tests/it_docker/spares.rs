//! Containers that wait for a session.

use sandbox::docker::{Backend, Owner, Settings, settings::Access};

use crate::rig::{Rig, out, text, until};

fn with_spare(rig: &Rig, session: &str) -> Settings {
    Settings { spares: 1, ..rig.settings(session) }
}

async fn spare_of(gateway: &Backend) -> String {
    until("a spare is ready", || async { !gateway.spares().is_empty() }).await;
    gateway.spares().remove(0)
}

#[tokio::test]
async fn a_new_session_gets_the_spare_with_its_directory_and_its_name() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    gateway.ensure(&with_spare(&rig, "first")).await.unwrap();
    let spare = rig.id_of(&spare_of(&gateway).await).await;
    let settings = with_spare(&rig, "second");

    let sandbox = gateway.ensure(&settings).await.unwrap();

    assert_eq!(rig.id(&settings).await, spare);
    out(&*sandbox, "echo mine >here").await;
    assert_eq!(text(&settings.sandbox_dir.join("here")), "mine\n");
    let listed = gateway.list().await.unwrap();
    assert!(listed.iter().any(|it| it.entry.session_key == settings.scope.key));
    let next = rig.gateway().ensure(&settings).await.unwrap();
    assert_eq!(out(&*next, "cat here").await, "mine", "another gateway knows it, too");
    assert_eq!(rig.id(&settings).await, spare);
}

#[tokio::test]
async fn closing_removes_the_spares_and_their_directories() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let settings = with_spare(&rig, "first");
    gateway.ensure(&settings).await.unwrap();
    spare_of(&gateway).await;

    gateway.close().await;

    assert_eq!(rig.names().await, [rig.name_of(&settings)]);
    assert_eq!(std::fs::read_dir(rig.home.join("sandboxes")).unwrap().count(), 1);
}

#[tokio::test]
async fn a_session_that_has_files_keeps_them_and_takes_no_spare() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    gateway.ensure(&with_spare(&rig, "first")).await.unwrap();
    spare_of(&gateway).await;
    let settings = with_spare(&rig, "old");
    std::fs::create_dir_all(&settings.sandbox_dir).unwrap();
    std::fs::write(settings.sandbox_dir.join("mine"), "kept").unwrap();

    let sandbox = gateway.ensure(&settings).await.unwrap();

    assert_eq!(out(&*sandbox, "cat mine").await, "kept");
}

#[tokio::test]
async fn spares_of_a_former_life_go_and_those_of_others_stay() {
    let rig = Rig::new().await;
    let mut settings = with_spare(&rig, "first");
    settings.access = Access::Rw;
    let gateway = rig.gateway();
    gateway.ensure(&settings).await.unwrap();
    let spare = spare_of(&gateway).await;
    let mut stranger = rig.options();
    stranger.owner = Owner::new("another".to_owned());

    assert_eq!(Backend::new(stranger).sweep().await.unwrap().removed, Vec::<String>::new());
    assert_eq!(rig.gateway().sweep().await.unwrap().removed, [spare]);
    assert_eq!(rig.names().await, [rig.name_of(&settings)]);
}
