//! Where our directories are on the engine's machine, when we run in a container ourselves.
//!
//! The signs of being in a container lie both ways (a virtual machine can carry them), so
//! nothing here decides anything: it offers another place to mount from, and the marker
//! (`proof`) says whether it was the right one.

use std::path::{Path, PathBuf};

use bollard::{models::MountPoint, query_parameters::InspectContainerOptions};

use super::{client::Client, mounts::Managed};

/// Most containers that are looked at.
const CANDIDATES_MAX: usize = 8;
const ID_CHARS: usize = 64;

/// A mount of a container, such as the one that we may be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnMount {
    /// Whether it binds a directory of the engine's machine.
    pub(crate) is_bind: bool,
    pub(crate) source: PathBuf,
    pub(crate) destination: PathBuf,
    pub(crate) writable: bool,
}

/// Whether an engine left its sign that we run in a container.
pub(crate) async fn has_signs() -> bool {
    for file in ["/.dockerenv", "/run/.containerenv"] {
        if tokio::fs::try_exists(file).await.unwrap_or(true) {
            return true;
        }
    }
    false
}

/// Ids of the containers that we may be, the likeliest first.
pub(crate) async fn candidates() -> Vec<String> {
    let mut found = Vec::new();
    for file in ["/proc/self/cgroup", "/proc/self/mountinfo"] {
        let text = tokio::fs::read_to_string(file).await.unwrap_or_default();
        let lines = text.lines().filter(|line| {
            let files = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
            file.ends_with("cgroup") || files.iter().any(|it| line.contains(it))
        });
        found.extend(lines.flat_map(ids));
    }
    let hostname = tokio::fs::read_to_string("/proc/sys/kernel/hostname").await;
    found.extend(hostname.ok().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()));
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|id| seen.insert(id.clone()));
    found.truncate(CANDIDATES_MAX);
    found
}

/// The mounts of a container; none when there is no such container.
pub(crate) async fn mounts_of(client: &Client, id: &str) -> Vec<OwnMount> {
    let answer = client.docker.inspect_container(id, None::<InspectContainerOptions>).await;
    rows(answer.ok().and_then(|it| it.mounts).unwrap_or_default())
}

/// What the engine says of a container's mounts.
pub(crate) fn rows(mounts: Vec<MountPoint>) -> Vec<OwnMount> {
    mounts.into_iter().filter_map(own_mount).collect()
}

fn own_mount(mount: MountPoint) -> Option<OwnMount> {
    Some(OwnMount {
        is_bind: mount.typ.as_deref() == Some("bind"),
        source: PathBuf::from(mount.source?),
        destination: PathBuf::from(mount.destination?),
        writable: mount.rw.unwrap_or(false),
    })
}

/// The same mounts as the engine's machine sees them, with what is mounted below them in our
/// container; or what must be mounted for that.
pub(crate) fn translate(managed: &[Managed], own: &[OwnMount]) -> Result<Vec<Managed>, String> {
    let mut translated = Vec::new();
    for mount in managed {
        let source = place(&mount.ours, mount.writable, own)?;
        translated.push(Managed { source, ..mount.clone() });
        for nested in own {
            let Ok(rest) = nested.destination.strip_prefix(&mount.ours) else { continue };
            if !nested.is_bind || rest.as_os_str().is_empty() {
                continue;
            }
            translated.push(Managed {
                ours: nested.destination.clone(),
                source: nested.source.clone(),
                target: format!("{}/{}", mount.target, rest.display()),
                writable: mount.writable && nested.writable,
                is_skills: mount.is_skills,
            });
        }
    }
    Ok(translated)
}

fn place(ours: &Path, writable: bool, own: &[OwnMount]) -> Result<PathBuf, String> {
    let deepest = own
        .iter()
        .filter(|mount| ours.starts_with(&mount.destination))
        .max_by_key(|mount| mount.destination.components().count());
    let shown = ours.display();
    let fix = format!(
        "bind a directory of the host there (`-v /on/the/host:{shown}`) and restart the gateway"
    );
    match deepest {
        None => Err(format!("`{shown}` is in the gateway's own image, unseen by docker: {fix}")),
        Some(mount) if !mount.is_bind => Err(format!(
            "`{shown}` is on the volume or tmpfs at `{}` of the gateway's container: {fix}",
            mount.destination.display()
        )),
        Some(mount) if writable && !mount.writable => Err(format!(
            "`{shown}` is mounted read-only into the gateway's container: {fix}, writable"
        )),
        Some(mount) => {
            let rest = ours.strip_prefix(&mount.destination).unwrap_or(Path::new(""));
            Ok(if rest.as_os_str().is_empty() {
                mount.source.clone()
            } else {
                mount.source.join(rest)
            })
        }
    }
}

/// The container ids in a line.
fn ids(line: &str) -> Vec<String> {
    line.split(|c: char| !c.is_ascii_hexdigit())
        .filter(|part| part.len() == ID_CHARS)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(is_bind: bool, source: &str, destination: &str, writable: bool) -> OwnMount {
        OwnMount { is_bind, source: source.into(), destination: destination.into(), writable }
    }

    fn want(ours: &str) -> [Managed; 1] {
        let (ours, target) = (PathBuf::from(ours), "/workspace".to_owned());
        [Managed { source: ours.clone(), ours, target, writable: true, is_skills: false }]
    }

    fn sources(translated: &[Managed]) -> Vec<(String, String)> {
        let row = |it: &Managed| (it.source.display().to_string(), it.target.clone());
        translated.iter().map(row).collect()
    }

    #[test]
    fn the_deepest_bind_gives_the_place_on_the_host() {
        let own = [
            own(false, "/var/lib/docker/volumes/h/_data", "/home/node", true),
            own(true, "/srv/oc", "/home/node/.openclaw", true),
            own(true, "/srv/ws", "/home/node/.openclaw/workspace", true),
        ];

        let state = translate(&want("/home/node/.openclaw/sandboxes/a"), &own).unwrap();
        assert_eq!(sources(&state), [("/srv/oc/sandboxes/a".into(), "/workspace".into())]);
        let workspace = translate(&want("/home/node/.openclaw/workspace"), &own).unwrap();
        assert_eq!(sources(&workspace), [("/srv/ws".into(), "/workspace".into())]);
    }

    #[test]
    fn binds_below_the_directory_come_along() {
        let own = [own(true, "/srv/ws", "/ws", true), own(true, "/srv/k", "/ws/keep", false)];

        let translated = translate(&want("/ws"), &own).unwrap();

        assert_eq!(
            sources(&translated),
            [("/srv/ws".into(), "/workspace".into()), ("/srv/k".into(), "/workspace/keep".into())]
        );
        assert!(!translated[1].writable);
    }

    #[test]
    fn a_place_that_the_host_cannot_reach_names_the_fix() {
        let volume = [own(false, "/v", "/home/node", true)];
        let read_only = [own(true, "/srv", "/home/node", false)];

        for (own, word) in [(&volume[..], "volume"), (&read_only, "read-only"), (&[], "image")] {
            let refused = translate(&want("/home/node/x"), own).unwrap_err();
            assert!(refused.contains(word) && refused.contains("restart"), "{refused}");
        }
    }

    #[test]
    fn ids_are_found_in_cgroup_and_mount_lines() {
        let id = "a1".repeat(32);

        assert_eq!(ids(&format!("0::/system.slice/docker-{id}.scope")), std::slice::from_ref(&id));
        assert_eq!(ids(&format!("1 /var/lib/docker/containers/{id}/hostname /etc/hostname")), [id]);
        assert!(ids("0::/").is_empty());
    }
}
