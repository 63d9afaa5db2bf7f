//! File tools and paths that lead, or seem to lead, out of the workspace.

use serde_json::json;

use crate::rig::{Rig, SECRET, adding, changing, shell};

#[tokio::test]
async fn paths_out_of_the_workspace_end_in_the_container_s_own_files() {
    let rig = Rig::new().await;
    let inside = rig.boxed("paths").await;
    let home = rig.home.display();
    let (canary, up) = (format!("{home}/canary"), format!("../../../..{home}/canary"));
    let links = format!("ln -s {canary} link; ln -s / root; ln -s ../../.. up; ln -s loop loop");
    inside.exec(&links).await;
    let rooted = format!("root{canary}");

    for path in [&canary, &up, "link", &rooted, &format!("up{canary}")] {
        inside.abuse(("read", json!({ "path": path }), "File not found")).await;
        let edit = json!({ "path": path, "oldText": SECRET, "newText": "x" });
        inside.abuse(("edit", edit, "File not found")).await;
        // A patch is for the workspace alone, by its text already.
        let why = if path.starts_with(['/', '.']) { "leaves the workspace" } else { "not found" };
        inside.abuse(("apply_patch", changing(path, SECRET, "x"), why)).await;
    }
    for path in ["/etc/made", "root/etc/made", "up/etc/made", "../../etc/made", "/.openclaw/made"] {
        let write = json!({ "path": path, "content": "x" });
        inside.abuse(("write", write, "Read-only file system")).await;
        let why = "leaves the workspace|read-only file system";
        inside.abuse(("apply_patch", adding(path, "x"), why)).await;
    }
    inside.abuse(("read", json!({ "path": "loop" }), "Too many")).await;
    inside.abuse(("write", json!({ "path": "loop", "content": "x" }), "Too many")).await;
    rig.assert_untouched();
    assert!(!std::path::Path::new("/etc/made").exists());
}

#[tokio::test]
async fn a_write_through_a_link_ends_in_the_container() {
    let rig = Rig::new().await;
    let settings = rig.settings("dangling");
    let inside = rig.enter(&settings).await;
    let canary = rig.home.join("canary");
    inside.exec(&format!("ln -s {} link; mkdir d; ln -s /tmp d/tmp", canary.display())).await;

    // In the container there is no such file, so one is made on its own `/tmp`, or nowhere.
    inside.call("write", json!({ "path": "link", "content": "x" })).await;
    inside.call("apply_patch", adding("d/tmp/made", "x")).await;

    inside.assert_works("writes through links").await;
    rig.assert_untouched();
    assert!(!std::path::Path::new("/tmp/made").exists());
    let link = settings.sandbox_dir.join("link").symlink_metadata().unwrap();
    assert!(link.is_symlink(), "the link itself is not replaced");
}

#[tokio::test]
async fn the_system_s_files_are_the_container_s_own() {
    let rig = Rig::new().await;
    let settings = rig.settings("system");
    let inside = rig.enter(&settings).await;
    let id = rig.id(&settings).await.unwrap();

    for path in ["/etc/hostname", "../etc/hostname", "/proc/1/root/etc/hostname"] {
        inside.abuse(("read", json!({ "path": path }), "")).await;
    }
    assert_eq!(inside.call("read", json!({ "path": "/etc/hostname" })).await.trim(), &id[..12]);
    let shadow = inside.call("read", json!({ "path": "/etc/shadow" })).await;
    let host = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    assert!(!shadow.is_empty() && shadow.trim() != host.trim());
    let inside_passwd = inside.exec("cat /etc/passwd").await;
    assert_ne!(inside_passwd.trim(), std::fs::read_to_string("/etc/passwd").unwrap().trim());
}

#[tokio::test]
async fn what_is_no_plain_file_is_neither_read_nor_written() {
    let rig = Rig::new().await;
    let inside = rig.boxed("devices").await;
    inside.exec("mkfifo pipe; mkdir dir; perl -e 'use Socket; socket(S,1,1,0); bind(S,pack(\"Sa*\",1,\"sock\"))'").await;

    for path in ["/dev/zero", "/dev/full", "/dev/null", "/dev/random", "/dev/stdin", "pipe", "sock"]
    {
        inside.abuse(("read", json!({ "path": path }), "cannot read|not found")).await;
        let write = json!({ "path": path, "content": "x" });
        inside.abuse(("write", write, "cannot write|no such file")).await;
    }
    inside.abuse(("read", json!({ "path": "dir" }), "is a directory")).await;
    inside.abuse(("write", json!({ "path": "dir", "content": "x" }), "cannot write")).await;
    inside.abuse(("read", json!({ "path": "/proc/kmsg" }), "cannot read")).await;
}

#[tokio::test]
async fn huge_and_growing_files_are_refused_and_not_held() {
    let rig = Rig::new().await;
    let inside = rig.boxed("huge").await;
    inside.exec("truncate -s 10G sparse; truncate -s 17M large; truncate -s 40M wide").await;
    let edit = json!({ "path": "large", "oldText": "a", "newText": "b" });

    inside.abuse(("read", json!({ "path": "sparse" }), "too many to read")).await;
    inside.abuse(("edit", edit, "more than")).await;
    inside.abuse(("apply_patch", changing("sparse", "a", "b"), "more than")).await;
    // A read of all that is allowed, of which the model sees a page.
    let said = inside.call("read", json!({ "path": "wide" })).await;
    assert!(said.len() < 300_000, "{}", said.len());
    let grow = json!({ "command": "exec yes >growing", "timeout": 1, "yieldMs": 10 });
    inside.call("exec", grow).await;
    let said = inside.call("read", json!({ "path": "growing" })).await;
    assert!(said.len() < 300_000, "{}", said.len());
    inside.exec("rm -f growing").await;
    inside.abuse(shell("ls growing", "No such file")).await;
}

#[tokio::test]
async fn a_read_only_workspace_is_read_only_for_every_file_tool() {
    let rig = Rig::new().await;
    let mut settings = rig.settings("ro");
    settings.access = sandbox::docker::settings::Access::Ro;
    std::fs::create_dir_all(&settings.agent_dir).unwrap();
    std::fs::write(settings.agent_dir.join("note"), "theirs\n").unwrap();
    let inside = rig.enter(&settings).await;
    let edit = json!({ "path": "/agent/note", "oldText": "theirs", "newText": "mine" });
    let why = "Read-only file system";

    for path in ["/agent/note", "/agent/new", "new", "/workspace/../agent/new"] {
        inside.abuse(("write", json!({ "path": path, "content": "x" }), why)).await;
    }
    inside.abuse(("edit", edit, why)).await;
    let patch = changing("/agent/note", "theirs", "mine");
    inside.abuse(("apply_patch", patch, "leaves the workspace")).await;
    inside.abuse(("apply_patch", adding("new", "x"), why)).await;
    inside.abuse_by_shell("rm /agent/note", why).await;
    inside.abuse_by_shell("mount -o remount,rw /agent", "permission denied").await;
    assert_eq!(crate::rig::text(&settings.agent_dir.join("note")), "theirs\n");
}
