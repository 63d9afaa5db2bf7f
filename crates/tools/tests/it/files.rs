//! `read`, `write` and `edit` on real files.

use std::os::unix::fs::symlink;

use domain::Part;
use sandbox::host::Confinement;
use serde_json::json;

use crate::world::{World, details, error, text};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";

#[tokio::test]
async fn what_is_written_is_read_back() {
    let world = World::new().await;

    let written =
        world.call("write", json!({ "file_path": "@a/b/c.txt", "content": " héllo\n" })).await;
    let read = world.call("read", json!({ "path": "a/b/c.txt" })).await;

    assert_eq!(text(&written), "Successfully wrote 8 bytes to a/b/c.txt");
    assert_eq!(text(&read), " héllo\n");
}

#[tokio::test]
async fn reading_is_limited_and_says_how_to_go_on() {
    let world = World::new().await;
    world.put("f", "x\n".repeat(3000));

    let read = world.call("read", json!({ "path": "f", "offset": "2999", "limit": 1 })).await;
    let past = world.call("read", json!({ "path": "f", "offset": 3001 })).await;

    assert_eq!(text(&read), "x\n\n[1 more lines. Go on with offset=3000.]");
    assert_eq!(error(&past), "Line 3001 is past the end: f has 3000 lines.");
}

#[tokio::test]
async fn an_image_is_shown_by_its_content() {
    let world = World::new().await;
    world.put("picture.txt", PNG);

    let read = world.call("read", json!({ "path": "picture.txt" })).await;

    assert_eq!(text(&read), "Image file (image/png):");
    assert!(
        matches!(&read.content.0[1], Part::Image { mime_type, .. } if mime_type == "image/png")
    );
}

#[tokio::test]
async fn names_in_the_spelling_of_macos_are_found() {
    let world = World::new().await;
    world.put("Shot 9.41\u{202f}AM.txt", "shot");
    world.put("re\u{301}sume\u{301}.txt", "cv");

    let shot = world.call("read", json!({ "path": "Shot 9.41 AM.txt" })).await;
    let resume = world.call("read", json!({ "path": "r\u{e9}sum\u{e9}.txt" })).await;

    assert_eq!((text(&shot), text(&resume)), ("shot".to_owned(), "cv".to_owned()));
}

#[tokio::test]
async fn failures_say_what_is_wrong() {
    let world = World::new().await;
    world.put("f", "one\none\n");
    let cases = [
        ("read", json!({ "path": "nope" }), "File not found: nope"),
        ("read", json!({ "path": "." }), ". is a directory; list it with exec (ls)."),
        ("read", json!({}), "Missing required parameter: path (path or file_path)"),
        ("write", json!({ "path": "f" }), "Missing required parameter: content (content)"),
        (
            "edit",
            json!({ "path": "f", "newText": "x" }),
            "Missing required parameter: oldText (oldText or old_string)",
        ),
        (
            "edit",
            json!({ "path": "f", "oldText": "one" }),
            "Missing required parameter: newText (newText or new_string)",
        ),
        ("edit", json!({ "path": "nope", "oldText": "a", "newText": "b" }), "File not found: nope"),
    ];

    for (tool, arguments, expected) in cases {
        assert_eq!(error(&world.call(tool, arguments).await), expected);
    }
    let twice = json!({ "path": "f", "oldText": "one", "newText": "1" });
    assert!(error(&world.call("edit", twice).await).starts_with("Found 2 occurrences"));
    assert_eq!(world.text_of("f"), "one\none\n");
}

#[tokio::test]
async fn an_edit_changes_only_its_place() {
    let world = World::new().await;
    world.put("f", "\u{feff}one\r\ntwo  \r\nthree\u{2019}s\r\n");

    let result = world
        .call(
            "edit",
            json!({
                "path": "f", "old_string": "two\nthree's", "new_string": "2\n3"
            }),
        )
        .await;

    assert_eq!(text(&result), "Successfully replaced text in f.");
    assert_eq!(world.text_of("f"), "\u{feff}one\r\n2\r\n3\r\n");
    assert_eq!(details(&result)["firstChangedLine"], 2);
    assert_eq!(details(&result)["diff"], " 1 \u{feff}one\n-2 two  \n-3 three\u{2019}s\n+2 2\n+3 3");
}

#[tokio::test]
async fn several_edits_are_made_at_once() {
    let world = World::new().await;
    world.put("f", "a b c");

    let result = world
        .call(
            "edit",
            json!({ "path": "f", "edits": [
            { "oldText": "a", "newText": "b" }, { "old_string": "c", "new_string": "" }
        ] }),
        )
        .await;

    assert_eq!(text(&result), "Successfully replaced 2 texts in f.");
    assert_eq!(world.text_of("f"), "b b ");
}

#[tokio::test]
async fn a_confined_agent_stays_in_its_workspace() {
    let mut world = World::confined(Confinement::Workspace).await;
    world.limit(|limits| limits.workspace_only = true);
    symlink("/etc", world.path("link")).expect("a link");

    for path in ["../x", "/etc/passwd", "a/../../x", "~/../x", "link/passwd"] {
        let read = world.call("read", json!({ "path": path })).await;
        assert!(error(&read).contains("leaves the workspace"), "{path}: {}", error(&read));
        let written = world.call("write", json!({ "path": path, "content": "x" })).await;
        assert!(error(&written).contains("leaves the workspace"), "{path}");
    }
}
