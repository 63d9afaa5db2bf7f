//! Which of our directories a sandbox sees, and where. Pure.
//!
//! *Managed* mounts are ours: translated when we run in a container ourselves, and proven
//! before the first command. The user's binds are host paths by contract and stay as written.

use std::path::{Path, PathBuf};

use bollard::models::{Mount, MountType, MountVolumeOptions};

use super::settings::{AGENT_TARGET, Access, SKILLS_TARGET, Settings};
use crate::{
    naming::HashedMount,
    security::{Bind, SERVANT_TARGET},
};

/// A directory of ours in the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Managed {
    /// As we see it.
    pub(crate) ours: PathBuf,
    /// As the engine's machine sees it.
    pub(crate) source: PathBuf,
    pub(crate) target: String,
    pub(crate) writable: bool,
    /// Whether it shows skills, to read: no bind of the user takes its place, and a sandbox that
    /// is in use goes on without it.
    pub(crate) is_skills: bool,
}

impl Managed {
    fn new(ours: &Path, target: &str, writable: bool) -> Self {
        let (ours, source) = (ours.to_owned(), ours.to_owned());
        Self { ours, source, target: target.to_owned(), writable, is_skills: false }
    }

    /// A directory of ours, wherever it is shown.
    pub(crate) fn plain(ours: &Path) -> Self {
        Self::new(ours, "/", false)
    }

    fn skills(ours: &Path, target: &str) -> Self {
        Self { is_skills: true, ..Self::new(ours, target, false) }
    }

    /// What the hash covers: our own path, so that finding out where we run changes nothing.
    pub(crate) fn hashed(&self) -> HashedMount {
        HashedMount {
            source: self.ours.display().to_string(),
            target: self.target.clone(),
            writable: self.writable,
        }
    }
}

/// The directory that is at the working directory.
pub(crate) fn main_dir(settings: &Settings) -> &Path {
    match settings.access {
        Access::None | Access::Ro => &settings.sandbox_dir,
        Access::Rw => &settings.agent_dir,
    }
}

/// The managed mounts, the working directory's first. `main` takes the place of
/// [`main_dir`], as a spare's directory does.
pub(crate) fn managed(settings: &Settings, main: &Path) -> Vec<Managed> {
    let workdir = settings.container.workdir.as_str();
    let mut mounts = vec![Managed::new(main, workdir, settings.access != Access::Ro)];
    if settings.access == Access::Ro && settings.agent_dir != settings.sandbox_dir {
        mounts.push(Managed::new(&settings.agent_dir, AGENT_TARGET, false));
    }
    if settings.access == Access::Rw {
        let below = |name: &str| format!("{}/{name}", workdir.trim_end_matches('/'));
        let copies = settings.seed.skills_dir.as_deref();
        mounts.extend(copies.map(|dir| Managed::skills(dir, &below(SKILLS_TARGET))));
        let guarded = settings.seed.guarded.iter();
        mounts
            .extend(guarded.map(|path| {
                Managed::skills(&main.join(path), &below(&path.display().to_string()))
            }));
    }
    mounts
}

/// Mounts in the engine's two forms. Where two have one target the last one wins, and the
/// user's come after ours.
pub(crate) fn render(
    managed: &[Managed],
    user_binds: &[String],
    servant_volume: Option<&str>,
    relabel: Relabel,
) -> (Vec<Mount>, Vec<String>) {
    let kept = kept(user_binds, managed);
    let mut mounts = Vec::new();
    let mut binds = Vec::new();
    for mount in uncovered(managed, user_binds) {
        let source = mount.source.display().to_string();
        match relabel {
            // A mount never makes a missing source; a bind would, as an empty directory.
            Relabel::No => mounts.push(Mount {
                typ: Some(MountType::BIND),
                source: Some(source),
                target: Some(mount.target.clone()),
                read_only: Some(!mount.writable),
                ..Mount::default()
            }),
            Relabel::Yes => {
                let mode = if mount.writable { "z" } else { "ro,z" };
                binds.push(format!("{source}:{}:{mode}", mount.target));
            }
        }
    }
    binds.extend(kept.into_iter().map(|(text, _)| text.clone()));
    mounts.extend(servant_volume.map(|volume| servant_mount(volume, true)));
    (mounts, binds)
}

/// The user's binds that count, with their text: of those with one target the last, and none
/// that would put something else in the place of skills.
pub(crate) fn kept<'b>(user_binds: &'b [String], managed: &[Managed]) -> Vec<(&'b String, Bind)> {
    let user: Vec<_> =
        user_binds.iter().filter_map(|text| Some((text, Bind::parse(text)?))).collect();
    let is_last = |at: usize| {
        let target = trimmed(&user[at].1.target);
        user[at + 1..].iter().all(|(_, later)| trimmed(&later.target) != target)
    };
    let is_free = |at: usize| {
        let target = trimmed(&user[at].1.target);
        managed.iter().all(|it| !it.is_skills || trimmed(&it.target) != target)
    };
    let count: Vec<_> = (0..user.len()).map(|at| is_last(at) && is_free(at)).collect();
    user.into_iter().zip(count).filter(|(_, counts)| *counts).map(|(it, _)| it).collect()
}

/// The managed mounts that no bind of the user covers.
pub(crate) fn uncovered(managed: &[Managed], user_binds: &[String]) -> Vec<Managed> {
    let kept = kept(user_binds, managed);
    let is_covered = |mount: &Managed| {
        kept.iter().any(|(_, bind)| trimmed(&bind.target) == trimmed(&mount.target))
    };
    managed.iter().filter(|mount| !is_covered(mount)).cloned().collect()
}

/// Directories on our side that sandboxes write to, so that what lies in them may be their
/// doing: those of these settings and those that other settings expose.
pub(crate) fn exposed(settings: &Settings) -> Vec<PathBuf> {
    let own = match settings.access {
        Access::Rw => Some(settings.agent_dir.as_path()),
        // The directories of all sandboxes are in one, which those of earlier versions wrote to.
        Access::None | Access::Ro => settings.sandbox_dir.parent(),
    };
    own.map(Path::to_owned).into_iter().chain(settings.exposed.iter().cloned()).collect()
}

/// The volume with the servant's program.
pub(crate) fn servant_mount(volume: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(SERVANT_TARGET.to_owned()),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

/// Whether the engine confines by labels (`SELinux`), so that sources need one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relabel {
    Yes,
    No,
}

fn trimmed(target: &str) -> &str {
    match target.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::settings::tests_support::settings;

    fn shown(access: Access) -> Vec<(String, String, bool)> {
        let settings = Settings { access, ..settings() };
        managed(&settings, main_dir(&settings))
            .into_iter()
            .map(|it| (it.source.display().to_string(), it.target, it.writable))
            .collect()
    }

    #[test]
    fn each_access_shows_its_directories() {
        let row =
            |source: &str, target: &str, writable| (source.to_owned(), target.to_owned(), writable);

        assert_eq!(shown(Access::None), [row("/state/sandboxes/main", "/workspace", true)]);
        assert_eq!(
            shown(Access::Ro),
            [
                row("/state/sandboxes/main", "/workspace", false),
                row("/state/workspace", "/agent", false)
            ]
        );
        assert_eq!(shown(Access::Rw), [row("/state/workspace", "/workspace", true)]);
    }

    #[test]
    fn skills_are_shown_beside_the_agents_workspace_and_no_bind_hides_them() {
        let settings = Settings { access: Access::Rw, ..settings() };
        let mut seeded = settings.clone();
        seeded.seed.skills_dir = Some(PathBuf::from("/state/copies"));
        seeded.seed.guarded = [PathBuf::from("skills")].into();

        let managed = managed(&seeded, main_dir(&seeded));
        let binds = ["/mine:/workspace/skills/", "/d:/data"].map(str::to_owned);
        let (mounts, kept) = render(&managed, &binds, None, Relabel::No);

        let shown: Vec<_> = mounts
            .iter()
            .map(|it| (it.target.as_deref().unwrap_or_default(), it.read_only == Some(true)))
            .collect();
        assert_eq!(
            shown,
            [
                ("/workspace", false),
                ("/workspace/.openclaw/sandbox-skills", true),
                ("/workspace/skills", true),
            ]
        );
        assert_eq!(
            (managed[2].ours.as_path(), kept),
            (Path::new("/state/workspace/skills"), vec![binds[1].clone()])
        );
        seeded.access = Access::None;
        assert_eq!(super::managed(&seeded, main_dir(&seeded)).len(), 1);
    }

    #[test]
    fn of_two_mounts_with_one_target_the_last_wins() {
        let settings = settings();
        let managed = managed(&settings, main_dir(&settings));
        let binds = ["/a:/x", "/b:/y:ro", "/c:/x/"].map(str::to_owned);

        let (mounts, kept) = render(&managed, &binds, None, Relabel::No);
        assert_eq!(kept, ["/b:/y:ro", "/c:/x/"]);
        assert_eq!(mounts.len(), 1);

        let (mounts, _) = render(&managed, &["/d:/workspace".to_owned()], Some("v"), Relabel::No);
        assert_eq!(mounts.len(), 1, "only the servant's volume is left");
        assert_eq!(mounts[0].read_only, Some(true));
    }

    #[test]
    fn with_labels_mounts_are_binds_that_ask_for_one() {
        let settings = Settings { access: Access::Ro, ..settings() };
        let managed = managed(&settings, main_dir(&settings));

        let (mounts, binds) = render(&managed, &[], None, Relabel::Yes);

        assert_eq!(mounts, []);
        assert_eq!(
            binds,
            ["/state/sandboxes/main:/workspace:ro,z", "/state/workspace:/agent:ro,z"]
        );
    }
}
