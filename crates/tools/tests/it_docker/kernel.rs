//! The kernel's doors: its files, mounts, devices, namespaces, capabilities and calls.

use serde_json::json;

use crate::rig::{Rig, shell};

#[tokio::test]
async fn the_kernel_s_files_cannot_be_written() {
    let rig = Rig::new().await;
    let inside = rig.boxed("kernel").await;
    let places = [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/power/state",
        "/usr/bin/env",
        "/etc/passwd",
        "/.openclaw/openclaw-boxd",
    ];

    for place in places {
        inside.abuse_by_shell(&format!("echo x >{place}"), "").await;
        let write = json!({ "path": place, "content": "x" });
        inside.abuse(("write", write, "cannot write|no such file")).await;
    }
    for cgroup in ["release_agent", "cgroup.procs", "memory/cgroup.procs", "devices/devices.allow"]
    {
        inside.abuse_by_shell(&format!("echo 1 >/sys/fs/cgroup/{cgroup}"), "").await;
    }
    inside.abuse_by_shell("mkdir /sys/fs/cgroup/mine", "Read-only file system|denied").await;
    inside.abuse_by_shell("cat /proc/kcore | head -c1 | grep -q .", "").await;
    inside.abuse_by_shell("cat /proc/keys /proc/timer_list | grep -q .", "").await;
}

#[tokio::test]
async fn nothing_is_mounted_changed_over_or_made_a_device() {
    let rig = Rig::new().await;
    let inside = rig.boxed("mounts").await;
    let rows = [
        ("mount -t tmpfs none /tmp", "permission denied"),
        ("mount -t proc none /tmp", "permission denied"),
        ("mount -t overlay none -olowerdir=/,upperdir=/tmp,workdir=/run /tmp", "permission denied"),
        ("mount --bind / /tmp", "permission denied"),
        ("mount -o remount,rw /", "permission denied"),
        ("umount /proc/sys", "must be superuser"),
        ("umount -l /workspace", "must be superuser"),
        ("pivot_root /workspace /workspace", "Operation not permitted"),
        ("chroot / true", "Operation not permitted"),
        ("unshare -m true", "Operation not permitted"),
        ("unshare -Ur true", "Operation not permitted"),
        ("unshare -n true", "Operation not permitted"),
        ("nsenter -t 1 -a true", "Permission denied"),
        ("mknod /tmp/sda b 8 0", "Operation not permitted"),
        ("mknod /tmp/mem c 1 1", "Operation not permitted"),
        ("mknod disk b 8 0", "Operation not permitted"),
        ("cat /dev/sda /dev/vda /dev/mem /dev/kmsg /dev/fuse", "No such file"),
        ("chown 1:1 /workspace", "Operation not permitted"),
        ("losetup -f", ""),
        ("hostname other", ""),
        ("date -s 2000-01-01", "Operation not permitted"),
    ];

    for (line, why) in rows {
        inside.abuse_by_shell(line, why).await;
    }
    // A device that was made on the host opens nothing here: the mount and the cgroup say no.
    inside.abuse(shell("grep -c ' /dev/[a-z]d[a-z]* ' /proc/mounts", "")).await;
}

#[tokio::test]
async fn there_is_no_capability_and_none_can_be_had() {
    let rig = Rig::new().await;
    for user in [None, Some("1000:1000"), Some("0:0")] {
        let mut settings = rig.settings(user.unwrap_or("owner"));
        settings.container.user = user.map(str::to_owned);
        std::fs::create_dir_all(&settings.sandbox_dir).unwrap();
        let inside = rig.enter(&settings).await;

        let line = "grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status";
        let said = inside.exec(line).await;

        assert_eq!(said.matches("0000000000000000").count(), 5, "{user:?}: {said}");
        assert!(said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"), "{said}");
        let raise = "setpriv --inh-caps +sys_admin --ambient-caps +sys_admin true";
        inside.abuse_by_shell(raise, "not permitted").await;
    }
}

#[tokio::test]
async fn a_set_user_id_program_raises_nobody() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("setuid");
    settings.container.user = Some("1000:1000".to_owned());
    // As an attacker with the host's workspace would leave it.
    std::fs::create_dir_all(&settings.sandbox_dir).unwrap();
    let planted = settings.sandbox_dir.join("planted");
    std::fs::copy("/usr/bin/id", &planted).unwrap();
    std::os::unix::fs::chown(&settings.sandbox_dir, Some(1000), Some(1000)).unwrap();
    std::os::unix::fs::chown(&planted, Some(0), Some(0)).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o4755);
    std::fs::set_permissions(&planted, mode).unwrap();
    let inside = rig.enter(&settings).await;

    assert_eq!(inside.exec("stat -c %a /bin/su planted").await, "4755\n4755");
    assert_eq!(inside.exec("LD_LIBRARY_PATH= ./planted -u || /usr/bin/id -u").await, "1000");
    inside.abuse_by_shell("su -c id root </dev/null", "").await;
    inside.abuse_by_shell("cat /etc/shadow", "Permission denied").await;
    let own = "cp /usr/bin/id mine && chmod 4755 mine && ./mine -u";
    assert_eq!(inside.exec(own).await, "1000");
    inside.assert_works("set-user-id programs").await;
}

#[tokio::test]
async fn system_calls_that_would_open_the_wall_are_refused() {
    // On x86-64 and elsewhere. Permission is asked before arguments are looked at.
    let calls = [
        ("ptrace", 101, 117, "16, 1, 0, 0"),
        ("mount", 165, 40, "0, 0, 0, 0, 0"),
        ("pivot_root", 155, 41, "0, 0"),
        ("setns", 308, 268, "0, 0"),
        ("unshare", 272, 97, "0x10000000"),
        ("init_module", 175, 105, "0, 0, 0"),
        ("kexec_load", 246, 104, "0, 0, 0, 0"),
        ("reboot", 169, 142, "0xfee1dead, 672274793, 0, 0"),
        ("swapon", 167, 224, "0, 0"),
        ("sethostname", 170, 161, "0, 0"),
        ("settimeofday", 164, 170, "0, 0"),
        ("open_by_handle_at", 304, 265, "0, 0, 0"),
        ("bpf", 321, 280, "0, 0, 0"),
        ("perf_event_open", 298, 241, "0, 0, 0, 0, 0"),
        ("keyctl", 250, 219, "0, 0, 0, 0, 0"),
        ("add_key", 248, 217, "0, 0, 0, 0, 0"),
        ("userfaultfd", 323, 282, "0"),
        ("acct", 163, 89, "0"),
        ("vhangup", 153, 58, ""),
        ("syslog", 103, 116, "2, 0, 0"),
    ];
    let rig = Rig::new().await;
    let inside = rig.boxed("calls").await;

    for (name, intel, other, arguments) in calls {
        let number = if cfg!(target_arch = "x86_64") { intel } else { other };
        let comma = if arguments.is_empty() { "" } else { ", " };
        let line = format!(
            "perl -e '$r = syscall({number}{comma}{arguments}); print \"{name} $r $!\"; exit 1'"
        );
        inside.abuse_by_shell(&line, &format!("{name} -1 Operation not permitted")).await;
    }
}
