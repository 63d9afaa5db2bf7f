//! What is refused before a container is made, and what of others is never touched.

use bollard::{models::ContainerCreateBody, query_parameters::CreateContainerOptionsBuilder};
use sandbox::docker::{
    Backend, Owner, Settings,
    settings::{Allowed, DEFAULT_IMAGE},
};

use crate::rig::{Rig, out};

async fn refused(rig: &Rig, settings: &Settings) -> String {
    let error = rig.gateway().ensure(settings).await.err().expect("it is refused");
    assert_eq!(rig.names().await, Vec::<String>::new(), "nothing is made");
    error.to_string()
}

#[tokio::test]
async fn the_engine_s_socket_never_gets_in_not_even_by_a_link() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("socket");
    settings.allowed = Allowed {
        dangerously_allow_external_bind_sources: true,
        dangerously_allow_reserved_container_targets: true,
        dangerously_allow_container_namespace_join: true,
    };
    std::fs::create_dir_all(&settings.agent_dir).unwrap();
    let link = settings.agent_dir.join("link");
    std::os::unix::fs::symlink("/var/run", &link).unwrap();

    for source in ["/var/run/docker.sock", "/run", "/", &link.join("docker.sock").to_string_lossy()]
    {
        settings.container.binds = vec![format!("{source}:/data")];
        let said = refused(&rig, &settings).await;
        assert!(said.contains(source), "{said}");
    }
}

#[tokio::test]
async fn a_bind_below_the_workspace_is_given() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("bind");
    std::fs::create_dir_all(settings.agent_dir.join("data")).unwrap();
    std::fs::write(settings.agent_dir.join("data/x"), "bound").unwrap();
    let source = settings.agent_dir.join("data");
    settings.container.binds = vec![format!("{}:/data:ro", source.display())];

    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(
        out(&*sandbox, "cat /data/x; touch /data/y 2>/dev/null || echo ro").await,
        "boundro"
    );
}

#[tokio::test]
async fn a_container_of_that_name_that_is_not_ours_is_left_alone() {
    let rig = Rig::new().await;
    let settings = rig.settings("foreign");
    let body = ContainerCreateBody {
        image: Some(DEFAULT_IMAGE.to_owned()),
        labels: Some([rig.label()].into()),
        ..ContainerCreateBody::default()
    };
    let name = rig.name_of(&settings);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let theirs = rig.docker.create_container(Some(options), body).await.unwrap().id;
    let gateway = rig.gateway();

    let said = gateway.ensure(&settings).await.err().unwrap().to_string();
    let unremoved = gateway.remove(&name).await.unwrap_err().to_string();

    assert!(said.contains(&name) && unremoved.contains(&name), "{said} {unremoved}");
    assert_eq!(rig.id(&settings).await, theirs);
}

#[tokio::test]
async fn another_gateway_s_container_is_neither_used_nor_removed() {
    let rig = Rig::new().await;
    let settings = rig.settings("theirs");
    let mut other = rig.options();
    other.owner = Owner::new("another".to_owned());
    let other = Backend::new(other);
    other.ensure(&settings).await.unwrap();
    let name = other.name_of(&settings);
    let theirs = rig.id_of(&name).await;
    let gateway = rig.gateway();

    gateway.ensure(&settings).await.unwrap();
    gateway.remove(&name).await.unwrap_err();
    gateway.sweep().await.unwrap();

    assert_ne!(rig.id(&settings).await, theirs);
    assert_eq!(rig.id_of(&name).await, theirs);
}

#[tokio::test]
async fn what_a_user_may_not_read_is_told_before_the_first_command() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("unreadable");
    settings.access = sandbox::docker::settings::Access::Rw;
    settings.container.user = Some("4321:4321".to_owned());
    std::fs::create_dir_all(&settings.agent_dir).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&settings.agent_dir, mode).unwrap();

    let said = refused(&rig, &settings).await;

    assert!(said.contains("4321:4321") && said.contains("sandbox.docker.user"), "{said}");
}
