//! PID 1 and its pipe to the gateway, attacked from inside.

use serde_json::json;

use crate::rig::{Rig, SECRET};

/// Descriptors that there are are closed to all, and others are not there.
const WALLED: &str = "permission denied|nonexistent|no such file";

#[tokio::test]
async fn the_first_process_cannot_be_killed_stopped_or_looked_into() {
    let rig = Rig::new().await;
    for user in ["0:0", "1000:1000"] {
        let mut settings = rig.settings(user);
        settings.container.user = Some(user.to_owned());
        let inside = rig.enter(&settings).await;

        for line in [
            "kill -9 1",
            "kill -STOP 1",
            "kill -TERM 1",
            "kill -INT 1",
            "kill -HUP 1",
            "kill -PIPE 1",
            "kill -CHLD 1",
            "kill -9 -1",
            "kill -STOP -1",
        ] {
            let arguments = json!({ "command": line, "timeout": 2 });
            inside.call("exec", arguments).await;
            inside.assert_works(line).await;
        }
        for line in [
            "head -c1 /proc/1/mem",
            "head -c1 /proc/1/environ",
            "ls -l /proc/1/fd/",
            "cat /proc/1/maps",
            "readlink /proc/1/exe",
            "cat /proc/1/stack",
            "cat /proc/1/syscall",
        ] {
            inside.abuse_by_shell(line, "").await;
        }
    }
}

#[tokio::test]
async fn frames_forged_from_inside_do_not_reach_the_gateway() {
    let rig = Rig::new().await;
    for user in ["0:0", "1000:1000"] {
        let mut settings = rig.settings(user);
        settings.container.user = Some(user.to_owned());
        let inside = rig.enter(&settings).await;

        for fd in 0..12 {
            let out = format!("echo forged >/proc/1/fd/{fd}");
            inside.abuse_by_shell(&out, WALLED).await;
            inside.abuse_by_shell(&format!("cat /proc/1/fd/{fd}"), WALLED).await;
            // The servant's own eyes and hands do not reach its pipe either.
            for path in [format!("/proc/self/fd/{fd}"), format!("/proc/1/fd/{fd}")] {
                inside.abuse(("read", json!({ "path": path }), "cannot read|not found")).await;
                let write = json!({ "path": path, "content": "forged" });
                inside.abuse(("write", write, "cannot write|no such file")).await;
            }
        }
        let write = json!({ "path": "/proc/self/mem", "content": "forged" });
        inside.abuse(("write", write, "cannot write|no such file")).await;
    }
}

#[tokio::test]
async fn what_looks_like_a_frame_in_output_is_output() {
    let rig = Rig::new().await;
    let inside = rig.boxed("output").await;
    let preamble: String = boxd_preamble();

    for line in [
        format!("printf '{preamble}'"),
        format!("printf '{preamble}\\001\\000\\000\\000\\377\\377\\377\\377' >&2"),
        "head -c 300000 /dev/urandom".to_owned(),
        "printf '\\377\\377\\377\\377\\377\\377\\377\\377'".to_owned(),
        "head -c 70000 /dev/zero".to_owned(),
    ] {
        let said = inside.exec(&line).await;
        assert!(!said.contains(SECRET));
        inside.assert_works(&line).await;
    }
}

#[tokio::test]
async fn a_first_process_that_dies_takes_the_call_along_and_no_other() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("dies");
    settings.container.memory = Some("48m".to_owned());
    settings.container.memory_swap = Some("48m".to_owned());
    let inside = rig.enter(&settings).await;
    // Root in the sandbox may offer PID 1 to the kernel as the first to go.
    inside.exec("echo kept >kept; echo 1000 >/proc/1/oom_score_adj").await;

    let bomb = json!({ "command": "head -c 1G /dev/zero | tail >/dev/null", "timeout": 10 });
    inside.call("exec", bomb).await;

    inside.assert_works("an end of memory").await;
    assert_eq!(inside.exec("cat kept").await, "kept");
}

/// Bytes that begin a conversation, as `printf` writes them.
fn boxd_preamble() -> String {
    boxd::PREAMBLE.iter().fold(String::new(), |text, byte| format!("{text}\\{byte:03o}"))
}
