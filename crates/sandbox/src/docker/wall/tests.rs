//! Facts of real machines against what was asked for.

use std::collections::BTreeMap;

use super::*;
use crate::docker::settings::Ulimit;

const KERNEL: &str = "6.1.0-13-amd64";

/// What a well-made container of the documented defaults tells.
const FACTS: [(&str, &str); 7] = [
    ("/proc/version", "Linux version 6.1.0-13-amd64 (debian-kernel@lists.debian.org) (gcc-12)\n"),
    ("/proc/meminfo", "MemTotal:       24683584 kB\nSwapTotal:       1048572 kB\n"),
    (
        "/proc/self/status",
        "Name:\topenclaw-boxd\nUid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\n\
         CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
         CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n",
    ),
    (
        "/proc/self/limits",
        "Limit                     Soft Limit           Hard Limit           Units     \n\
         Max open files            1024                 2048                 files     \n\
         Max core file size        0                    unlimited            bytes     \n",
    ),
    (
        "/proc/self/mountinfo",
        "181 1 0:62 / / ro,relatime - overlay overlay rw,lowerdir=/l\n\
         182 181 0:63 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=1777\n\
         183 181 0:64 / /var/tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=65536k\n\
         184 181 0:65 / /run rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=16384k\n\
         185 181 254:0 /home/x /my\\040data ro,relatime - ext4 /dev/vda rw\n",
    ),
    ("/proc/self/net/dev", "Inter-|   Receive\n face |bytes\n    lo:       0       0    0\n"),
    ("writable", "/tmp\n/var/tmp\n/run\n"),
];

/// What gVisor does not tell is left out by it.
const OF_GVISOR: [(&str, &str); 3] = [
    ("/proc/version", "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016\n"),
    (
        "/proc/self/status",
        "Uid:\t1000\t1000\t1000\t1000\nGid:\t1001\t1001\t1001\t1001\n\
         CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
         CapBnd:\t0000000000000000\nSeccomp:\t0\n",
    ),
    ("/proc/meminfo", "MemTotal:       24683584 kB\n"),
];

fn host(engine: Engine, default_runtime: &str) -> Host {
    Host {
        engine,
        kernel: Some(KERNEL.to_owned()),
        default_runtime: Some(default_runtime.to_owned()),
        runtimes: vec![("boxed".to_owned(), "/usr/bin/runsc".to_owned())],
    }
}

fn container() -> Container {
    Container { user: Some("1000:1001".to_owned()), ..Container::default() }
}

/// What fails, with other facts in the place of the usual ones.
fn failing(container: &Container, host: &Host, other: &[(&str, &str)]) -> Option<String> {
    failures(&rows(container, host, other))
}

fn rows(container: &Container, host: &Host, other: &[(&str, &str)]) -> Vec<Row> {
    let facts = FACTS.iter().chain(other);
    let facts: BTreeMap<_, _> =
        facts.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    compare(Asked { container, managed: &[], host }, Facts(&facts))
}

/// The key of the only thing that fails.
fn culprit(container: &Container, other: &[(&str, &str)]) -> String {
    let rows = rows(container, &host(Engine::Docker, "runc"), other);
    let mut failed = rows.into_iter().filter(|row| row.verdict == Verdict::Fails);
    let key = failed.next().map(|row| row.key).unwrap_or_default();
    assert_eq!(failed.next(), None);
    key
}

/// The usual facts with another text in the place of one.
fn with(path: &'static str, old: &str, new: &str) -> [(&'static str, &'static str); 1] {
    let text = FACTS.iter().find(|(it, _)| *it == path).unwrap().1;
    assert!(text.contains(old), "{old}");
    [(path, String::leak(text.replace(old, new)))]
}

#[test]
fn a_container_as_it_was_asked_for_holds_in_all_rows() {
    let rows = rows(&container(), &host(Engine::Docker, "runc"), &[]);

    let shown: Vec<_> = rows.iter().map(|it| (it.key.as_str(), it.verdict)).collect();
    let keys = [
        "docker.user",
        "docker.capDrop",
        "docker (always)",
        "docker.seccompProfile",
        "docker.network",
        "docker.readOnlyRoot",
        "docker.tmpfs",
        "docker.tmpfs",
        "docker.tmpfs",
    ];
    assert_eq!(shown, keys.map(|key| (key, Verdict::Holds)));
}

#[test]
fn what_the_engine_left_out_fails_by_its_name() {
    let status = "/proc/self/status";
    let mounts = "/proc/self/mountinfo";
    let cases = [
        ("docker.user", with(status, "Uid:\t1000\t1000\t1000", "Uid:\t1000\t0\t1000")),
        ("docker.user", with(status, "Gid:\t1001", "Gid:\t0")),
        ("docker.capDrop", with(status, "CapBnd:\t0000000000000000", "CapBnd:\t00000000a80425fb")),
        ("docker.capDrop", with(status, "CapAmb:\t0000000000000000", "CapAmb:\t0000000000000001")),
        ("docker.capDrop", with(status, "CapPrm:\t0000000000000000\n", "")),
        ("docker (always)", with(status, "NoNewPrivs:\t1", "NoNewPrivs:\t0")),
        ("docker.seccompProfile", with(status, "Seccomp:\t2", "Seccomp:\t0")),
        ("docker.network", with("/proc/self/net/dev", "    lo:", "  eth0: 1\n    lo:")),
        ("docker.readOnlyRoot", with(mounts, "/ / ro,", "/ / rw,")),
        (
            "docker.tmpfs",
            with(mounts, "/ /run rw,nosuid,nodev,noexec,relatime - tmpfs", "/ /run rw - ext4"),
        ),
        ("docker.tmpfs", with("writable", "/run\n", "")),
    ];

    for (key, facts) in cases {
        assert_eq!(culprit(&container(), &facts), key, "{facts:?}");
    }
}

#[test]
fn a_later_mount_at_a_place_hides_the_earlier_one() {
    let more = "9 181 254:0 /x /run rw,relatime - ext4 /dev/vda rw\n";
    let text = [FACTS[4].1, more].concat();

    assert_eq!(culprit(&container(), &[("/proc/self/mountinfo", &text)]), "docker.tmpfs");
}

#[test]
fn bounds_are_compared_in_both_versions_of_control_groups() {
    let container = Container {
        pids_limit: Some(256),
        memory: Some("1g".to_owned()),
        memory_swap: Some("1.5g".to_owned()),
        cpus: Some(0.5),
        tmpfs: Vec::new(),
        ..container()
    };
    let first = [
        ("/sys/fs/cgroup/pids/pids.max", "256\n"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n"),
        ("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "1610612736\n"),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
        ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
    ];
    let second = [
        ("/sys/fs/cgroup/pids.max", "256\n"),
        ("/sys/fs/cgroup/memory.max", "1073741824\n"),
        ("/sys/fs/cgroup/memory.swap.max", "536870912\n"),
        ("/sys/fs/cgroup/cpu.max", "50000 100000\n"),
    ];
    let keys = ["docker.pidsLimit", "docker.memory", "docker.memorySwap", "docker.cpus"];

    let engine = host(Engine::Docker, "runc");
    for right in [first.as_slice(), second.as_slice()] {
        assert_eq!(failing(&container, &engine, right), None);
        for (at, key) in keys.iter().enumerate() {
            for wrong in ["max", "7", "max 100000", "-1", "9223372036854771712"] {
                let mut facts = right.to_vec();
                facts[at].1 = wrong;
                assert_eq!(culprit(&container, &facts), *key, "{wrong}");
            }
        }
    }
    let nothing = failing(&container, &engine, &[]).unwrap();
    for key in keys {
        assert!(nothing.contains(key) || key == "docker.memory", "{nothing}");
    }
}

#[test]
fn swap_without_limit_has_none_and_without_swap_every_limit_holds() {
    let engine = host(Engine::Podman, "runc");
    let endless = Container { memory_swap: Some("-1".to_owned()), ..container() };
    let both = "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes";
    let failing = |container, facts: &[_]| failing(container, &engine, facts);

    assert_eq!(failing(&endless, &[(both, "9223372036854771712")]), None);
    assert_eq!(failing(&endless, &[("/sys/fs/cgroup/memory.swap.max", "max")]), None);
    let twice = failing(&endless, &[(both, "2147483648")]).unwrap();
    assert_eq!(twice, "`sandbox.docker.memorySwap` asks for `-1`, found: 2147483648");
    let bounded = Container {
        memory: Some("1g".to_owned()),
        memory_swap: Some("1g".to_owned()),
        tmpfs: Vec::new(),
        ..container()
    };
    let memory = ("/sys/fs/cgroup/memory.max", "1073741824");
    assert!(failing(&bounded, &[memory]).unwrap().contains("memorySwap"));
    assert_eq!(failing(&bounded, &[memory, ("/proc/meminfo", "SwapTotal: 0 kB\n")]), None);
}

#[test]
fn limits_are_compared_on_both_sides() {
    let limit = |name: &str, soft, hard| Container {
        ulimits: BTreeMap::from([(name.to_owned(), Ulimit { soft: Some(soft), hard: Some(hard) })]),
        ..container()
    };

    assert_eq!(culprit(&limit("nofile", 1024, 2048), &[]), "");
    assert_eq!(culprit(&limit("nofile", 1024, 4096), &[]), "docker.ulimits.nofile");
    assert_eq!(culprit(&limit("core", 0, 0), &[]), "docker.ulimits.core");
    assert_eq!(culprit(&limit("stack", 1, 1), &[]), "docker.ulimits.stack");
    assert_eq!(culprit(&limit("nonsense", 1, 1), &[]), "docker.ulimits.nonsense");
}

#[test]
fn places_in_memory_have_the_size_and_the_flags_that_were_asked_for() {
    let entry = |text: &str| Container { tmpfs: vec![text.to_owned()], ..container() };
    let fails = |text: &str| !culprit(&entry(text), &[]).is_empty();

    assert!(!fails("/run:size=16m"));
    assert!(!fails("/run:size=16777216,noexec"));
    assert!(fails("/run:size=17m"));
    assert!(fails("/tmp:size=1g"));
    assert!(fails("/run:ro"));
    assert!(fails("/elsewhere"));
}

#[test]
fn binds_and_workspaces_to_be_read_are_read_only() {
    let bind = |text: &str| Container { binds: vec![text.to_owned()], ..container() };

    assert_eq!(culprit(&bind("/home/x:/my data:ro"), &[]), "");
    assert_eq!(culprit(&bind("/home/x:/tmp/in:ro"), &[]), "docker.binds");
    assert_eq!(culprit(&bind("/home/x:/tmp:z,ro"), &[]), "docker.binds");
}

#[test]
fn only_the_capabilities_that_were_named_must_be_gone() {
    let dropped = |names: &[&str]| Container {
        cap_drop: names.iter().map(|it| (*it).to_owned()).collect(),
        ..container()
    };
    let held = with("/proc/self/status", "CapBnd:\t0000000000000000", "CapBnd:\t0000000000000420");

    assert_eq!(culprit(&dropped(&["CAP_CHOWN", "net_admin"]), &held), "");
    assert_eq!(culprit(&dropped(&["KILL"]), &held), "docker.capDrop");
    assert_eq!(culprit(&dropped(&["CAP_NET_BIND_SERVICE"]), &held), "docker.capDrop");
    assert_eq!(culprit(&dropped(&["CAP_OF_TOMORROW"]), &held), "docker.capDrop");
}

#[test]
fn a_runtime_with_a_kernel_of_its_own_is_told_by_that_kernel() {
    let runtime = |name: &str| Container { runtime: Some(name.to_owned()), ..container() };
    let docker = host(Engine::Docker, "runc");
    let text = failing(&runtime("runsc"), &docker, &[]).unwrap();
    assert_eq!(
        text,
        "`sandbox.docker.runtime` asks for `runsc`, found: the machine's own kernel, \
         6.1.0-13-amd64"
    );
    for name in ["kata-runtime", "boxed", "/opt/bin/runsc-x"] {
        assert!(failing(&runtime(name), &docker, &[]).is_some(), "{name}");
    }
    assert_eq!(failing(&runtime("crun"), &docker, &[]), None);
    assert_eq!(failing(&runtime("runsc"), &docker, &OF_GVISOR), None);
}

#[test]
fn podman_s_own_runtime_is_the_only_one_that_can_be_asked_for() {
    let runtime = |name: &str| Container { runtime: Some(name.to_owned()), ..container() };
    let podman = |default| host(Engine::Podman, default);

    let text = failing(&runtime("crun"), &podman("runc"), &[]).unwrap();
    assert!(text.contains("found: `runc`, as Podman's Docker API takes no runtime"), "{text}");
    assert!(failing(&runtime("runsc"), &podman("runc"), &OF_GVISOR).is_some());
    assert_eq!(failing(&runtime("/usr/bin/crun"), &podman("crun"), &[]), None);
    assert_eq!(failing(&runtime("runsc"), &podman("runsc"), &OF_GVISOR), None);
    assert!(failing(&runtime("runsc"), &podman("runsc"), &[]).is_some());
}

#[test]
fn what_a_kernel_of_its_own_does_not_tell_is_shown_and_not_refused() {
    let bounded = Container {
        runtime: Some("runsc".to_owned()),
        pids_limit: Some(9),
        cpus: Some(1.0),
        tmpfs: Vec::new(),
        ..container()
    };
    let engine = host(Engine::Docker, "runc");

    let told = failing(&bounded, &engine, &OF_GVISOR).unwrap();
    assert!(told.contains("docker.pidsLimit") && told.contains("docker.cpus"), "{told}");

    // A bounded memory shows that it is bounded from outside.
    let bounded = Container { memory: Some("1g".to_owned()), ..bounded };
    assert!(failing(&bounded, &engine, &OF_GVISOR).unwrap().contains("docker.memory"));
    let smaller = [
        OF_GVISOR.as_slice(),
        &[
            ("/proc/meminfo", "MemTotal: 1048576 kB\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854775807\n"),
            ("/sys/fs/cgroup/pids/pids.max", "max\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"),
        ],
    ]
    .concat();
    let rows = rows(&bounded, &engine, &smaller);
    assert_eq!(failures(&rows), None);
    let unseen = rows.iter().filter(|it| it.verdict == Verdict::Unseen);
    let unseen: Vec<_> = unseen.map(|it| it.key.as_str()).collect();
    let expected = ["docker (always)", "docker.seccompProfile", "docker.pidsLimit", "docker.cpus"];
    assert_eq!(unseen, expected);
    // On the machine's kernel that is no bound.
    let same = [smaller.as_slice(), &FACTS[..1], &FACTS[2..3]].concat();
    assert!(failing(&bounded, &engine, &same).unwrap().contains("docker.memory"));

    // And a profile of the user's must be in force.
    let profile = Container { seccomp_profile: Some("/p.json".to_owned()), ..bounded };
    assert!(failing(&profile, &engine, &smaller).unwrap().contains("seccompProfile"));
}

#[test]
fn a_sandbox_that_tells_nothing_holds_nothing() {
    let nothing = BTreeMap::new();
    let (container, host) = (container(), host(Engine::Docker, "runc"));
    let asked = Asked { container: &container, managed: &[], host: &host };

    let rows = compare(asked, Facts(&nothing));

    assert!(rows.iter().all(|row| row.verdict == Verdict::Fails), "{rows:?}");
    let before = unproven(asked);
    assert!(before.iter().all(|it| it.found.is_none() && it.verdict == Verdict::Unproven));
    assert_eq!(before.len(), rows.len());
}
