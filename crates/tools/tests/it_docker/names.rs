//! File names and arguments that are meant to confuse.

use serde_json::json;

use crate::rig::{Rig, adding, says, shell};

#[tokio::test]
async fn strange_names_are_names_or_refused_and_break_nothing() {
    let rig = Rig::new().await;
    let settings = rig.settings("names");
    let inside = rig.enter(&settings).await;
    let names = ["a\nb", "-rf", "$(touch pwned)", "`touch pwned`", "a;touch pwned", "…\u{202e}txt"];

    for name in names {
        let said = inside.call("write", json!({ "path": name, "content": "text" })).await;
        assert!(said.contains("Successfully wrote"), "{name:?}: {said}");
        assert_eq!(inside.call("read", json!({ "path": name })).await, "text", "{name:?}");
        assert!(settings.sandbox_dir.join(name).is_file(), "{name:?}");
        inside.assert_works(name).await;
    }
    inside.abuse(shell("ls pwned", "No such file")).await;
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_by_every_file_tool() {
    let rig = Rig::new().await;
    let inside = rig.boxed("not-names").await;
    let long = "x".repeat(300);
    let deep = "d/".repeat(2040) + "f";
    let endless = "y/".repeat(500_000);

    for (path, why) in [("nul\0name", "nvalid"), (&long, "too long|invalid"), (&endless, "")] {
        let said = inside.call("read", json!({ "path": path })).await;
        assert!(says(&said, why) && said.len() < 3_000_000, "{said:.500}");
        inside.assert_works("a read").await;
        let write = json!({ "path": path, "content": "x" });
        let said = inside.call("write", write).await;
        assert!(says(&said, why) && !said.contains("Successfully"), "{said:.500}");
        inside.assert_works("a write").await;
        let said = inside.call("apply_patch", adding(path, "x")).await;
        assert!(says(&said, why) && !said.contains("Success"), "{said:.500}");
        inside.assert_works("a patch").await;
    }
    // As deep as a path can be; no recursion may end the servant.
    inside.call("write", json!({ "path": deep, "content": "x" })).await;
    inside.assert_works("a deep path").await;
}

#[tokio::test]
async fn commands_and_variables_that_cannot_be_are_refused() {
    let rig = Rig::new().await;
    let inside = rig.boxed("commands").await;
    let long = format!("true {}", "x".repeat(200_000));

    inside.abuse(("exec", json!({ "command": "echo a\0b" }), "cannot start")).await;
    inside.abuse(("exec", json!({ "command": long }), "cannot start")).await;
    let huge = format!("true {}", "x".repeat(12 << 20));
    inside.abuse(("exec", json!({ "command": huge }), "cannot start")).await;
    for name in ["A=B", "", "A\0B"] {
        let arguments = json!({ "command": "env", "env": { (name): "x" } });
        inside.abuse(("exec", arguments, "cannot start")).await;
    }
    let workdir = json!({ "command": "pwd", "workdir": "../../../proc/1/cwd/../.." });
    inside.abuse(("exec", workdir, "/")).await;
    let workdir = json!({ "command": "pwd", "workdir": rig.home.display().to_string() });
    inside.abuse(("exec", workdir, "is not a directory")).await;
    for host in ["gateway", "node"] {
        let arguments = json!({ "command": "id", "host": host });
        let said = inside.call("exec", arguments).await;
        assert!(!said.contains("uid="), "{said}");
    }
}
