//! What can be called in the image, and how: an image of the reference can be swapped for it.

use crate::rig::{Container, image, run_once};

#[test]
fn every_entry_starts_the_same_program() {
    let version = format!("{}\n", env!("CARGO_PKG_VERSION"));
    let entries: [(&[&str], &[&str]); 8] = [
        (&[], &["openclaw", "--version"]),
        (&[], &["node", "dist/index.js", "--version"]),
        (&[], &["node", "/app/dist/index.js", "--version"]),
        (&[], &["node", "openclaw.mjs", "--version"]),
        (&[], &["node", "/app/openclaw.mjs", "--version"]),
        (&["--entrypoint", "node"], &["dist/index.js", "--version"]),
        (&["--entrypoint", "sh"], &["-c", "openclaw --version"]),
        (&["--entrypoint", "bash"], &["-c", "openclaw --version"]),
    ];

    for (options, args) in entries {
        let ran = run_once(options, args);
        assert_eq!((ran.code, &ran.stdout), (Some(0), &version), "{options:?} {args:?}");
    }
}

#[test]
fn an_exit_code_comes_through_every_entry() {
    let container = Container::start(&["--entrypoint", "sleep"], &["600"]);

    for entry in [&["openclaw"][..], &["node", "dist/index.js"], &["node", "/app/openclaw.mjs"]] {
        let unreachable = container.exec(&[entry, &["health"]].concat());
        let no_profile = container.exec(&[entry, &["--profile", "a b", "health"]].concat());
        assert_eq!((unreachable.code, no_profile.code), (Some(1), Some(2)), "{entry:?}");
    }
    let code = container.exec(&["node", "-e", "console.log(1)"]);
    assert_eq!(code.code, Some(1));
    assert!(code.stderr.contains("no Node runtime is included"), "{}", code.stderr);
}

#[test]
fn the_image_is_what_guides_expect() {
    let container = Container::start(&["--entrypoint", "sleep"], &["600"]);
    let inside = |command: &str| container.exec(&["bash", "-c", command]).answer();

    assert_eq!(
        inside("id -u; id -g; id -un; pwd; echo $HOME"),
        "1000\n1000\nnode\n/app\n/home/node"
    );
    assert_eq!(inside("stat -c '%a %U' /home/node/.openclaw"), "700 node");
    let tools = "for it in bash git curl ps tini find chown; do command -v $it >/dev/null || echo $it; done";
    assert_eq!(inside(tools), "");
    assert_eq!(inside("ls /usr/share/zoneinfo/Asia/Shanghai"), "/usr/share/zoneinfo/Asia/Shanghai");
    assert_eq!(inside("test -s /etc/ssl/certs/ca-certificates.crt && echo there"), "there");
    assert_eq!(inside("ls /usr/local/bin/openclaw-boxd"), "/usr/local/bin/openclaw-boxd");
    let label = "{{index .Config.Labels \"org.opencontainers.image.version\"}}";
    assert_eq!(container.inspect(label), env!("CARGO_PKG_VERSION"), "{}", image());
}
