//! Every key of the guide's full example, as the engine has it.

use std::collections::BTreeMap;

use sandbox::docker::settings::{Container, Ulimit};

use crate::rig::{Rig, out};

#[tokio::test]
async fn every_key_of_the_full_example_is_in_the_container() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("full");
    settings.container = Container {
        user: Some("1000:1000".to_owned()),
        setup_command: Some("echo done >/workspace/setup".to_owned()),
        pids_limit: Some(256),
        memory: Some("1g".to_owned()),
        memory_swap: Some("2g".to_owned()),
        cpus: Some(1.0),
        ulimits: BTreeMap::from([
            ("nofile".to_owned(), Ulimit { soft: Some(1024), hard: Some(2048) }),
            ("nproc".to_owned(), Ulimit { soft: Some(256), hard: None }),
        ]),
        dns: vec!["1.1.1.1".to_owned(), " ".to_owned()],
        extra_hosts: vec!["db.local:10.0.0.5".to_owned()],
        ..Container::default()
    };
    let gateway = rig.gateway();

    let sandbox = gateway.ensure(&settings).await.unwrap();

    let seen = rig.inspect(&settings).await.unwrap();
    let config = seen.config.unwrap();
    let host = seen.host_config.unwrap();
    assert_eq!(config.image.as_deref(), Some("openclaw-sandbox:bookworm-slim"));
    assert_eq!(config.user.as_deref(), Some("1000:1000"));
    assert_eq!(config.working_dir.as_deref(), Some("/workspace"));
    assert!(config.env.unwrap().contains(&"LANG=C.UTF-8".to_owned()));
    assert_eq!(host.readonly_rootfs, Some(true));
    let mut tmpfs: Vec<_> = host.tmpfs.unwrap().into_keys().collect();
    tmpfs.sort();
    assert_eq!(tmpfs, ["/run", "/tmp", "/var/tmp"]);
    assert_eq!(host.network_mode.as_deref(), Some("none"));
    assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
    assert_eq!(host.cap_add.unwrap_or_default(), Vec::<String>::new());
    assert_eq!(host.privileged, Some(false));
    assert_eq!(host.security_opt.unwrap(), ["no-new-privileges"]);
    assert_eq!(host.pids_limit, Some(256));
    assert_eq!(host.memory, Some(1 << 30));
    assert_eq!(host.memory_swap, Some(2 << 30));
    assert_eq!(host.nano_cpus, Some(1_000_000_000));
    let limits = host.ulimits.unwrap().into_iter();
    let mut limits: Vec<_> = limits.map(|it| (it.name.unwrap(), it.soft, it.hard)).collect();
    limits.sort();
    let expected =
        [("nofile".to_owned(), Some(1024), Some(2048)), ("nproc".to_owned(), Some(256), Some(256))];
    assert_eq!(limits, expected);
    assert_eq!(host.dns.unwrap(), ["1.1.1.1"]);
    assert_eq!(host.extra_hosts.unwrap(), ["db.local:10.0.0.5"]);
    let restart = host.restart_policy.unwrap().name.unwrap();
    assert_eq!(restart.to_string(), "no");
    assert_eq!(host.port_bindings.unwrap_or_default(), [].into());
    let (pid, ipc) = (host.pid_mode.unwrap_or_default(), host.ipc_mode.unwrap_or_default());
    assert_eq!((pid.as_str(), ipc.as_str()), ("", "private"));
    let labels = config.labels.unwrap();
    assert_eq!(labels["openclaw.sandbox"], "1");
    assert_eq!(labels["openclaw.sessionKey"], settings.scope.key);
    assert_eq!(labels["openclaw.configHash"].len(), 64);
    assert_eq!(labels["openclaw.mountFormatVersion"], "4");
    assert_eq!(labels["openclaw.createdAtMs"], "1795361070337");
    assert!(labels.contains_key("openclaw.createArgsEpoch"));

    assert_eq!(out(&*sandbox, "cat setup; id -u; id -g").await, "done\n1000\n1000");
    assert_eq!(out(&*sandbox, "ulimit -n; ulimit -Hn").await, "1024\n2048");
    assert_eq!(out(&*sandbox, "grep NoNewPrivs /proc/self/status").await, "NoNewPrivs:\t1");
    assert_eq!(out(&*sandbox, "grep CapEff /proc/self/status").await, "CapEff:\t0000000000000000");
    assert_eq!(out(&*sandbox, "grep '^Seccomp:' /proc/self/status").await, "Seccomp:\t2");
}

#[tokio::test]
async fn an_own_seccomp_profile_is_handed_over_as_text() {
    let rig = Rig::new().await;
    let profile = rig.home.join("profile.json");
    let denied = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}"#;
    std::fs::write(&profile, denied).unwrap();
    let mut settings = rig.settings("seccomp");
    settings.container.seccomp_profile = Some(profile.display().to_string());

    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(
        out(&*sandbox, "mkdir /tmp/x 2>&1 || echo refused").await.lines().last(),
        Some("refused")
    );
}

#[tokio::test]
async fn the_user_is_the_workspace_s_owner_unless_named() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("owner");
    settings.access = sandbox::docker::settings::Access::Rw;
    std::fs::create_dir_all(&settings.agent_dir).unwrap();
    std::os::unix::fs::chown(&settings.agent_dir, Some(1234), Some(1235)).unwrap();
    std::fs::set_permissions(&rig.home, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();

    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(
        out(&*sandbox, "id -u; id -g; touch mine; stat -c %u mine").await,
        "1234\n1235\n1234"
    );
}
