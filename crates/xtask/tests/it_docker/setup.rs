//! From nothing to a gateway that answers, and again.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use crate::rig::Rig;

/// How long a run in which nothing has changed may take.
const RERUN_MAX: Duration = Duration::from_secs(20);

const SKIP: [&str; 3] = ["--", "--auth-choice", "skip"];

#[test]
fn a_clean_machine_has_a_healthy_gateway_afterwards_and_a_rerun_changes_nothing() {
    let rig = Rig::new("first");

    let first = rig.set_up(&[], &SKIP);
    first.assert_done();
    let token = rig.env("OPENCLAW_GATEWAY_TOKEN");
    let read = |name: &str| fs::read(rig.project().join(name)).unwrap();
    let before = (read(".env"), fs::read(rig.state().join("openclaw.json")).unwrap());
    let id = rig.compose(&["ps", "-q", "openclaw-gateway"]).out;
    let begin = Instant::now();
    let second = rig.set_up(&[], &[]);
    let took = begin.elapsed();

    second.assert_done();
    assert!(second.out.contains("==> Onboarding (done before)"), "{}", second.out);
    assert_eq!((read(".env"), fs::read(rig.state().join("openclaw.json")).unwrap()), before);
    assert_eq!(rig.compose(&["ps", "-q", "openclaw-gateway"]).out, id);
    assert!(took < RERUN_MAX, "a rerun took {took:?}");
    println!("a rerun with nothing changed: {took:.1?}");

    // What the guide types next.
    let health = |token: &str| {
        let command = ["exec", "-T", "openclaw-gateway", "node", "dist/index.js", "health"];
        rig.compose(&[&command[..], &["--token", token]].concat())
    };
    health(&token).assert_done();
    assert!(!health("wrong").is_done);
    let shell = ["exec", "-T", "openclaw-gateway", "bash", "-c", "id -u; pwd"];
    assert_eq!(rig.compose(&shell).out, "1000\n/app\n");
    rig.compose(&["run", "--rm", "-T", "openclaw-cli", "health"]).assert_done();
    for file in ["AGENTS.md", "SOUL.md"] {
        assert!(rig.state().join("workspace").join(file).is_file(), "{file}");
    }
    let mode = fs::metadata(rig.project().join(".env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let page = std::net::TcpStream::connect(("127.0.0.1", rig.port));
    assert!(page.is_ok(), "the published port does not answer");
}

#[test]
fn the_wizard_asks_in_the_terminal_in_which_the_script_was_started() {
    let rig = Rig::new("wizard");
    let answers = r#"
answer "Go on" "y$ENTER"
answer "How much do you want to decide" "$ENTER"
answer "write to your assistant" "$ENTER"
answer "All set" "$ENTER"
"#;

    let ran = rig.set_up_in_a_terminal("-- --auth-choice skip", answers);

    ran.assert_done();
    assert!(ran.out.contains("==> Gateway running"), "{}", ran.out);
    let config = fs::read_to_string(rig.state().join("openclaw.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["gateway"]["mode"], "local");
    assert_eq!(config["gateway"]["bind"], "lan");
    assert_eq!(config["gateway"]["auth"]["token"], "${OPENCLAW_GATEWAY_TOKEN}");
    assert_eq!(
        config["gateway"]["controlUi"]["allowedOrigins"][1],
        format!("http://127.0.0.1:{}", rig.port)
    );
    rig.inside("node dist/index.js health").assert_done();
}

#[test]
fn mounts_and_home_are_in_both_services_and_plain_compose_knows_them() {
    let rig = Rig::new("mounts");
    let shared = rig.path("geteilte Dateien");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(shared.join("note"), "hello").unwrap();
    let source = shared.display();
    let mounts = format!("{source}:/data/my files:ro, {source}:/open");
    let vars = [
        ("OPENCLAW_EXTRA_MOUNTS", mounts.as_str()),
        ("OPENCLAW_HOME_VOLUME", "openclaw_home"),
        ("OPENCLAW_SKIP_ONBOARDING", "1"),
    ];

    rig.set_up(&vars, &[]).assert_done();

    let read_only = "cat '/data/my files/note' && ! touch '/data/my files/new' 2>/dev/null && \
                     touch /open/new /home/node/kept";
    rig.inside(read_only).assert_done();
    let cli = ["run", "--rm", "-T", "--entrypoint", "sh", "openclaw-cli", "-c", read_only];
    rig.compose(&cli).assert_done();
    assert!(shared.join("new").is_file());
    rig.compose(&["config", "--quiet"]).assert_done();

    // Neither, from now on; the home's volume outlives it.
    let none = [("OPENCLAW_EXTRA_MOUNTS", ""), ("OPENCLAW_HOME_VOLUME", "")];
    rig.set_up(&none, &[]).assert_done();
    assert!(!rig.project().join("docker-compose.extra.yml").exists());
    assert!(!rig.inside("test -e /home/node/kept || test -e /open").is_done);
    rig.set_up(&vars[1..], &[]).assert_done();
    rig.inside("test -e /home/node/kept").assert_done();
}

#[test]
fn state_of_another_user_is_taken_over_but_not_the_files_in_a_workspace() {
    let rig = Rig::new("owner");
    let workspace = rig.state().join("workspace");
    fs::create_dir_all(workspace.join(".openclaw")).unwrap();
    fs::write(workspace.join("thesis.txt"), "mine").unwrap();
    fs::write(rig.state().join("openclaw.json"), "{gateway: {mode: 'local'}}").unwrap();
    for path in [rig.state(), workspace.clone(), workspace.join("thesis.txt")] {
        std::os::unix::fs::chown(path, Some(4321), Some(4321)).unwrap();
    }

    rig.set_up(&[("OPENCLAW_SKIP_ONBOARDING", "1")], &[]).assert_done();

    let owner =
        |path: &std::path::Path| std::os::unix::fs::MetadataExt::uid(&fs::metadata(path).unwrap());
    assert_eq!(owner(&rig.state().join("openclaw.json")), 1000);
    assert_eq!(owner(&workspace.join(".openclaw")), 1000);
    assert_eq!(owner(&workspace.join("thesis.txt")), 4321);
    assert_eq!(owner(&workspace), 4321);
}

#[test]
fn a_token_that_the_config_insists_on_is_the_one_that_works() {
    let rig = Rig::new("token");
    fs::create_dir_all(rig.state()).unwrap();
    let config = "{gateway: {mode: 'local', auth: {mode: 'token', token: 'from-config'}}}";
    fs::write(rig.state().join("openclaw.json"), config).unwrap();
    let vars = [("OPENCLAW_GATEWAY_TOKEN", "from-env"), ("OPENCLAW_SKIP_ONBOARDING", "1")];

    rig.set_up(&vars, &[]).assert_done();

    assert_eq!(rig.env("OPENCLAW_GATEWAY_TOKEN"), "from-config");
    rig.inside("node dist/index.js health").assert_done();
}

#[test]
fn offline_without_the_image_nothing_is_started() {
    let rig = Rig::new("offline");

    let ran = rig.set_up(&[("OPENCLAW_IMAGE", "openclaw-test:never-built")], &[]);

    assert!(!ran.is_done);
    assert!(
        ran.err.contains("--offline needs the image openclaw-test:never-built preloaded"),
        "{}",
        ran.err
    );
    assert_eq!(rig.compose(&["ps", "-aq"]).out, "");
}
