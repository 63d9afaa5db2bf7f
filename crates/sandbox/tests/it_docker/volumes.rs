//! The volumes by which servants reach their sandboxes.

use std::{collections::HashMap, time::Duration};

use bollard::{
    models::{ContainerCreateBody, HostConfig, VolumeCreateRequest},
    query_parameters::{CreateContainerOptionsBuilder, RemoveVolumeOptions},
};
use domain::Clock;
use sandbox::docker::settings::DEFAULT_IMAGE;

use crate::rig::{Rig, out};

const OURS: &str = "openclaw.boxd";
const CREATED: &str = "openclaw.createdAtMs";

async fn make(rig: &Rig, name: &str, labels: &[(&str, String)]) {
    let labels: HashMap<_, _> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    let request = VolumeCreateRequest {
        name: Some(name.to_owned()),
        labels: Some(labels),
        ..VolumeCreateRequest::default()
    };
    rig.docker.create_volume(request).await.unwrap();
}

#[tokio::test]
async fn those_of_earlier_servants_go_and_no_others() {
    let rig = Rig::new().await;
    let name = |what: &str| format!("{what}{}", &rig.label().1);
    let ours = || (OURS, "1".to_owned());
    let made = |ms: i64| (CREATED, ms.to_string());
    let now = rig.clock.now().0;
    let day = i64::try_from(Duration::from_hours(25).as_millis()).unwrap();
    let [first, old, fresh, used] =
        ["first", "old", "fresh", "used"].map(|what| name(&format!("openclaw-boxd-{what}-")));
    let [unlabelled, foreign] = [name("openclaw-boxd-theirs-"), name("theirs-")];
    make(&rig, &first, &[ours()]).await;
    make(&rig, &old, &[ours(), made(now - day)]).await;
    make(&rig, &fresh, &[ours(), made(now)]).await;
    make(&rig, &used, &[ours()]).await;
    make(&rig, &unlabelled, &[]).await;
    make(&rig, &foreign, &[ours()]).await;
    let body = ContainerCreateBody {
        image: Some(DEFAULT_IMAGE.to_owned()),
        labels: Some([rig.label()].into()),
        host_config: Some(HostConfig {
            binds: Some(vec![format!("{used}:/x")]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    let options = CreateContainerOptionsBuilder::default().build();
    let container = rig.docker.create_container(Some(options), body).await.unwrap().id;
    let gateway = rig.gateway();
    let settings = rig.settings("volumes");
    let sandbox = gateway.ensure(&settings).await.unwrap();

    gateway.sweep().await.unwrap();

    let mut left = Vec::new();
    for volume in [&first, &old, &fresh, &used, &unlabelled, &foreign] {
        if rig.docker.inspect_volume(volume).await.is_ok() {
            left.push(volume.clone());
        }
    }
    let options = None::<bollard::query_parameters::RemoveContainerOptions>;
    rig.docker.remove_container(&container, options).await.unwrap();
    for volume in &left {
        rig.docker.remove_volume(volume, None::<RemoveVolumeOptions>).await.unwrap();
    }
    assert_eq!(left, [fresh, used, unlabelled, foreign]);
    assert_eq!(out(&*sandbox, "echo works").await, "works");
    rig.gateway().ensure(&rig.settings("another")).await.unwrap();
}
