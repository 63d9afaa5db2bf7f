//! The servant next to processes that change what its commands inherit, or try to speak to it.

use sandbox::{Exit, Sandbox, docker::Settings};

use crate::rig::{Rig, command, out, run};

/// The names of the limits that can be lowered: those of niceness and of real-time priority are
/// none to begin with.
const LIMITS: [&str; 14] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nofile",
    "nproc",
    "rss",
    "rttime",
    "sigpending",
    "stack",
];

/// Shows all that commands inherit, without what differs from one to the next.
const LOOK: &str = "cat /proc/self/limits; nice; chrt -p $$ | sed 's/.*: //'; \
                    taskset -p $$ | sed 's/.*: //'";

fn as_user(rig: &Rig, name: &str, user: &str) -> Settings {
    let mut settings = rig.settings(name);
    settings.container.user = Some(user.to_owned());
    settings
}

/// Makes a change that works.
async fn change(sandbox: &dyn Sandbox, line: &str) {
    assert_eq!(out(sandbox, &format!("{line} >/dev/null && echo changed")).await, "changed");
}

/// Makes one that works; the servant may end before it can say so.
async fn change_or_end(sandbox: &dyn Sandbox, line: &str) {
    let running = sandbox.exec(command(line)).await.unwrap();
    if let Ok(exit) = running.exit.await {
        assert_eq!(exit, Exit::Code(0), "{line}");
    }
}

#[tokio::test]
async fn a_call_after_any_limit_was_lowered_runs_with_the_first_limits() {
    let rig = Rig::new().await;
    let settings = as_user(&rig, "limits", "1000:1000");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let first = out(&*sandbox, LOOK).await;

    for limit in LIMITS {
        change_or_end(&*sandbox, &format!("prlimit --pid 1 --{limit}=1:1")).await;

        assert_eq!(out(&*sandbox, LOOK).await, first, "{limit}");
    }
}

#[tokio::test]
async fn a_limit_that_is_lowered_again_and_again_ends_with_the_process_that_does_it() {
    let rig = Rig::new().await;
    let settings = as_user(&rig, "again", "1000:1000");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let first = out(&*sandbox, "ulimit -c -H").await;
    let endless = "setsid sh -c 'while :; do prlimit --pid 1 --core=:5; done' for-ever \
                   >/dev/null 2>&1 & \
                   until [ \"$(prlimit --pid 1 --core -o HARD --noheadings --raw)\" = 5 ]; do :; done";
    change(&*sandbox, endless).await;

    let look = "ulimit -c -H; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c for[-]ever";
    let next = run(&*sandbox, look).await;

    assert_eq!(next.out, format!("{first}\n0"));
}

#[tokio::test]
async fn a_servant_that_was_put_behind_all_others_comes_back_as_it_was() {
    let rig = Rig::new().await;
    let settings = as_user(&rig, "nice", "1000:1000");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let first = out(&*sandbox, LOOK).await;
    let changes = [
        "renice -n 19 -p 1",
        "renice -n 19 -u 1000",
        "chrt --idle -p 0 1",
        "chrt --batch -p 0 1",
        "taskset -p 1 1",
    ];
    for line in changes {
        change(&*sandbox, line).await;

        assert_eq!(out(&*sandbox, LOOK).await, first, "{line}");
    }
}

#[tokio::test]
async fn root_inside_cannot_have_the_servant_taken_first_when_memory_runs_out() {
    let rig = Rig::new().await;
    let sandbox = rig.gateway().ensure(&as_user(&rig, "score", "0:0")).await.unwrap();
    let score = "cat /proc/1/oom_score_adj";
    let first = out(&*sandbox, score).await;
    change(&*sandbox, "echo 1000 >/proc/1/oom_score_adj").await;

    assert_eq!(out(&*sandbox, score).await, first);
}

#[tokio::test]
async fn files_are_read_and_written_after_the_servant_s_limits_were_lowered() {
    let rig = Rig::new().await;
    let settings = as_user(&rig, "files", "1000:1000");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();

    change(&*sandbox, "prlimit --pid 1 --fsize=0:0").await;
    sandbox.write("kept", b"all of it").await.unwrap();
    change_or_end(&*sandbox, "prlimit --pid 1 --nofile=3:3").await;
    assert_eq!(sandbox.read("kept", 64).await.unwrap(), b"all of it");
    change_or_end(&*sandbox, "prlimit --pid 1 --nofile=3:3").await;
    assert!(sandbox.stat("kept").await.unwrap().is_some());
    change(&*sandbox, "prlimit --pid 1 --as=1:1").await;
    sandbox.remove("kept").await.unwrap();
    assert_eq!(sandbox.stat("kept").await.unwrap(), None);
}

#[tokio::test]
async fn no_signal_but_the_one_that_asks_to_end_reaches_the_servant() {
    let rig = Rig::new().await;
    let settings = as_user(&rig, "signals", "1000:1000");
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let started = || async {
        let state = rig.inspect(&settings).await.unwrap().state.unwrap();
        (state.pid, state.started_at)
    };
    let first = started().await;

    // Again and again, since the first of them come while the servant is still about to start it.
    let line = "n=1; while [ $n -le 64 ]; do [ $n = 15 ] || kill -$n 1; n=$((n + 1)); done";
    for _ in 0..20 {
        run(&*sandbox, line).await;
    }

    assert_eq!(out(&*sandbox, "echo next").await, "next");
    assert_eq!(started().await, first);
}

#[tokio::test]
async fn nothing_of_the_servant_can_be_opened_traced_or_written_from_inside() {
    let rig = Rig::new().await;
    for user in ["1000:1000", "0:0"] {
        let settings = as_user(&rig, &format!("closed-{}", &user[..1]), user);
        let sandbox = rig.gateway().ensure(&settings).await.unwrap();
        let lines = [
            "cat /proc/1/mem",
            "cat /proc/1/maps",
            "cat /proc/1/environ",
            "cat /proc/1/fd/3",
            "readlink /proc/1/fd/3",
            "ls /proc/1/root/",
            "readlink /proc/1/exe",
            "nsenter -t 1 -U true",
            "echo 1 >/proc/1/timerslack_ns",
            "echo 0 >/sys/fs/cgroup/cgroup.procs",
            "echo 0 >/sys/fs/cgroup/pids/cgroup.procs",
            "echo 1 >/sys/fs/cgroup/pids/pids.max",
            "mkdir /sys/fs/cgroup/pids/x",
            // ptrace, as it is called on this machine: attach.
            "perl -e 'exit(syscall($ARGV[0], 16, 1, 0, 0) == 0 ? 0 : 1)' \
             $([ $(uname -m) = x86_64 ] && echo 101 || echo 117)",
        ];
        for line in lines {
            let ran = run(&*sandbox, line).await;
            assert_ne!(ran.exit, Exit::Code(0), "{user}: {line}: {}", ran.out);
        }
        assert_eq!(out(&*sandbox, "echo next").await, "next");
    }
}

#[tokio::test]
async fn a_call_runs_after_another_has_filled_the_room_for_processes() {
    let rig = Rig::new().await;
    let mut settings = as_user(&rig, "crowd", "1000:1000");
    settings.container.pids_limit = Some(24);
    let sandbox = rig.gateway().ensure(&settings).await.unwrap();
    let crowd = "for n in $(seq 40); do setsid sleep 3014 >/dev/null 2>&1 & done";
    let _full = sandbox.exec(command(crowd)).await.unwrap().exit.await;

    assert_eq!(out(&*sandbox, "echo next").await, "next");
}
