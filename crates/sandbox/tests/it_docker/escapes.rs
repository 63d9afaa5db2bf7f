//! Abuses from inside, each contained, and the next call works.

use std::{collections::BTreeMap, time::Duration};

use sandbox::{
    Chunk, Exit, Sandbox,
    docker::{
        Backend,
        settings::{Access, Container, Ulimit},
    },
};

use crate::rig::{Rig, command, out, run};

/// A sandbox with the guide's limits, of this session.
async fn limited(rig: &Rig, session: &str) -> (Backend, std::sync::Arc<dyn Sandbox>) {
    let mut settings = rig.settings(session);
    settings.container = Container {
        pids_limit: Some(64),
        memory: Some("160m".to_owned()),
        memory_swap: Some("160m".to_owned()),
        tmpfs: vec!["/tmp:size=4m".to_owned()],
        ulimits: BTreeMap::from([(
            "nofile".to_owned(),
            Ulimit { soft: Some(256), hard: Some(256) },
        )]),
        ..Container::default()
    };
    let gateway = rig.gateway();
    let sandbox = gateway.ensure(&settings).await.unwrap();
    (gateway, sandbox)
}

/// The line fails, and says why.
async fn fails(sandbox: &dyn Sandbox, line: &str, why: &str) {
    let ran = run(sandbox, line).await;
    assert_ne!(ran.exit, Exit::Code(0), "{line}: {}", ran.out);
    assert!(ran.out.contains(why), "{line}: {}", ran.out);
    assert_eq!(out(sandbox, "echo next").await, "next", "after {line}");
}

#[tokio::test]
async fn the_system_cannot_be_written_to_mounted_or_taken_over() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "system").await;
    let rows = [
        ("echo x >/etc/passwd", "Read-only file system"),
        ("echo x >/usr/bin/sh", "Read-only file system"),
        ("echo x >/.openclaw/openclaw-boxd", "Read-only file system"),
        ("rm /.openclaw/openclaw-boxd", "Read-only file system"),
        ("echo x >/proc/sys/kernel/hostname", "Read-only file system"),
        ("echo 1 >/proc/sys/net/ipv4/ip_forward", "Read-only file system"),
        ("echo x >/sys/kernel/uevent_helper", "Read-only file system"),
        ("mkdir /sys/fs/cgroup/memory/x", "Read-only file system"),
        ("mount -t tmpfs none /tmp", "permission denied"),
        ("mount --bind / /tmp", "permission denied"),
        ("mount -o remount,rw /", "permission denied"),
        ("umount /proc", "must be superuser"),
        ("mknod /tmp/disk b 254 0", "Operation not permitted"),
        ("cat /proc/kcore >/tmp/x; cat /dev/mem", "No such file"),
        ("chroot / true", "Operation not permitted"),
        ("unshare -m true", "Operation not permitted"),
        ("unshare -U true", "Operation not permitted"),
        ("nsenter -t 1 -n true", "Permission denied"),
        ("chown 1:1 /workspace", "Operation not permitted"),
        ("setpriv --inh-caps +sys_admin --ambient-caps +sys_admin true", "not permitted"),
        ("su -c true nobody", ""),
        ("hostname other", "must be root"),
        ("date -s 2000-01-01", "Operation not permitted"),
        ("ls /var/run/docker.sock", "No such file"),
        ("cat </dev/tcp/1.1.1.1/80", ""),
        ("bash -c 'exec 3<>/dev/tcp/1.1.1.1/80'", "Network is unreachable"),
        ("bash -c 'exec 3<>/dev/tcp/169.254.169.254/80'", "Network is unreachable"),
    ];

    let mut open = Vec::new();
    for (line, why) in rows {
        let ran = run(&*sandbox, line).await;
        if ran.exit == Exit::Code(0) || !ran.out.contains(why) {
            open.push((line, why, ran));
        }
    }
    assert_eq!(open, []);
    assert_eq!(out(&*sandbox, "echo next").await, "next");
}

#[tokio::test]
async fn a_set_user_id_program_gives_nothing() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("setuid");
    settings.container.user = Some("1000:1000".to_owned());
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    let ran = out(&*sandbox, "ls -l /bin/su | cut -c4; grep NoNewPrivs /proc/self/status").await;

    assert_eq!(ran, "s\nNoNewPrivs:\t1");
    fails(&*sandbox, "su -c id </dev/null", "").await;
}

#[tokio::test]
async fn a_fork_bomb_ends_at_the_limit_and_dies_with_its_call() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "fork").await;
    let mut running = sandbox.exec(command("f() { f | f & }; f; sleep 60")).await.unwrap();
    let first = tokio::time::timeout(Duration::from_secs(10), running.output.recv()).await;

    running.killer.kill();
    // What it still says is of no interest, and would hold its end up unread.
    drop(running.output);
    let ended = tokio::time::timeout(Duration::from_secs(10), running.exit).await;

    assert!(matches!(first, Ok(Some(Chunk::Err(_)))), "{first:?}");
    assert!(ended.is_ok(), "it dies");
    assert_eq!(out(&*sandbox, "echo next").await, "next");
}

#[tokio::test]
async fn a_memory_bomb_dies_alone() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "memory").await;

    let ran = run(&*sandbox, "head -c 1G /dev/zero | tail >/dev/null").await;

    assert_ne!(ran.exit, Exit::Code(0), "{}", ran.out);
    assert_eq!(out(&*sandbox, "echo next").await, "next");
}

#[tokio::test]
async fn a_full_tmpfs_is_an_error_inside() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "disk").await;

    fails(&*sandbox, "head -c 16M /dev/zero >/tmp/x", "No space left").await;
    fails(&*sandbox, "head -c 128M /dev/zero >/dev/shm/x", "").await;
}

#[tokio::test]
async fn endless_output_waits_for_its_reader_and_ends_when_killed() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "yes").await;
    let mut running = sandbox.exec(command("yes")).await.unwrap();
    let mut seen = 0;
    while seen < 8 << 20 {
        let Some(Chunk::Out(bytes)) = running.output.recv().await else { panic!("it ended") };
        seen += bytes.len();
    }

    drop(running);

    assert_eq!(out(&*sandbox, "echo next").await, "next");
}

#[tokio::test]
async fn killing_the_first_process_from_inside_does_not_work_or_is_survived() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "pid1").await;

    for line in ["kill -9 1", "kill -STOP 1", "kill -TERM 1", "kill -9 -1"] {
        let running = sandbox.exec(command(line)).await;
        if let Ok(running) = running {
            running.exit.await.ok();
        }
        assert_eq!(out(&*sandbox, "echo next").await, "next", "after {line}");
    }
}

#[tokio::test]
async fn the_servant_s_pipes_cannot_be_used_from_inside() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "forge").await;

    for line in
        ["echo forged >/proc/1/fd/1", "cat /proc/1/fd/0", "cat /proc/1/mem", "cat /proc/1/environ"]
    {
        fails(&*sandbox, line, "ermission denied").await;
    }
}

#[tokio::test]
async fn links_lead_nowhere_but_to_the_container_s_own_files() {
    let rig = Rig::new().await;
    let (_gateway, sandbox) = limited(&rig, "links").await;
    let secret = rig.home.join("secret");
    std::fs::write(&secret, "host's").unwrap();
    let secret = secret.display();
    out(&*sandbox, &format!("ln -s {secret} link; ln -s / root; ln -s ../../.. up")).await;

    for path in
        ["link".to_owned(), format!("root{secret}"), format!("up{secret}"), secret.to_string()]
    {
        assert!(sandbox.read(&path, 100).await.is_err(), "{path}");
    }
    sandbox.write("root/etc/made", b"x").await.unwrap_err();
    assert!(!std::path::Path::new("/etc/made").exists());
}

#[tokio::test]
async fn another_scope_s_files_and_processes_are_out_of_sight() {
    let rig = Rig::new().await;
    let gateway = rig.gateway();
    let (one, two) = (rig.settings("mine"), rig.settings("theirs"));
    let theirs = gateway.ensure(&two).await.unwrap();
    out(&*theirs, "echo private >file").await;
    let _sleeping = theirs.exec(command("sleep 4321")).await.unwrap();

    let mine = gateway.ensure(&one).await.unwrap();

    let path = two.sandbox_dir.display();
    fails(&*mine, &format!("cat {path}/file ../*/file"), "No such file").await;
    assert_eq!(out(&*mine, "cat /proc/*/cmdline | grep -ac 'sleep.43[2]1' || true").await, "0");
}

#[tokio::test]
async fn a_read_only_workspace_is_read_only_for_the_file_deeds_too() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("ro");
    settings.access = Access::Ro;
    std::fs::create_dir_all(&settings.agent_dir).unwrap();
    std::fs::write(settings.agent_dir.join("note"), "n").unwrap();
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    assert_eq!(sandbox.read("/agent/note", 9).await.unwrap(), b"n");
    sandbox.write("/agent/note", b"x").await.unwrap_err();
    sandbox.remove("/agent/note").await.unwrap_err();
    sandbox.write("new", b"x").await.unwrap_err();
    assert_eq!(std::fs::read_to_string(settings.agent_dir.join("note")).unwrap(), "n");
}

#[tokio::test]
async fn tmpfs_that_eat_all_memory_leave_room_for_the_next_call() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("tmpfs");
    settings.container.memory = Some("256m".to_owned());
    settings.container.memory_swap = Some("256m".to_owned());
    let gateway = rig.gateway();
    let sandbox = gateway.ensure(&settings).await.unwrap();

    let line = "for dir in /tmp /var/tmp /run /dev/shm; do head -c 1G /dev/zero >$dir/x; done";
    let ran = run(&*sandbox, line).await;

    assert_ne!(ran.exit, Exit::Code(0), "{}", ran.out);
    for n in 0..10 {
        let next = out(&*sandbox, &format!("seq {n} 1000 | tail -1")).await;
        assert_eq!(next, "1000");
    }
}
