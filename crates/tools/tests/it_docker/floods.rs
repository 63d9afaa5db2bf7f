//! Bombs and floods: processes, memory, disk and output without end.

use std::collections::BTreeMap;

use sandbox::docker::{
    Settings,
    settings::{Container, Ulimit},
};
use serde_json::json;

use crate::rig::{Rig, text};

/// The limits of the guide's example, smaller.
fn limited(rig: &Rig, session: &str) -> Settings {
    let mut settings = rig.settings(session);
    settings.container = Container {
        pids_limit: Some(64),
        memory: Some("64m".to_owned()),
        memory_swap: Some("64m".to_owned()),
        tmpfs: vec!["/tmp:size=4m".to_owned(), "/run:size=1m,nr_inodes=64".to_owned()],
        ulimits: BTreeMap::from([
            ("nofile".to_owned(), Ulimit { soft: Some(256), hard: Some(256) }),
            ("fsize".to_owned(), Ulimit { soft: Some(32 << 20), hard: Some(32 << 20) }),
        ]),
        ..Container::default()
    };
    settings
}

/// Memory of this process, in KiB.
fn resident() -> u64 {
    let status = text(std::path::Path::new("/proc/self/status"));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn fork_bombs_end_at_the_limit_and_die_with_their_call() {
    let rig = Rig::new().await;
    let settings = limited(&rig, "fork");
    let inside = rig.enter(&settings).await;
    let first = rig.id(&settings).await;

    for bomb in [
        "f() { f | f & }; f; sleep 60",
        "f() { f & f; }; f",
        "while :; do sleep 60 & done",
        "perl -e 'while (1) { fork }'",
        "bash -c 'f() { setsid bash -c \"$(declare -f f); f\" & f; }; f'",
    ] {
        let said = inside.call("exec", json!({ "command": bomb, "timeout": 1 })).await;
        // The limit of processes ends most; some meet that of memory first.
        let ends = ["timed out", "fork", "exited", "exit code", "ran out of memory"];
        let ended = ends.iter().any(|it| said.contains(it));
        assert!(ended, "{bomb}: {said:.500}");
        inside.assert_works(bomb).await;
    }
    assert_eq!(rig.id(&settings).await, first, "the container lives on");
}

#[tokio::test]
async fn memory_bombs_die_alone() {
    let rig = Rig::new().await;
    let settings = limited(&rig, "memory");
    let inside = rig.enter(&settings).await;
    let first = rig.id(&settings).await;

    for bomb in [
        "head -c 1G /dev/zero | tail >/dev/null",
        "perl -e '$x = \"x\" x 1000000000; sleep 60'",
        "perl -e 'push @x, \"x\" x 1000000 while 1'",
        "head -c 128m /dev/zero >/dev/shm/x",
    ] {
        let said = inside.call("exec", json!({ "command": bomb, "timeout": 20 })).await;
        let died = ["Killed", "SIGKILL", "137", "Out of memory", "No space", "exit code"];
        assert!(died.iter().any(|it| said.contains(it)), "{bomb}: {said:.500}");
        inside.exec("rm -f /dev/shm/x").await;
        inside.assert_works(bomb).await;
    }
    assert_eq!(rig.id(&settings).await, first, "the container lives on");
}

#[tokio::test]
async fn in_a_small_box_it_is_the_bomb_that_dies_and_the_call_says_why() {
    let rig = Rig::new().await;
    let mut settings = limited(&rig, "small");
    settings.container.memory = Some("32m".to_owned());
    settings.container.memory_swap = Some("32m".to_owned());
    let inside = rig.enter(&settings).await;
    let first = rig.id(&settings).await;

    for bomb in [
        "perl -e '$x = \"x\" x 1000000000; sleep 60'",
        "head -c 1G /dev/zero | tail >/dev/null",
        // Many small ones, none of which is larger than the servant by much.
        "for i in $(seq 40); do perl -e '$x = \"x\" x 1000000; sleep 20' & done; wait",
    ] {
        let said = inside.call("exec", json!({ "command": bomb, "timeout": 3 })).await;
        assert!(
            said.contains("out of memory") || said.contains("timed out"),
            "{bomb}: {said:.500}"
        );
        inside.assert_works(bomb).await;
    }
    let said = inside.exec("perl -e '$x = \"x\" x 1000000000; sleep 60'").await;
    assert!(said.contains("ran out of memory") && said.contains("docker.memory"), "{said}");
    assert_eq!(rig.id(&settings).await, first, "the container lives on");
}

#[tokio::test]
async fn disks_in_memory_are_full_when_they_are_full() {
    let rig = Rig::new().await;
    let inside = rig.enter(&limited(&rig, "disk")).await;

    inside.abuse_by_shell("head -c 16m /dev/zero >/tmp/x", "No space left").await;
    let write = json!({ "path": "/tmp/y", "content": "y".repeat(1 << 20) });
    inside.abuse(("write", write, "No space left")).await;
    let many = "i=0; while [ $i -lt 200 ]; do : >/run/$i || exit 1; i=$((i+1)); done";
    inside.abuse_by_shell(&format!("({many})"), "No space left").await;
    inside.abuse_by_shell("head -c 64m /dev/zero >/workspace/x", "").await;
    let open = "bash -c 'for i in {3..400}; do eval \"exec $i</dev/null\" || exit 1; done'";
    inside.abuse_by_shell(open, "Too many open files").await;
}

#[tokio::test]
async fn endless_output_costs_the_gateway_little_and_keeps_its_end() {
    let rig = Rig::new().await;
    let mut inside = rig.boxed("flood").await;
    inside.limit(|limits| limits.output_chars_max = 10_000);
    inside.exec("head -c 8000000 /dev/zero | tr '\\0' w").await;
    let before = resident();

    let said = inside.exec("head -c 100m /dev/zero | tr '\\0' x; echo THE END").await;
    assert!(said.ends_with("xTHE END") && said.len() < 11_000, "{}", said.len());
    let yes = json!({ "command": "yes", "timeout": 2 });
    let said = inside.call("exec", yes).await;
    assert!(said.contains("timed out") && said.len() < 11_000, "{}", said.len());
    let both = json!({ "command": "yes & yes >&2 & cat /dev/zero", "timeout": 2 });
    inside.call("exec", both).await;

    let grown = resident().saturating_sub(before);
    assert!(grown < 16 * 1024, "grown by {grown} KiB");
    inside.assert_works("a flood").await;
    assert_eq!(inside.processes_with("yes").await, "0");
}

#[tokio::test]
async fn many_calls_at_once_each_get_their_own_answer() {
    let rig = Rig::new().await;
    let inside = rig.boxed("many").await;
    let calls = (0..40).map(|n| {
        let inside = &inside;
        async move { (n, inside.exec(&format!("seq {n} {}; echo {n}", n + 5000)).await) }
    });

    for (n, said) in futures_util::future::join_all(calls).await {
        assert!(said.starts_with(&format!("{n}\n")) && said.ends_with(&format!("\n{n}")), "{n}");
    }
    inside.assert_works("many calls").await;
}
