//! Every rule, with and without the key that lifts it.

use std::{collections::HashMap, os::unix::fs::symlink};

use proptest::prelude::*;

use super::*;
use crate::docker::settings::{Allowed, tests_support::settings};

fn all_allowed() -> Allowed {
    Allowed {
        dangerously_allow_reserved_container_targets: true,
        dangerously_allow_external_bind_sources: true,
        dangerously_allow_container_namespace_join: true,
    }
}

/// Checks on a disk whose only links are these.
fn check_with_links(settings: &Settings, links: &[(&str, &str)]) -> Result<(), Violation> {
    let links: HashMap<_, _> = links.iter().map(|(from, to)| (PathBuf::from(from), *to)).collect();
    let resolve = |path: &Path| {
        path.ancestors()
            .find_map(|at| Some(Path::new(links.get(at)?).join(path.strip_prefix(at).ok()?)))
            .unwrap_or_else(|| path.to_owned())
    };
    let homes = [PathBuf::from("/home/me")];
    let sockets = [PathBuf::from("/data/engine.sock")];
    check(settings, &Ground { homes: &homes, sockets: &sockets, resolve: &resolve })
}

fn check_bind_of(bind: &str, allowed: Allowed) -> Result<(), Violation> {
    let mut settings = settings();
    settings.container.binds = vec![bind.to_owned()];
    settings.allowed = allowed;
    check_with_links(&settings, &[("/state/workspace/link", "/etc"), ("/data/run", "/run")])
}

fn lifted_by(outcome: Result<(), Violation>) -> Option<&'static str> {
    outcome.unwrap_err().lifted_by
}

#[test]
fn the_defaults_pass() {
    assert_eq!(check_with_links(&settings(), &[]), Ok(()));
}

#[test]
fn blocked_sources_are_refused_whatever_is_allowed() {
    let sources = [
        "/",
        "/etc",
        "/etc/ssh",
        "/private/etc",
        "/proc",
        "/proc/1",
        "/sys",
        "/dev",
        "/root",
        "/root/data",
        "/boot",
        "/run",
        "/run/docker.sock",
        "/var/run",
        "/var/run/docker.sock",
        "/var",
        "/private",
        "/private/var/run/docker.sock",
        "/var/lib/docker/volumes",
        "/home/me/.ssh",
        "/home/me/.ssh/id_ed25519",
        "/home/me/.aws",
        "/home/me/.cargo",
        "/home/me/.config",
        "/home/me/.docker",
        "/home/me/.gnupg",
        "/home/me/.netrc",
        "/home/me/.npm",
        "/home/me",
        "/home",
        "/data/engine.sock",
        "/data",
        "/srv/../etc",
        "//etc",
        "/./etc/",
        "/data/run",
        "/data/run/docker.sock",
        "/state/workspace/link",
        "/state/workspace/link/passwd",
    ];

    for source in sources {
        let refused = check_bind_of(&format!("{source}:/data"), all_allowed()).unwrap_err();
        assert_eq!(refused.lifted_by, None, "{source}");
        assert!(refused.to_string().contains(source), "{refused}");
    }
}

#[test]
fn a_source_is_an_absolute_path() {
    for bind in ["volume:/data", "./here:/data", "here/x:/data", "/data", ":/data", "/x:", "~/x:/y"]
    {
        assert_eq!(lifted_by(check_bind_of(bind, all_allowed())), None, "{bind}");
    }
}

#[test]
fn a_source_outside_of_the_workspaces_needs_its_key() {
    for bind in ["/srv/data:/data", "/home/me/code:/code:ro", "/state:/s", "/state/workspace2:/w"] {
        assert_eq!(lifted_by(check_bind_of(bind, Allowed::default())), Some(KEY_SOURCES), "{bind}");
        assert_eq!(check_bind_of(bind, all_allowed()), Ok(()), "{bind}");
    }
    assert_eq!(check_bind_of("/state/workspace/x:/data:ro", Allowed::default()), Ok(()));
    assert_eq!(check_bind_of("/state/sandboxes/main/x:/data", Allowed::default()), Ok(()));
    let out = check_bind_of("/state/workspace/../x:/data", Allowed::default());
    assert_eq!(lifted_by(out), Some(KEY_SOURCES));
}

#[test]
fn reserved_targets_need_their_key_and_the_servant_s_place_is_never_given() {
    for target in ["/workspace", "/workspace/x", "/agent", "/agent/x", "/x/../agent"] {
        let bind = format!("/state/workspace/x:{target}");
        let refused = lifted_by(check_bind_of(&bind, Allowed::default()));
        assert_eq!(refused, Some(KEY_TARGETS), "{bind}");
        assert_eq!(check_bind_of(&bind, all_allowed()), Ok(()), "{bind}");
    }
    for target in ["/", "relative", "/.openclaw", "/.openclaw/openclaw-boxd"] {
        let bind = format!("/state/workspace/x:{target}");
        assert_eq!(lifted_by(check_bind_of(&bind, all_allowed())), None, "{bind}");
    }
    assert_eq!(check_bind_of("/state/workspace/x:/workspaces", Allowed::default()), Ok(()));
}

#[test]
fn networks_and_profiles_that_open_the_wall_are_refused() {
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        check_with_links(&settings, &[])
    };
    let network = |name: &str, allowed| {
        with(&|it| (it.container.network, it.allowed) = (name.to_owned(), allowed))
    };

    for host in ["host", " HOST "] {
        assert_eq!(lifted_by(network(host, all_allowed())), None);
    }
    assert_eq!(lifted_by(network("container:x", Allowed::default())), Some(KEY_JOIN));
    assert_eq!(network("container:x", all_allowed()), Ok(()));
    assert_eq!(lifted_by(network("", all_allowed())), None);
    assert_eq!(network("bridge", Allowed::default()), Ok(()));
    for word in ["unconfined", " Unconfined"] {
        with(&|it| it.container.seccomp_profile = Some(word.to_owned())).unwrap_err();
        with(&|it| it.container.apparmor_profile = Some(word.to_owned())).unwrap_err();
    }
    assert_eq!(with(&|it| it.container.apparmor_profile = Some("mine".to_owned())), Ok(()));
}

#[test]
fn workdir_tmpfs_and_variables_are_well_formed() {
    let with = |change: &dyn Fn(&mut Container)| {
        let mut settings = settings();
        change(&mut settings.container);
        check_with_links(&settings, &[])
    };
    let env = |name: &str, value: &str| {
        with(&|it| drop(it.env.insert(name.to_owned(), value.to_owned())))
    };

    for workdir in ["", "work", "/", "/a/../b", "/proc/x", "/.openclaw", "/a:b"] {
        with(&|it| it.workdir = workdir.to_owned()).unwrap_err();
    }
    for tmpfs in ["tmp", "/", "/.openclaw", ":size=1m"] {
        with(&|it| it.tmpfs = vec![tmpfs.to_owned()]).unwrap_err();
    }
    for name in ["", "A=B", "A\0", "1A", "A-B"] {
        env(name, "x").unwrap_err();
    }
    for value in ["a\0", "a\nb"] {
        let refused = env("SECRET", value).unwrap_err().to_string();
        assert!(refused.contains("SECRET") && !refused.contains(value), "{refused}");
    }
    assert_eq!(env("A_1", "x y=z"), Ok(()));
    assert_eq!(with(&|it| it.tmpfs = vec!["/tmp:size=64m,mode=1777".to_owned()]), Ok(()));
}

#[test]
fn links_on_the_disk_are_followed_through_the_deepest_directory_that_exists() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().canonicalize().unwrap();
    symlink("/etc", root.join("link")).unwrap();

    assert_eq!(resolve_on_disk(&root.join("link/not/there")), Path::new("/etc/not/there"));
    assert_eq!(resolve_on_disk(&root.join("new/dir")), root.join("new/dir"));
    assert_eq!(resolve_on_disk(&root.join("link")), Path::new("/etc"));
}

#[test]
fn binds_are_read_in_all_their_forms() {
    let bind = |source: &str, target: &str, mode: Option<&str>| {
        Some(Bind {
            source: source.to_owned(),
            target: target.to_owned(),
            mode: mode.map(str::to_owned),
        })
    };

    assert_eq!(Bind::parse("/a:/b"), bind("/a", "/b", None));
    assert_eq!(Bind::parse("/a:/b:ro,z"), bind("/a", "/b", Some("ro,z")));
    assert_eq!(Bind::parse("C:\\a:/b:ro"), bind("C:\\a", "/b", Some("ro")));
    assert_eq!(Bind::parse("/a"), None);
}

proptest! {
    #[test]
    fn no_spelling_reaches_etc(parts in prop::collection::vec("(\\.|\\.\\.|a|b)", 0..6)) {
        let up = "../".repeat(parts.len() + 1);
        let bind = format!("/{}/{up}etc/x:/data", parts.join("/"));

        prop_assert!(check_bind_of(&bind, all_allowed()).is_err());
    }
}
