//! `apply_patch` on real files.

use sandbox::host::Confinement;
use serde_json::json;

use crate::world::{World, details, error, text};

#[tokio::test]
async fn files_are_added_changed_moved_and_deleted() {
    let world = World::new().await;
    world.put("old.txt", "one\ntwo\n");
    world.put("gone.txt", "x\n");
    world.put("moved.txt", "a\nb\n");
    let patch = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: new/file.txt\n+hello\n\
                 *** Update File: old.txt\n@@\n one\n-two\n+2\n*** Update File: moved.txt\n\
                 *** Move to: there.txt\n-a\n+A\n*** Delete File: gone.txt\n*** End Patch\nEOF";

    let result = world.call("apply-patch", json!({ "input": patch })).await;

    let expected = "The patch was applied.\nA new/file.txt\nM old.txt\nM there.txt\nD gone.txt";
    assert_eq!(text(&result), expected);
    assert_eq!(
        details(&result),
        json!({ "summary": {
            "added": ["new/file.txt"], "modified": ["old.txt", "there.txt"], "deleted": ["gone.txt"]
        } })
    );
    assert_eq!(world.text_of("new/file.txt"), "hello\n");
    assert_eq!(world.text_of("old.txt"), "one\n2\n");
    assert_eq!(world.text_of("there.txt"), "A\nb\n");
    assert!(!world.path("gone.txt").exists() && !world.path("moved.txt").exists());
}

#[tokio::test]
async fn a_patch_that_does_not_fit_changes_nothing() {
    let world = World::new().await;
    world.put("f", "one\n");
    let patch = "*** Begin Patch\n*** Add File: g\n+x\n*** Update File: f\n-nope\n+y\n\
                 *** End Patch";

    let result = world.call("apply_patch", json!({ "input": patch })).await;

    assert_eq!(error(&result), "In f: could not find these lines:\nnope");
    assert!(!world.path("g").exists());
    assert_eq!(world.text_of("f"), "one\n");
}

#[tokio::test]
async fn a_file_may_be_changed_twice() {
    let world = World::new().await;
    let patch = "*** Begin Patch\n*** Add File: f\n+a\n*** Update File: ./f\n-a\n+b\n\
                 *** End Patch";

    world.call("apply_patch", json!({ "input": patch })).await;

    assert_eq!(world.text_of("f"), "b\n");
}

#[tokio::test]
async fn a_patch_does_not_leave_the_workspace() {
    let world = World::confined(Confinement::Workspace).await;
    let add = |path: &str| json!({ "input": format!("*** Begin Patch\n*** Add File: {path}\n+x\n*** End Patch") });

    for path in ["../x", "/tmp/x", "~/x", "a/../../x"] {
        let result = world.call("apply_patch", add(path)).await;
        assert!(error(&result).contains("leaves the workspace"), "{path}");
    }
}
