//! Settings that would open the wall: refused before a container is made, with the rule.

use sandbox::docker::{Settings, settings::Allowed};

use crate::rig::Rig;

/// Everything that the user may lift is lifted.
const ALL: Allowed = Allowed {
    dangerously_allow_external_bind_sources: true,
    dangerously_allow_reserved_container_targets: true,
    dangerously_allow_container_namespace_join: true,
};

/// Refused with these words, nothing is made, and the sandbox that was there still works.
async fn refused(rig: &Rig, settings: &Settings, words: &[&str]) {
    let containers = rig.count().await;
    let outcome = rig.gateway.ensure(settings).await;
    let shown = format!("{:?} {:?}", settings.container.binds, settings.container.network);
    let said = outcome.err().unwrap_or_else(|| panic!("not refused: {shown}")).to_string();
    for word in words {
        assert!(said.contains(word), "{shown}: {said}");
    }
    assert_eq!(rig.count().await, containers, "nothing is made: {shown}");
}

#[tokio::test]
async fn blocked_places_are_never_bound_directly_by_a_parent_or_by_a_link() {
    let rig = Rig::new().await;
    let inside = rig.boxed("good").await;
    let mut settings = rig.settings("binds");
    settings.allowed = ALL;
    let links = &settings.agent_dir;
    std::fs::create_dir_all(links).unwrap();
    let secrets = rig.home.join("home/.ssh");
    std::fs::create_dir_all(&secrets).unwrap();
    let blocked =
        ["/etc", "/proc", "/sys", "/dev", "/root", "/boot", "/run", "/var/run", "/var/lib/docker"];
    let mut sources: Vec<String> = blocked.map(str::to_owned).to_vec();
    sources.extend(blocked.map(|it| format!("{it}/below/it")));
    sources.extend(blocked.map(|it| format!("/tmp/..//./{it}/")));
    let sockets = ["/var/run/docker.sock", "/run/docker.sock", "/", "/var", "/var/lib", "//"];
    sources.extend(sockets.map(str::to_owned));
    for entry in [".aws", ".cargo", ".config", ".docker", ".gnupg", ".netrc", ".npm", ".ssh"] {
        sources.push(rig.home.join("home").join(entry).display().to_string());
    }
    sources.push(rig.home.join("home").display().to_string());
    sources.push(rig.home.display().to_string());
    for (nth, target) in
        ["/", "/etc", "/var/run", "/var/run/docker.sock", secrets.to_str().unwrap()]
            .iter()
            .enumerate()
    {
        let link = links.join(format!("link{nth}"));
        std::os::unix::fs::symlink(target, &link).unwrap();
        let second = links.join(format!("second{nth}"));
        std::os::unix::fs::symlink(&link, &second).unwrap();
        sources.push(link.display().to_string());
        if *target != "/" {
            sources.push(link.join("docker.sock/below").display().to_string());
        }
        sources.push(second.display().to_string());
    }
    assert!(sources.len() > 50);

    for source in sources {
        settings.container.binds = vec![format!("{source}:/data:ro")];
        refused(&rig, &settings, &["sandbox.docker.binds", "must stay out of sandboxes"]).await;
    }
    inside.assert_works("refused binds").await;
    inside.abuse_by_shell("ls /var/run/docker.sock /run/docker.sock", "No such file").await;
}

#[tokio::test]
async fn binds_from_elsewhere_or_onto_our_places_name_the_key_that_lifts_the_rule() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("elsewhere");
    std::fs::create_dir_all(settings.agent_dir.join("data")).unwrap();
    let data = settings.agent_dir.join("data").display().to_string();
    let link = settings.agent_dir.join("out");
    std::os::unix::fs::symlink("/usr/share", &link).unwrap();
    let (out, dotted) = (link.display(), format!("{data}/../../canary"));
    let external = "dangerouslyAllowExternalBindSources";
    let reserved = "dangerouslyAllowReservedContainerTargets";
    let rows = [
        ("/usr/share:/data".to_owned(), external),
        (format!("{out}:/data"), external),
        (format!("{dotted}:/data"), external),
        (format!("{}:/data", rig.home.join("openclaw.json").display()), external),
        (format!("{data}:/workspace"), reserved),
        (format!("{data}:/workspace/sub"), reserved),
        (format!("{data}:/agent"), reserved),
        (format!("{data}:/x/../workspace"), reserved),
        (format!("{data}:/.openclaw"), "servant"),
        (format!("{data}:/.openclaw/openclaw-boxd"), "servant"),
        (format!("{data}:/"), "absolute path below"),
        (format!("{data}:data"), "absolute path below"),
        ("volume:/data".to_owned(), "named volumes"),
        ("../etc:/data".to_owned(), "named volumes"),
        ("/data".to_owned(), "host:container"),
    ];

    for (bind, word) in rows {
        settings.container.binds = vec![bind];
        refused(&rig, &settings, &["sandbox.docker.binds", word]).await;
    }
}

#[tokio::test]
async fn open_networks_and_unconfined_profiles_are_refused() {
    let rig = Rig::new().await;
    let join = "dangerouslyAllowContainerNamespaceJoin";
    for (network, word) in [
        ("host", "never given"),
        (" HOST ", "never given"),
        ("container:gateway", join),
        ("Container:gateway", join),
        ("ns:/proc/1/ns/net", join),
        ("", "name a network"),
    ] {
        let mut settings = rig.settings("network");
        settings.container.network = network.to_owned();
        refused(&rig, &settings, &["sandbox.docker.network", word]).await;
    }
    for profile in ["unconfined", "Unconfined", " unconfined\n"] {
        let mut settings = rig.settings("profile");
        settings.container.seccomp_profile = Some(profile.to_owned());
        refused(&rig, &settings, &["seccompProfile", "always confined"]).await;
        let mut settings = rig.settings("profile");
        settings.container.apparmor_profile = Some(profile.to_owned());
        refused(&rig, &settings, &["apparmorProfile", "always confined"]).await;
    }
    for tmpfs in ["/", "relative", "/.openclaw", "/tmp/../.openclaw:exec"] {
        let mut settings = rig.settings("tmpfs");
        settings.container.tmpfs = vec![tmpfs.to_owned()];
        refused(&rig, &settings, &["tmpfs", "place of its own"]).await;
    }
    for workdir in ["/", "workspace", "/workspace/..", "/proc", "/sys/x", "/dev", "/.openclaw"] {
        let mut settings = rig.settings("workdir");
        settings.container.workdir = workdir.to_owned();
        refused(&rig, &settings, &["workdir", "absolute path in the container"]).await;
    }
    rig.boxed("good").await.assert_works("refused settings").await;
}
