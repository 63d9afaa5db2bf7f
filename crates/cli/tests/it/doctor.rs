//! `doctor`: what it finds, what it mends, and that it says so in a form that scripts can rely on.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use testkit::home::TempHome;

use crate::program::{Ran, quiet, run_with, start};

const NO_ENGINE: (&str, &str) = ("DOCKER_HOST", "unix:///nowhere/docker.sock");

/// A home with which nothing is wrong, and no gateway.
fn healthy() -> TempHome {
    let home = quiet(TempHome::with_model("http://127.0.0.1:9/v1").unwrap());
    let port = testkit::gateway::free_port().unwrap();
    home.merge_config(&json!({ "gateway": { "port": port } })).unwrap();
    protect(&home);
    home
}

/// Gives the files of a home the modes that the program gives them.
fn protect(home: &TempHome) {
    mode(&home.state_dir(), 0o700);
    mode(&home.config_path(), 0o600);
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn doctor(home: &TempHome, args: &[&str]) -> Ran {
    let args: Vec<&str> = std::iter::once("doctor").chain(args.iter().copied()).collect();
    run_with(home, &args, &[NO_ENGINE])
}

/// The findings that are more than notes, by their ids.
fn problems(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let findings = report["findings"].as_array().unwrap().iter();
    let real = findings.filter(|it| it["severity"] != "info");
    real.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

fn finding(ran: &Ran, id: &str) -> Value {
    let report = ran.json();
    let found = report["findings"].as_array().unwrap().iter().find(|it| it["id"] == id).cloned();
    found.unwrap_or_else(|| panic!("no `{id}` in {report:#}"))
}

/// All files below `dir` with their texts.
fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()) {
        if entry.is_dir() {
            found.extend(tree(&entry));
        } else {
            found.push((entry.clone(), fs::read(&entry).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn where_nothing_is_wrong_it_says_so_and_exits_with_0() {
    let home = healthy();

    let text = doctor(&home, &[]).answer();
    let report = doctor(&home, &["--json"]);

    assert!(text.ends_with("nothing is wrong\n"), "{text}");
    assert_eq!((report.json()["ok"].clone(), report.code), (json!(true), Some(0)));
    let checks = report.json()["checks"].as_array().unwrap().clone();
    let ids: Vec<&str> = checks.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "config",
            "owner",
            "writable",
            "disk",
            "clock",
            "gateway",
            "token",
            "origins",
            "exposure",
            "secrets",
            "keys",
            "engine",
            "images",
            "sandboxes",
            "walls",
            "sessions",
            "workspace",
            "others"
        ]
    );
}

#[test]
fn with_a_running_gateway_nothing_is_wrong_either() {
    let home = quiet(TempHome::with_model("http://127.0.0.1:9/v1").unwrap());
    let _gateway = start(&home);
    protect(&home);

    let ran = doctor(&home, &["--json"]);

    assert_eq!(problems(&ran), Vec::<String>::new(), "{ran:?}");
    let gateway = ran.json()["checks"].as_array().unwrap()[5].clone();
    assert_eq!(gateway["status"], "ok");
}

#[test]
fn looking_changes_nothing_and_each_finding_says_what_why_and_how() {
    let home = healthy();
    home.merge_config(&json!({ "telegram": { "enabled": false }, "gateway": { "prot": 1 } }))
        .unwrap();
    mode(&home.state_dir(), 0o755);
    fs::write(home.state_dir().join(".env"), "A=1\n").unwrap();
    let before = tree(home.path());

    let ran = doctor(&home, &["--json"]);
    let text = doctor(&home, &[]);

    assert_eq!(tree(home.path()), before);
    assert_eq!(ran.code, Some(1));
    for found in ran.json()["findings"].as_array().unwrap() {
        for key in ["title", "why"] {
            assert!(found[key].as_str().is_some_and(|it| !it.is_empty()), "{found}");
        }
    }
    let legacy = finding(&ran, "config.legacy-key");
    assert!(legacy["title"].as_str().unwrap().starts_with("telegram: legacy key"), "{legacy}");
    assert_eq!(finding(&ran, "config.unknown-key")["severity"], "error");
    assert_eq!(finding(&ran, "secrets.readable")["repairable"], true);
    assert!(text.stdout.contains("fix openclaw doctor --fix"), "{}", text.stdout);
    assert!(text.stderr.contains("hint: openclaw doctor --fix"), "{}", text.stderr);
}

#[test]
fn fix_mends_what_is_safe_and_says_what_it_did() {
    let home = healthy();
    home.merge_config(&json!({ "telegram": { "enabled": false }, "gateway": { "prot": 1 } }))
        .unwrap();
    let dotenv = home.state_dir().join(".env");
    fs::write(&dotenv, "A=1\n").unwrap();
    mode(&dotenv, 0o644);
    mode(&home.state_dir(), 0o755);
    mode(&home.config_path(), 0o644);

    let ran = doctor(&home, &["--fix", "--non-interactive", "--json"]);
    let again = doctor(&home, &["--json"]);

    assert_eq!((ran.code, problems(&ran)), (Some(0), vec![]), "{}", ran.stdout);
    assert_eq!(again.code, Some(0), "{}", again.stdout);
    let report = ran.json();
    let repairs = report["repairs"].as_array().unwrap();
    assert!(repairs.iter().all(|it| it["ok"] == true), "{report:#}");
    let ids: Vec<&str> = repairs.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"config.unknown-key") && ids.contains(&"secrets.readable"), "{ids:?}");
    let config = home.config().unwrap();
    assert_eq!(config["channels"]["telegram"]["enabled"], false);
    assert!(config.get("telegram").is_none() && config["gateway"].get("prot").is_none());
    assert!(home.state_dir().join("openclaw.json.bak").exists());
    assert_eq!(
        [&home.state_dir(), &home.config_path(), &dotenv].map(|it| mode_of(it)),
        [0o700, 0o600, 0o600]
    );
}

#[test]
fn a_config_that_cannot_be_read_is_replaced_by_the_last_one_after_a_yes() {
    let home = healthy();
    run_with(&home, &["config", "set", "gateway.port", "28999"], &[]).answer();
    let before = fs::read_to_string(home.config_path()).unwrap();
    run_with(&home, &["config", "set", "gateway.port", "28998"], &[]).answer();
    home.write_config("{ gateway: { mode: \"local\",").unwrap();

    let (_, said) = run_with(&home, &["sessions"], &[]).failure();
    let careful = doctor(&home, &["--fix", "--json"]);
    let fixed = doctor(&home, &["--fix", "--yes", "--json"]);
    let again = doctor(&home, &["--json"]);

    let hint = "hint: correct the file, or bring the last one back: openclaw doctor --fix\n";
    assert!(said.ends_with(hint), "{said}");
    assert_eq!(problems(&careful), ["config.invalid"]);
    assert_eq!((problems(&fixed), problems(&again)), (vec![], vec![]), "{}", fixed.stdout);
    assert_eq!(fs::read_to_string(home.config_path()).unwrap(), before);
}

#[test]
fn a_lock_that_a_dead_process_left_is_found_and_broken() {
    let home = healthy();
    let dir = home.state_dir().join("agents/main/sessions");
    fs::create_dir_all(&dir).unwrap();
    let lock = dir.join("a.jsonl.lock");
    fs::write(&lock, r#"{"pid":999999999}"#).unwrap();

    let before = doctor(&home, &["--json"]);
    let fixed = doctor(&home, &["--repair", "--json"]);

    assert_eq!(problems(&before), ["sessions.left-lock"]);
    assert_eq!((fixed.code, lock.exists()), (Some(0), false));
}

#[test]
fn a_port_that_another_program_holds_is_told_with_its_name() {
    let home = healthy();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    home.merge_config(&json!({ "gateway": { "port": port } })).unwrap();

    let ran = doctor(&home, &["--json"]);
    let careful = doctor(&home, &["--fix", "--non-interactive", "--json"]);
    let fixed = doctor(&home, &["--fix", "--yes", "--json"]);
    let again = doctor(&home, &["--json"]);

    assert_eq!(ran.code, Some(1));
    let title = finding(&ran, "gateway.port-taken")["title"].as_str().unwrap().to_owned();
    let expected = format!("port {port} is held by pid {}: ", std::process::id());
    assert!(title.starts_with(&expected), "{title}");
    assert_eq!(problems(&careful), ["gateway.port-taken"]);
    assert_eq!((problems(&fixed), problems(&again)), (vec![], vec![]));
    let chosen = home.config().unwrap()["gateway"]["port"].as_u64().unwrap();
    assert!(chosen > u64::from(port), "{chosen}");
}

#[test]
fn a_port_that_the_environment_names_is_not_changed_in_the_config() {
    let home = healthy();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let before = home.config().unwrap();

    let vars = [NO_ENGINE, ("OPENCLAW_GATEWAY_PORT", port.as_str())];
    let ran = run_with(&home, &["doctor", "--fix", "--yes", "--json"], &vars);

    let fix = finding(&ran, "gateway.port-taken")["fix"].as_str().unwrap().to_owned();
    assert!(fix.contains("OPENCLAW_GATEWAY_PORT"), "{fix}");
    assert_eq!(home.config().unwrap()["gateway"]["port"], before["gateway"]["port"]);
}

#[test]
fn two_tokens_are_told_apart_without_showing_either() {
    let home = healthy();
    let secrets = ["config-secret-config-secret-1", "variable-secret-variable-2"];
    home.merge_config(&json!({ "gateway": { "auth": { "token": secrets[0] } } })).unwrap();
    let dotenv = home.state_dir().join(".env");
    fs::write(&dotenv, format!("OPENCLAW_GATEWAY_TOKEN={}\n", secrets[1])).unwrap();
    mode(&dotenv, 0o600);
    let gateway = start(&home);
    protect(&home);

    let ran = doctor(&home, &["--json"]);
    let text = doctor(&home, &[]);
    let fixed = doctor(&home, &["--fix", "--yes", "--json"]);

    assert_eq!(problems(&ran), ["token.differs", "token.refused"]);
    let title = finding(&ran, "token.differs")["title"].as_str().unwrap().to_owned();
    assert!(title.contains("~/.openclaw/.env"), "{title}");
    let why = finding(&ran, "token.refused")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("takes the token of the config"), "{why}");
    for secret in secrets {
        for said in [&ran.stdout, &ran.stderr, &text.stdout, &text.stderr, &fixed.stdout] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    assert_eq!(home.config().unwrap()["gateway"]["auth"]["token"], "${OPENCLAW_GATEWAY_TOKEN}");
    drop(gateway);
    let _restarted = start(&home);
    protect(&home);
    assert_eq!(problems(&doctor(&home, &["--json"])), Vec::<String>::new());
}

#[test]
fn a_missing_token_is_made_when_asked_for() {
    let home = healthy();
    home.merge_config(&json!({ "gateway": { "auth": { "token": "" } } })).unwrap();

    let before = doctor(&home, &["--fix", "--non-interactive", "--json"]);
    let after = doctor(&home, &["--generate-gateway-token", "--json"]);

    assert!(problems(&before).contains(&"token.missing".to_owned()), "{}", before.stdout);
    assert_eq!(after.code, Some(0), "{}", after.stdout);
    let token = home.config().unwrap()["gateway"]["auth"]["token"].clone();
    assert_eq!(token.as_str().map(str::len), Some(48));
    assert!(!after.stdout.contains(token.as_str().unwrap()));
}

#[test]
fn an_engine_that_does_not_answer_is_told_with_who_named_it() {
    let home = healthy();
    home.merge_config(&json!({ "agents": { "defaults": { "sandbox": { "mode": "all" } } } }))
        .unwrap();

    let ran = doctor(&home, &["--json"]);

    assert_eq!((ran.code, problems(&ran)), (Some(1), vec!["engine.unreachable".to_owned()]));
    let fix = finding(&ran, "engine.unreachable")["fix"].as_str().unwrap().to_owned();
    assert!(fix.contains("DOCKER_HOST") && fix.contains("/nowhere/docker.sock"), "{fix}");
}

#[test]
fn what_opens_the_house_to_strangers_is_told() {
    let home = healthy();
    home.merge_config(&json!({
        "gateway": {
            "bind": "lan",
            "auth": { "mode": "none" },
            "controlUi": { "allowedOrigins": ["*", "https://a.example/chat"] },
        },
        "channels": { "telegram": { "enabled": true, "dmPolicy": "open", "allowFrom": ["*"] } },
    }))
    .unwrap();

    let ran = doctor(&home, &["--json"]);

    assert_eq!(
        problems(&ran),
        ["origins.any", "origins.malformed", "exposure.no-auth", "exposure.open-without-sandbox"]
    );
    assert_eq!(finding(&ran, "exposure.no-auth")["severity"], "error");
}

#[test]
fn bind_loopback_in_a_container_is_told() {
    let home = healthy();

    let vars = [NO_ENGINE, ("OPENCLAW_IN_CONTAINER", "1")];
    let ran = run_with(&home, &["doctor", "--json"], &vars);

    assert_eq!(problems(&ran), ["gateway.loopback-in-container"]);
    let start = finding(&ran, "gateway.not-running")["fix"].clone();
    assert_eq!(start, "docker compose up -d openclaw-gateway");
}

#[test]
fn keys_that_are_missing_or_expired_are_told() {
    let home = healthy();
    home.merge_config(&json!({ "agents": { "defaults": {
        "model": { "primary": "anthropic/claude-sonnet-4-5" },
        "models": { "anthropic/claude-sonnet-4-5": {} },
    } } }))
    .unwrap();
    let missing = doctor(&home, &["--json"]);
    let agent_dir = home.state_dir().join("agents/main/agent");
    fs::create_dir_all(&agent_dir).unwrap();
    let file = agent_dir.join("auth-profiles.json");
    let profile = json!({ "type": "token", "provider": "anthropic", "token": "t", "expires": 1 });
    fs::write(&file, json!({ "version": 1, "profiles": { "anthropic:old": profile } }).to_string())
        .unwrap();
    mode(&file, 0o600);

    let expired = doctor(&home, &["--json"]);

    assert_eq!(problems(&missing), ["keys.missing"]);
    assert!(problems(&expired).contains(&"keys.expired".to_owned()), "{}", expired.stdout);
}

#[test]
fn a_directory_that_cannot_be_written_is_told_with_owner_and_command() {
    let home = healthy();
    let workspace = home.path().join("work");
    fs::create_dir(&workspace).unwrap();
    symlink("/proc/sys/kernel", workspace.join("inner")).unwrap();
    // Not even root makes files there.
    let read_only = workspace.join("inner");
    home.merge_config(&json!({ "agents": { "defaults": { "workspace": read_only } } })).unwrap();

    let ran = doctor(&home, &["--json"]);

    assert_eq!(ran.code, Some(1));
    let found = finding(&ran, "writable.refused");
    assert_eq!(found["why"], "a workspace cannot be stored there");
}

#[test]
fn files_from_the_future_tell_of_a_clock_that_was_set_back() {
    let home = healthy();
    let file = fs::File::options().write(true).open(home.config_path()).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_hours(2);
    file.set_modified(later).unwrap();

    let ran = doctor(&home, &["--json"]);

    assert_eq!(problems(&ran), ["clock.set-back"]);
}

/// A model's server whose clock is off by `seconds`. It answers as long as the test runs.
fn clock_server(seconds: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 1024];
            let seen = stream.read(&mut request).unwrap_or(0);
            let has_key = String::from_utf8_lossy(&request[..seen]).contains("test-key");
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
            let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT");
            let date = if has_key { String::new() } else { format!("Date: {date}\r\n") };
            let reply = format!(
                "HTTP/1.1 404 Not Found\r\n{date}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(reply.as_bytes()).ok();
        }
    });
    format!("http://{address}/v1")
}

#[test]
fn a_clock_that_is_wrong_is_told_by_the_server_of_the_model_who_gets_no_key() {
    let home = healthy();
    let with_server = |seconds| {
        let providers = json!({ "mock": { "baseUrl": clock_server(seconds) } });
        home.merge_config(&json!({ "models": { "providers": providers } })).unwrap();
        protect(&home);
        doctor(&home, &["--json"])
    };

    let behind = with_server(3600);
    let right = with_server(5);

    assert_eq!(problems(&behind), ["clock.skew"]);
    let found = finding(&behind, "clock.skew");
    let title = found["title"].as_str().unwrap();
    let seconds: i64 = title.split_whitespace().rev().nth(2).unwrap().parse().unwrap();
    assert!(title.starts_with("the clock of 127.0.0.1 and ours are "), "{title}");
    assert!((3590..=3610).contains(&seconds), "{title}");
    assert_eq!(found["fix"], "timedatectl set-ntp true");
    assert_eq!(problems(&right), Vec::<String>::new());
    assert!(!right.stdout.contains("clock."), "{}", right.stdout);
}

#[test]
fn a_clock_that_nobody_can_be_asked_about_is_no_failure() {
    let home = healthy();

    let ran = doctor(&home, &["--json"]);

    assert_eq!(
        (ran.code, finding(&ran, "clock.unknown")["severity"].clone()),
        (Some(0), json!("info"))
    );
}

#[test]
fn the_deep_look_tells_of_other_gateways() {
    let home = healthy();
    let other = quiet(TempHome::minimal().unwrap());
    let gateway = start(&other);
    let units = home.path().join(".config/systemd/user");
    fs::create_dir_all(&units).unwrap();
    fs::write(units.join("openclaw-gateway.service"), "").unwrap();

    let shallow = doctor(&home, &["--json"]);
    let deep = doctor(&home, &["--deep", "--json"]);

    assert!(!shallow.stdout.contains("others.gateway"), "{}", shallow.stdout);
    let findings = deep.json()["findings"].as_array().unwrap().clone();
    let titles: Vec<&str> = findings.iter().map(|it| it["title"].as_str().unwrap()).collect();
    let expected = format!("another gateway runs as pid {}: ", gateway.pid());
    assert!(titles.iter().any(|it| it.starts_with(&expected)), "{titles:?}");
    let unit = "there is a service at ~/.config/systemd/user/openclaw-gateway.service";
    assert!(titles.contains(&unit), "{titles:?}");
    assert_eq!(deep.code, Some(0));
}

#[test]
fn a_sandboxed_browser_that_is_not_there_is_told() {
    let home = healthy();
    let sandbox = json!({ "browser": { "enabled": true } });
    home.merge_config(&json!({ "agents": { "defaults": { "sandbox": sandbox } } })).unwrap();

    let ran = doctor(&home, &["--json"]);

    assert_eq!(problems(&ran), ["config.sandbox-browser"]);
    assert_eq!(
        finding(&ran, "config.sandbox-browser")["why"],
        "agents that ask for it have none: main"
    );
}

#[test]
fn the_report_is_the_same_text_for_the_same_findings() {
    let home = healthy();
    home.merge_config(&json!({ "gateway": { "port": 1 } })).unwrap();

    let text = doctor(&home, &[]).answer();

    insta::with_settings!({filters => vec![(r"OpenClaw \S+ doctor", "OpenClaw [version] doctor")]}, {
        insta::assert_snapshot!(text, @r"
        OpenClaw [version] doctor
        ✓ Config
        ✓ Owner and modes
        ✓ Writable
        ✓ Disk space
        i Clock
            i the time could not be compared with that of a server (mock: Connection refused (os error 111))
              why nothing is wrong with that; only a wrong clock would not be seen
        i Gateway
            i no gateway runs at ws://127.0.0.1:1
              why nothing is wrong; it is not started
              fix openclaw gateway run
        ✓ Token
        ✓ Browser pages
        i Exposure
            i the gateway token has fewer than 24 characters
              why only this machine can try to guess it
              fix openclaw config set gateway.auth.token <long random text>
        ✓ Secrets
        ✓ Model keys
        - Container engine: no agent uses a sandbox
        - Sandbox images: no agent uses a sandbox
        - Sandboxes: no agent uses a sandbox
        - Sandbox walls: no agent uses a sandbox
        ✓ Conversations
        i Workspaces
            i agent main has no workspace yet (~/.openclaw/workspace)
              why it is made with its first turn
              fix openclaw setup
        - Other gateways: only with --deep
        nothing is wrong
        ");
    });
}
