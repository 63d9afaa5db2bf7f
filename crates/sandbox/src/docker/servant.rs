//! The servant's program, and the volume by which it reaches every container.
//!
//! The volume's name carries the program's digest, so a new version fills a new volume and
//! containers of the old one keep theirs. It is filled through a container that is made but
//! never started, since a remote engine sees none of our files.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use bollard::{
    body_full,
    models::{ContainerCreateBody, HostConfig, VolumeCreateRequest},
    query_parameters::{
        ContainerArchiveInfoOptionsBuilder, ListVolumesOptionsBuilder, RemoveVolumeOptions,
        UploadToContainerOptionsBuilder,
    },
};
use bytes::Bytes;

use super::{
    client::Client,
    create::SERVANT_FILE,
    error::{Error, Fault, fault},
    mounts,
};
use crate::{
    naming::{self, LABEL_CREATED},
    security::SERVANT_TARGET,
};

/// Marks volumes of ours, and the containers that fill them.
pub(crate) const LABEL: &str = "openclaw.boxd";

/// How the names of our volumes begin.
const PREFIX: &str = "openclaw-boxd-";

/// How long a volume that nobody uses is kept: its gateway may be about to use it.
const UNUSED_MS_MAX: i64 = 24 * 3_600_000;

/// A filled volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Servant {
    pub(crate) volume: String,
}

/// Finds the program: where we were told, else beside our own.
pub(crate) async fn find(told: Option<&PathBuf>) -> Option<Vec<u8>> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join(SERVANT_FILE));
    let path = told.cloned().or_else(beside)?;
    tokio::fs::read(&path).await.ok()
}

/// Whether our program runs where images of this architecture do.
pub(crate) fn runs_on(arch: &str) -> bool {
    let ours = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    arch.is_empty() || arch == ours
}

/// The volume of a program.
pub(crate) fn volume_of(program: &[u8]) -> String {
    format!("{PREFIX}{}", &naming::digest(program)[..16])
}

/// Removes the volumes of other programs, earlier versions of ours as a rule. One that a
/// container uses stays, and so does one that was made a short while ago.
pub(crate) async fn prune(
    client: &Client,
    current: Option<&str>,
    now_ms: i64,
) -> Result<Vec<String>, Error> {
    let filters = HashMap::from([("label".to_owned(), vec![format!("{LABEL}=1")])]);
    let options = ListVolumesOptionsBuilder::default().filters(&filters).build();
    let found = client.docker.list_volumes(Some(options)).await;
    let found = found.map_err(|error| client.fail("list", "volumes", &error))?;
    let mut removed = Vec::new();
    for volume in found.volumes.unwrap_or_default() {
        // The first versions did not write down when.
        let made: Option<i64> = volume.labels.get(LABEL_CREATED).and_then(|it| it.parse().ok());
        let is_old = made.is_none_or(|made| made < now_ms.saturating_sub(UNUSED_MS_MAX));
        if !is_old || !volume.name.starts_with(PREFIX) || current == Some(volume.name.as_str()) {
            continue;
        }
        match client.docker.remove_volume(&volume.name, None::<RemoveVolumeOptions>).await {
            Ok(()) => removed.push(volume.name),
            // In use, or somebody else was quicker.
            Err(error) if matches!(fault(&error), Fault::Conflict | Fault::NotFound) => {}
            Err(error) => return Err(client.fail("remove volume", &volume.name, &error)),
        }
    }
    Ok(removed)
}

/// Makes sure that the volume of this program is there and full. The helper gets `labels`,
/// among which is the time.
pub(crate) async fn fill(
    client: &Client,
    program: &[u8],
    image: &str,
    labels: BTreeMap<String, String>,
) -> Result<Servant, Error> {
    let volume = volume_of(program);
    let made = labels.get(LABEL_CREATED).map(|made| (LABEL_CREATED.to_owned(), made.clone()));
    let request = VolumeCreateRequest {
        name: Some(volume.clone()),
        labels: Some(made.into_iter().chain([(LABEL.to_owned(), "1".to_owned())]).collect()),
        ..VolumeCreateRequest::default()
    };
    let docker = &client.docker;
    docker
        .create_volume(request)
        .await
        .map_err(|error| client.fail("create volume", &volume, &error))?;
    let mut seed = [0; 4];
    getrandom::fill(&mut seed).unwrap_or_default();
    let helper = format!("{volume}-fill-{}", hex::encode(seed));
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec!["true".to_owned()]),
        labels: Some(labels.into_iter().chain([(LABEL.to_owned(), "1".to_owned())]).collect()),
        network_disabled: Some(true),
        host_config: Some(HostConfig {
            mounts: Some(vec![mounts::servant_mount(&volume, false)]),
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    client.create(&helper, body).await?;
    let filled = fill_through(client, &helper, program).await;
    let removed = client.remove(&helper).await;
    filled.and(removed)?;
    Ok(Servant { volume })
}

async fn fill_through(client: &Client, helper: &str, program: &[u8]) -> Result<(), Error> {
    let place = format!("{SERVANT_TARGET}/{SERVANT_FILE}");
    let options = ContainerArchiveInfoOptionsBuilder::default().path(&place).build();
    let known = client.docker.get_container_archive_info(helper, Some(options)).await;
    // One that died while filling left a short file.
    let size = known.ok().and_then(|it| u64::try_from(it.size).ok());
    if size == Some(program.len() as u64) {
        return Ok(());
    }
    let archive = archive(program).map_err(|error| Error::Engine {
        verb: "pack",
        what: SERVANT_FILE.to_owned(),
        said: error.to_string(),
    })?;
    let options = UploadToContainerOptionsBuilder::default().path(SERVANT_TARGET).build();
    client
        .docker
        .upload_to_container(helper, Some(options), body_full(Bytes::from(archive)))
        .await
        .map_err(|error| client.fail("fill volume through", helper, &error))
}

fn archive(program: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(program.len() as u64);
    header.set_mode(0o755);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, SERVANT_FILE, program)?;
    archive.into_inner()
}
