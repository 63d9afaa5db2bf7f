//! What people of other versions suffered from, each solved here, through the real program.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{
    gateway::{CallError, Gateway, WsClient, free_port},
    home::TempHome,
};

use crate::program::{alone, openclaw, quiet, run, run_with, start, talk_until};

const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway of `home` with more variables in its environment.
fn start_with_env(home: &TempHome, vars: &[(&str, &str)]) -> Gateway {
    // The variables are in the state directory's `.env`, which counts as environment.
    let lines: Vec<String> = vars.iter().map(|(name, value)| format!("{name}={value}")).collect();
    fs::write(home.state_dir().join(".env"), lines.join("\n")).unwrap();
    start(home)
}

#[test]
fn two_tokens_that_differ_are_a_warning_at_the_start_that_shows_neither() {
    let home = quiet(TempHome::minimal().unwrap());
    let other = "another-token-in-the-environment";

    let gateway = start_with_env(&home, &[("OPENCLAW_GATEWAY_TOKEN", other)]);
    let talk = talk_until(&gateway, "OPENCLAW_GATEWAY_TOKEN are both set and differ");
    let alike = quiet(TempHome::minimal().unwrap());
    let same = start_with_env(&alike, &[("OPENCLAW_GATEWAY_TOKEN", gateway.token())]);
    let silent = talk_until(&same, "  stop ");

    assert!(!talk.contains(other) && !talk.contains(gateway.token()), "{talk}");
    assert!(!silent.contains("both set and differ"), "{silent}");
}

#[test]
fn a_sandboxed_browser_that_no_tool_uses_is_a_warning_at_the_start() {
    let home = quiet(TempHome::minimal().unwrap());
    let sandbox = json!({ "browser": { "enabled": true } });
    home.merge_config(&json!({ "agents": { "defaults": { "sandbox": sandbox } } })).unwrap();

    let gateway = start(&home);
    let talk = talk_until(&gateway, "no container with a browser is started");

    assert!(talk.contains("agents=main"), "{talk}");
}

#[test]
fn bind_loopback_in_a_container_is_a_warning_with_the_way_out() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let silent = talk_until(&gateway, "  stop ");
    drop(gateway);
    // The override of the harness is a variable of the process; the file says otherwise here.
    let port = free_port().unwrap().to_string();
    let mut command = home.command(openclaw());
    command.args(["gateway", "run", "--port", &port]).env("OPENCLAW_IN_CONTAINER", "1");
    let mut child = command.spawn().unwrap();

    let talk = first_lines(child.stderr.take().unwrap(), "gateway.bind is loopback");
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(talk.contains("set gateway.bind to lan"), "{talk}");
    assert!(!silent.contains("gateway.bind is loopback"), "{silent}");
}

/// Reads until a line has `wanted` in it.
fn first_lines(pipe: std::process::ChildStderr, wanted: &str) -> String {
    let mut text = String::new();
    for line in std::io::BufRead::lines(std::io::BufReader::new(pipe)) {
        text.push_str(&line.unwrap());
        text.push('\n');
        if text.contains(wanted) {
            return text;
        }
    }
    panic!("no `{wanted}` in {text}");
}

/// What a browser's page of `origin` is answered.
async fn page(gateway: &Gateway, host: &str, origin: &str) -> Result<Value, CallError> {
    let url = format!("ws://{host}:{}", gateway.port());
    let mut client = WsClient::open_from(&url, origin).await.map_err(CallError::Lost)?;
    let challenge = client.wait_for(PATIENCE, |frame| frame["event"] == "connect.challenge").await;
    challenge.map_err(CallError::Lost)?;
    let params = json!({
        "minProtocol": 3, "maxProtocol": 3,
        "client": { "id": "webchat-ui", "mode": "webchat", "version": "1", "platform": "web" },
        "auth": { "token": gateway.token() },
    });
    client.call("connect", params).await
}

#[tokio::test]
async fn without_allowed_origins_it_starts_and_lets_its_own_pages_in_and_no_others() {
    let home = quiet(TempHome::minimal().unwrap());
    home.merge_config(&json!({ "gateway": { "bind": "lan" } })).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let port = gateway.port();

    let by_name = page(&gateway, "localhost", &format!("http://localhost:{port}")).await;
    let by_number = page(&gateway, "127.0.0.1", &format!("http://127.0.0.1:{port}")).await;
    let published = page(&gateway, "127.0.0.1", "http://localhost:28789").await;
    let stranger = page(&gateway, "127.0.0.1", "https://evil.example").await;

    for answer in [by_name, by_number, published] {
        assert_eq!(answer.unwrap()["type"], "hello-ok");
    }
    let Err(CallError::Refused(error)) = stranger else { panic!("{stranger:?}") };
    assert_eq!(error["details"]["code"], "CONTROL_UI_ORIGIN_NOT_ALLOWED");
    let fix = error["details"]["fix"].as_str().unwrap();
    assert_eq!(
        fix,
        "openclaw config set gateway.controlUi.allowedOrigins '[\"https://evil.example\"]'"
    );
    let talk = talk_until(&gateway, "a page is not allowed");
    assert!(talk.contains("allowedOrigins"), "{talk}");
}

#[tokio::test]
async fn the_line_that_a_refused_page_is_told_lets_it_in() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let value = "[\"https://chat.example\"]";

    run(&home, &["config", "set", "gateway.controlUi.allowedOrigins", value]).answer();
    let deadline = Instant::now() + PATIENCE;
    let mut answer = page(&gateway, "127.0.0.1", "https://chat.example").await;
    while answer.is_err() {
        assert!(Instant::now() < deadline, "{answer:?}");
        answer = page(&gateway, "127.0.0.1", "https://chat.example").await;
    }

    assert_eq!(answer.unwrap()["type"], "hello-ok");
}

#[test]
fn who_cannot_reach_the_gateway_hears_where_why_and_what_next() {
    let (home, port) = alone();
    let url = format!("ws://127.0.0.1:{port}");

    let in_container = run_with(&home, &["health"], &[("OPENCLAW_IN_CONTAINER", "1")]);
    let named = run(&home, &["status", "--url", &url, "--token", "x"]);
    let by_flag = run(&home, &["health", "--url", &url, "--token", "x"]);
    let by_env = run_with(&home, &["health"], &[("OPENCLAW_GATEWAY_URL", &url)]);

    assert_eq!(
        in_container.stderr,
        format!(
            "error: gateway closed (1006): connection refused\n\
             Gateway target: {url}\n\
             Source: local loopback\n\
             Config: ~/.openclaw/openclaw.json\n\
             Bind: loopback\n\
             hint: docker compose up -d openclaw-gateway (this container must share its network)\n"
        )
    );
    assert_eq!(named.code, Some(0));
    let hint = "hint: start the gateway there, or correct cli --url\n";
    assert!(by_flag.stderr.ends_with(hint), "{}", by_flag.stderr);
    let hint = "hint: start the gateway there, or correct env OPENCLAW_GATEWAY_URL\n";
    assert!(by_env.stderr.ends_with(hint), "{}", by_env.stderr);
}

/// Asks the running gateway for its agents until `wanted` is one of them. It may be away for a
/// moment: some changes restart it.
fn until_agent_is_known(home: &TempHome, wanted: &str, vars: &[(&str, &str)]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ran = run_with(home, &["gateway", "call", "agents.list", "--json"], vars);
        let agents = ran.json()["agents"].clone();
        if agents.as_array().is_some_and(|all| all.iter().any(|agent| agent["id"] == wanted)) {
            return;
        }
        assert!(Instant::now() < deadline, "{ran:?}");
    }
}

fn with_agent(home: &TempHome, id: &str) -> String {
    let mut config = home.config().unwrap();
    config["agents"]["list"] = json!([{ "id": "main" }, { "id": id }]);
    serde_json::to_string_pretty(&config).unwrap()
}

#[test]
fn a_changed_config_is_taken_however_the_file_is_written() {
    let home = quiet(TempHome::minimal().unwrap());
    let _gateway = start(&home);

    fs::write(home.config_path(), with_agent(&home, "in-place")).unwrap();
    until_agent_is_known(&home, "in-place", &[]);
    let beside = home.path().join("new.json");
    fs::write(&beside, with_agent(&home, "renamed")).unwrap();
    fs::rename(&beside, home.config_path()).unwrap();
    until_agent_is_known(&home, "renamed", &[]);
    run(&home, &["config", "set", "agents.list", "[{id: 'main'}, {id: 'by-command'}]"]).answer();
    until_agent_is_known(&home, "by-command", &[]);
}

/// As Kubernetes mounts a config: a link to a link to a directory that is swapped.
#[test]
fn a_changed_config_is_taken_when_the_directory_behind_a_link_is_swapped() {
    let home = quiet(TempHome::minimal().unwrap());
    let mount = home.path().join("mount");
    let text = fs::read_to_string(home.config_path()).unwrap();
    let put = |dir: &str, text: &str| {
        fs::create_dir_all(mount.join(dir)).unwrap();
        fs::write(mount.join(dir).join("openclaw.json"), text).unwrap();
    };
    put("first", &text);
    symlink("first", mount.join("data")).unwrap();
    fs::remove_file(home.config_path()).unwrap();
    symlink(mount.join("data/openclaw.json"), home.config_path()).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let port = gateway.port().to_string();

    put("second", &with_agent(&home, "swapped"));
    symlink("second", mount.join("data.new")).unwrap();
    fs::rename(mount.join("data.new"), mount.join("data")).unwrap();

    until_agent_is_known(&home, "swapped", &[("OPENCLAW_GATEWAY_PORT", &port)]);
}

#[test]
fn state_of_another_owner_is_refused_with_path_owner_and_command() {
    let home = quiet(TempHome::minimal().unwrap());
    let Some(stranger) = a_stranger_to(&home) else { return denied_to_ourselves(&home) };
    // The build folder may lie where strangers cannot look.
    let program = home.path().join("openclaw");
    fs::copy(openclaw(), &program).unwrap();
    let mut command = home.command(&program);
    command.args(["gateway", "run"]).uid(stranger).gid(stranger);

    let output = command.output().unwrap();

    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let dir = home.state_dir();
    for wanted in [
        format!("`{}", dir.display()),
        "belongs to uid 0".to_owned(),
        format!("we are uid {stranger}"),
        format!("sudo chown -R {stranger} '{}", dir.display()),
    ] {
        assert!(stderr.contains(&wanted), "no `{wanted}` in {stderr}");
    }
}

#[test]
fn state_that_its_owner_alone_may_read_is_refused_with_both_users_and_the_command() {
    let home = quiet(TempHome::minimal().unwrap());
    let Some(stranger) = a_stranger_to(&home) else { return denied_to_ourselves(&home) };
    let dir = home.state_dir();
    fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let program = home.path().join("openclaw");
    fs::copy(openclaw(), &program).unwrap();

    for args in [&["gateway", "run"][..], &["config", "get", "gateway.mode"]] {
        let mut command = home.command(&program);
        let output = command.args(args).uid(stranger).gid(stranger).output().unwrap();

        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let at = dir.display();
        let said = format!(
            "`{at}` belongs to uid 0 and we are uid {stranger}; run `sudo chown -R {stranger} '{at}'`"
        );
        assert!(stderr.contains(&said), "{stderr}");
    }
}

/// Somebody who may read the home but not write in it; `None` when we are not root, and cannot
/// become them.
fn a_stranger_to(home: &TempHome) -> Option<u32> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        return None;
    }
    for path in [home.path(), &home.state_dir()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(home.config_path(), fs::Permissions::from_mode(0o644)).unwrap();
    Some(65_534)
}

fn denied_to_ourselves(home: &TempHome) {
    use std::os::unix::fs::PermissionsExt;
    let mode = |bits| {
        fs::set_permissions(home.state_dir(), fs::Permissions::from_mode(bits)).unwrap();
    };
    mode(0o500);

    let (code, stderr) = run(home, &["gateway", "run"]).failure();
    mode(0o700);

    assert_eq!(code, Some(1));
    assert!(stderr.contains("chmod -R u+rwX"), "{stderr}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|it| it.unwrap().path()) {
        let to = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, &to).unwrap();
        }
    }
}

fn recorded_state() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/recordings/state/v3")
}

#[test]
fn old_state_under_a_new_program_starts_is_brought_up_to_date_and_kept() {
    let home = TempHome::new().unwrap();
    copy(&recorded_state(), &home.state_dir());
    let old = json!({
        "logging": { "file": home.path().join("gateway.log") },
        "gateway": { "mode": "local", "token": testkit::home::TOKEN },
        "agent": { "heartbeat": { "every": "0m" } },
        "telegram": { "enabled": false },
    });
    home.write_config(&old.to_string()).unwrap();
    let sessions = home.state_dir().join("agents/main/sessions");
    let transcripts = || {
        let mut found: Vec<_> = fs::read_dir(&sessions)
            .unwrap()
            .map(|it| it.unwrap().path())
            .filter(|it| it.extension().is_some_and(|end| end == "jsonl"))
            .map(|it| (it.clone(), fs::read(&it).unwrap()))
            .collect();
        found.sort();
        found
    };
    let before = transcripts();
    let listed = run(&home, &["config", "get", "gateway.mode"]);

    let port = free_port().unwrap();
    let gateway = Gateway::spawn(openclaw(), &home, port, &[]).unwrap();
    let talk = talk_until(&gateway, "  stop ");
    let port = port.to_string();
    let vars = [("OPENCLAW_GATEWAY_PORT", port.as_str())];
    let known = run_with(&home, &["gateway", "call", "sessions.list", "--json"], &vars).json();
    gateway.terminate().unwrap();
    gateway.wait().unwrap();

    assert!(listed.stderr.contains("run `openclaw doctor --fix`"), "{}", listed.stderr);
    assert!(talk.contains("config: moved `gateway.token` to `gateway.auth.token`"), "{talk}");
    let config = home.config().unwrap();
    assert_eq!(config["gateway"]["auth"]["token"], testkit::home::TOKEN);
    assert_eq!(config["agents"]["defaults"]["heartbeat"]["every"], "0m");
    assert_eq!(config["channels"]["telegram"]["enabled"], false);
    let kept = fs::read_to_string(home.state_dir().join("openclaw.json.bak")).unwrap();
    assert_eq!(kept, old.to_string());
    assert_eq!(transcripts(), before);
    let keys = |dir: &Path| {
        let text = fs::read(dir.join("agents/main/sessions/sessions.json")).unwrap();
        let index: Value = serde_json::from_slice(&text).unwrap();
        let mut keys: Vec<String> = index.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&home.state_dir()), keys(&recorded_state()));
    assert!(!known["sessions"].as_array().unwrap().is_empty(), "{known}");
}

#[test]
fn a_mistake_in_the_config_is_still_refused_and_names_the_doctor() {
    let home = TempHome::new().unwrap();
    home.write_config(r#"{"gateway": {"mode": "local", "token": "t", "prot": 1}}"#).unwrap();
    let before = fs::read_to_string(home.config_path()).unwrap();

    let (code, stderr) = run(&home, &["gateway", "run"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.contains("gateway.prot: ") && stderr.contains("openclaw doctor --fix"));
    assert_eq!(fs::read_to_string(home.config_path()).unwrap(), before);
}
