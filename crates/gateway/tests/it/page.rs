//! The page over real sockets: its files, deep links, its settings, pictures of agents.

use serde_json::json;
use testkit::home::{TOKEN, TempHome};

use crate::{
    http::{Answer, ask, get},
    server::Server,
};

/// A gateway with a page from a folder, and an agent with a picture.
#[expect(clippy::disallowed_methods, reason = "the test lays out what is served")]
async fn serving() -> Server {
    let home = TempHome::minimal().unwrap();
    let (root, workspace) = (home.path().join("page"), home.path().join("agent"));
    let files = [
        (root.join("index.html"), "<html><head><title>page</title></head></html>"),
        (root.join("assets/a-1.js"), "let a = 1;"),
        (root.join("assets/a-1.js.br"), "small"),
        (workspace.join("me.png"), "picture"),
    ];
    for (path, text) in files {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let agent = json!({"id": "main", "default": true, "workspace": workspace,
        "identity": {"name": "Molly", "avatar": "me.png"}});
    home.merge_config(&json!({
        "gateway": {"controlUi": {"basePath": "/ui", "root": root}},
        "agents": {"list": [agent]},
    }))
    .unwrap();
    Server::at(home).await
}

async fn with_token(server: &Server, path: &str) -> Answer {
    ask(server, &format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}"), "").await
}

#[tokio::test]
async fn every_deep_link_is_the_page_and_a_missing_file_is_missing() {
    let server = serving().await;

    let page = get(&server, "/ui/").await;
    let deep = get(&server, "/ui/sessions/any?session=agent:main:a.b").await;
    let missing = get(&server, "/ui/assets/none.js").await;
    let api = get(&server, "/ui/v1/none").await;
    let posted = ask(&server, "POST /ui/ HTTP/1.1", "").await;

    assert_eq!((page.status, deep.status), (200, 200));
    assert_eq!(page.body, deep.body);
    assert!(page.body.contains("<base href=\"/ui/\">"), "{}", page.body);
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    assert_eq!((missing.status, api.status, posted.status), (404, 404, 405));
    server.stop().await;
}

#[tokio::test]
async fn files_with_a_hash_in_their_name_are_kept_and_go_out_small() {
    let server = serving().await;
    let wanted = "GET /ui/chat/assets/a-1.js HTTP/1.1\r\nAccept-Encoding: gzip, br";

    let small = ask(&server, wanted, "").await;
    let plain = get(&server, "/ui/assets/a-1.js").await;
    let etag = plain.header("etag").unwrap();
    let again = format!("GET /ui/assets/a-1.js HTTP/1.1\r\nIf-None-Match: {etag}");
    let seen = ask(&server, &again, "").await;

    assert_eq!((small.body.as_str(), small.header("content-encoding")), ("small", Some("br")));
    assert_eq!((plain.body.as_str(), plain.header("content-encoding")), ("let a = 1;", None));
    assert!(plain.header("cache-control").unwrap().contains("immutable"));
    assert_eq!((seen.status, seen.body.as_str()), (304, ""));
    server.stop().await;
}

#[tokio::test]
async fn settings_and_pictures_are_for_those_with_the_secret() {
    let server = serving().await;

    for path in ["/ui/control-ui-config.json", "/ui/avatar/main"] {
        assert_eq!(get(&server, path).await.status, 401, "{path}");
    }
    let config = with_token(&server, "/ui/__openclaw/control-ui-config.json").await.json();
    let avatar = with_token(&server, "/ui/avatar/main").await;
    let meta = with_token(&server, "/ui/avatar/main?meta=1").await.json();

    assert_eq!(config["assistantName"], "Molly");
    assert_eq!(config["assistantAvatar"], "/ui/avatar/main");
    assert_eq!(
        (avatar.body.as_str(), avatar.header("content-type")),
        ("picture", Some("image/png"))
    );
    assert_eq!(meta["avatarUrl"], "/ui/avatar/main");
    assert_eq!(with_token(&server, "/ui/avatar/nobody").await.status, 404);
    server.stop().await;
}
