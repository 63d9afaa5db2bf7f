//! `onboard --non-interactive` and `setup`: what they leave behind, and what they refuse.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};
use testkit::{
    home::TempHome,
    llm::{Llm, fails, says},
};

use crate::program::{Ran, quiet, run, run_with, start};

const BASE: [&str; 4] = ["onboard", "--non-interactive", "--accept-risk", "--skip-health"];
const STARTERS: [&str; 7] =
    ["AGENTS.md", "BOOTSTRAP.md", "HEARTBEAT.md", "IDENTITY.md", "SOUL.md", "TOOLS.md", "USER.md"];

fn onboard(home: &TempHome, args: &[&str], vars: &[(&str, &str)]) -> Ran {
    let args: Vec<&str> = BASE.iter().chain(args).copied().collect();
    let mut all = vec![("OPENCLAW_IN_CONTAINER", "0")];
    all.extend(vars);
    run_with(home, &args, &all)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn dotenv(home: &TempHome) -> String {
    fs::read_to_string(home.state_dir().join(".env")).unwrap()
}

fn profiles(home: &TempHome) -> Value {
    let path = home.state_dir().join("agents/main/agent/auth-profiles.json");
    assert_eq!(mode(&path), 0o600);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A home in which OpenAI is at `url`.
fn home_with_openai_at(url: &str) -> TempHome {
    let home = TempHome::new().unwrap();
    let provider = json!({"baseUrl": url, "models": []});
    home.merge_config(&json!({"models": {"providers": {"openai": provider}}})).unwrap();
    home
}

#[test]
fn an_empty_home_gets_a_config_a_key_a_workspace_and_the_way_on() {
    let home = TempHome::new().unwrap();

    let ran = onboard(&home, &["--flow", "quickstart", "--openai-api-key", "sk-test"], &[]);

    let stdout = "Key stored: ~/.openclaw/.env\n\
                  Wrote ~/.openclaw/openclaw.json\n\
                  Workspace OK: ~/.openclaw/workspace\n\
                  Sessions OK: ~/.openclaw/agents/main/sessions\n";
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), stdout), "{}", ran.stderr);
    assert_eq!(ran.stderr, "hint: openclaw gateway run\n");
    let config = home.config().unwrap();
    let workspace = home.state_dir().join("workspace");
    let gateway = &config["gateway"];
    assert_eq!((&gateway["mode"], &gateway["port"]), (&json!("local"), &json!(18789)));
    assert_eq!((&gateway["bind"], &gateway["auth"]["mode"]), (&json!("loopback"), &json!("token")));
    assert_eq!(gateway["auth"]["token"].as_str().unwrap().len(), 48);
    assert_eq!(gateway["tailscale"], json!({"mode": "off", "resetOnExit": false}));
    let expected = json!({
        "workspace": workspace,
        "models": {"openai/gpt-5.2": {"alias": "gpt"}},
        "model": {"primary": "openai/gpt-5.2"},
    });
    assert_eq!(config["agents"]["defaults"], expected);
    assert_eq!(config.get("auth"), None);
    assert_eq!(config["wizard"]["lastRunCommand"], json!("onboard"));
    assert_eq!(config["wizard"]["lastRunMode"], json!("local"));
    assert_eq!(config["wizard"]["lastRunVersion"], json!(env!("CARGO_PKG_VERSION")));
    assert!(config["wizard"]["lastRunAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(dotenv(&home), "OPENAI_API_KEY=sk-test\n");
    assert_eq!(mode(&home.state_dir().join(".env")), 0o600);
    assert_eq!((mode(&home.config_path()), mode(&workspace)), (0o600, 0o700));
    for name in STARTERS {
        assert!(workspace.join(name).is_file(), "{name}");
    }
    assert!(home.state_dir().join("agents/main/sessions").is_dir());
}

#[test]
fn json_is_one_document_and_all_talk_is_elsewhere() {
    let home = TempHome::new().unwrap();

    let ran = onboard(
        &home,
        &["--json", "--skip-skills", "--auth-choice", "skip", "--daemon-runtime", "node"],
        &[],
    );

    let expected = json!({
        "mode": "local",
        "workspace": "[home]/.openclaw/workspace",
        "authChoice": "skip",
        "gateway": {
            "port": 18789, "bind": "loopback", "authMode": "token", "tailscaleMode": "off",
        },
        "installDaemon": false,
        "daemonRuntime": "node",
        "skipSkills": true,
        "skipHealth": true,
    });
    assert_eq!(ran.json(), expected);
    assert!(ran.stderr.starts_with("Wrote ~/.openclaw/openclaw.json\nWorkspace OK: "));
}

#[test]
fn a_gateway_elsewhere_is_an_address_and_a_token() {
    let home = TempHome::new().unwrap();
    let flags = ["--mode", "remote", "--remote-url", "wss://far", "--remote-token", "t", "--json"];

    let ran = onboard(&home, &flags, &[]);
    let (code, stderr) = onboard(&home, &["--mode", "remote"], &[]).failure();

    let expected = json!({"mode": "remote", "remoteUrl": "wss://far", "auth": "token"});
    assert_eq!(ran.json(), expected);
    let gateway = home.config().unwrap()["gateway"].clone();
    assert_eq!(gateway, json!({"mode": "remote", "remote": {"url": "wss://far", "token": "t"}}));
    assert!(!home.state_dir().join("workspace").exists());
    let expected = "error: remote mode needs the address of the gateway\n\
                    hint: --remote-url wss://gateway.example.org\n";
    assert_eq!((code, stderr.as_str()), (Some(1), expected));
}

#[test]
fn a_reset_moves_the_old_setup_away_and_deletes_nothing() {
    let home = TempHome::new().unwrap();
    home.write_config(r#"{"gateway": {"mode": "remote", "remote": {"url": "wss://old"}}}"#)
        .unwrap();
    let workspace = home.state_dir().join("workspace");
    fs::create_dir(&workspace).unwrap();
    fs::write(workspace.join("USER.md"), "mine").unwrap();

    onboard(&home, &["--reset", "--auth-choice", "skip"], &[]).answer();

    let config = home.config().unwrap();
    assert_eq!(config["gateway"]["mode"], json!("local"));
    assert_eq!(config["gateway"].get("remote"), None);
    assert_ne!(fs::read_to_string(workspace.join("USER.md")).unwrap(), "mine");
    let trash = home.state_dir().join("trash");
    let kept = fs::read_dir(trash).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_to_string(kept.join("workspace/USER.md")).unwrap(), "mine");
    assert!(kept.join("openclaw.json").exists());
}

#[test]
fn a_second_run_keeps_what_people_wrote_and_the_token() {
    let home = TempHome::new().unwrap();
    home.write_config(
        "{\n  // my house\n  logging: { level: 'info' },\n  gateway: { port: 4711, auth: { token: 'mine' } },\n}\n",
    )
    .unwrap();
    let workspace = home.state_dir().join("workspace");
    fs::create_dir(&workspace).unwrap();
    fs::write(workspace.join("SOUL.md"), "my soul").unwrap();

    onboard(&home, &["--auth-choice", "skip"], &[]).answer();
    let text = fs::read_to_string(home.config_path()).unwrap();
    let token = run(&home, &["config", "get", "gateway.auth.token"]).answer();
    let port = run(&home, &["config", "get", "gateway.port"]).answer();

    assert!(text.contains("// my house") && text.contains("level: 'info'"), "{text}");
    assert_eq!((token.as_str(), port.as_str()), ("mine\n", "4711\n"));
    assert_eq!(fs::read_to_string(workspace.join("SOUL.md")).unwrap(), "my soul");
    // People who have a workspace have met their assistant before.
    assert!(!workspace.join("BOOTSTRAP.md").exists());
}

#[test]
fn nothing_is_written_when_flags_make_no_sense() {
    let cases: [(&[&str], &str); 8] = [
        (
            &["--openai-api-key", "a", "--gemini-api-key", "b"],
            "several API keys are given: openai-api-key, gemini-api-key",
        ),
        (&["--auth-choice", "openai-api-key"], "`--auth-choice openai-api-key` needs a key"),
        (
            &["--auth-choice", "github-copilot"],
            "`github-copilot` needs a login that this build does not have",
        ),
        (&["--auth-choice", "nonsense"], "unknown auth choice `nonsense`"),
        (&["--auth-choice", "ollama"], "`--auth-choice ollama` needs the name of a model"),
        (&["--gateway-auth", "password"], "password authentication needs a password"),
        (&["--gateway-bind", "custom"], "`--gateway-bind custom` needs an address"),
        (
            &["--gateway-token-ref-env", "MY_TOKEN"],
            "the variable `MY_TOKEN` of --gateway-token-ref-env is not set",
        ),
    ];

    for (flags, expected) in cases {
        let home = TempHome::new().unwrap();
        let (code, stderr) = onboard(&home, flags, &[]).failure();

        let first = stderr.lines().next().unwrap().to_owned();
        assert_eq!((code, first), (Some(1), format!("error: {expected}")));
        assert!(stderr.contains("\nhint: "), "{stderr}");
        assert!(!home.config_path().exists(), "{flags:?}");
    }
}

#[test]
fn without_questions_the_risk_must_be_accepted_and_without_a_terminal_nothing_is_asked() {
    let home = TempHome::new().unwrap();

    let (_, no_risk) = run(&home, &["onboard", "--non-interactive"]).failure();
    let (_, no_terminal) = run(&home, &["onboard"]).failure();
    let (_, no_configure) = run(&home, &["configure"]).failure();
    let (_, no_section) = run(&home, &["configure", "--section", "kitchen"]).failure();

    assert!(no_risk.contains("hint: openclaw onboard --non-interactive --accept-risk"));
    assert!(
        no_terminal.starts_with("error: `openclaw onboard` asks questions and needs a terminal")
    );
    assert!(no_terminal.contains("--non-interactive --accept-risk"), "{no_terminal}");
    assert!(no_configure.contains("openclaw config set <path> <value>"), "{no_configure}");
    let expected = "error: unknown section `kitchen`\n\
        hint: use one of: workspace, model, web, gateway, daemon, channels, skills, health\n";
    assert_eq!(no_section, expected);
    assert!(!home.config_path().exists());
}

#[test]
fn the_token_can_stay_in_a_variable_or_come_from_the_container() {
    let token = [("OPENCLAW_GATEWAY_TOKEN", "from-env")];
    let (by_name, by_place) = (TempHome::new().unwrap(), TempHome::new().unwrap());
    let flags = ["--auth-choice", "skip", "--gateway-token-ref-env", "OPENCLAW_GATEWAY_TOKEN"];
    let in_container = [token[0], ("OPENCLAW_IN_CONTAINER", "1")];

    let ran = onboard(&by_name, &flags, &token);
    onboard(&by_place, &["--auth-choice", "skip", "--install-daemon"], &in_container).answer();

    let written = |home: &TempHome| home.config().unwrap()["gateway"]["auth"]["token"].clone();
    assert_eq!(written(&by_name), json!("${OPENCLAW_GATEWAY_TOKEN}"));
    assert_eq!(written(&by_place), json!("from-env"));
    assert!(!(ran.stdout + &ran.stderr).contains("from-env"));
}

#[test]
fn a_service_is_refused_politely_in_a_container() {
    let home = TempHome::new().unwrap();
    let flags = ["--auth-choice", "skip", "--install-daemon"];

    let ran = onboard(&home, &flags, &[("OPENCLAW_IN_CONTAINER", "1")]);

    let expected = "warning: no service is installed: a container has no service manager; \
                    the container itself is the service\n";
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

#[test]
fn a_key_that_passes_its_check_is_stored() {
    let llm = Llm::script([says("ready")]);
    let home = home_with_openai_at(&format!("{}/v1", llm.base_url()));

    onboard(&home, &["--openai-api-key", "sk-good", "--check-key"], &[]).answer();

    assert_eq!(llm.request(0).headers["authorization"], "Bearer sk-good");
    assert_eq!(dotenv(&home), "OPENAI_API_KEY=sk-good\n");
}

#[test]
fn each_key_is_kept_where_the_reference_keeps_it() {
    for (choice, provider) in [
        ("anthropic-api-key", "anthropic"),
        ("gemini-api-key", "google"),
        ("openrouter-api-key", "openrouter"),
        ("zai-api-key", "zai"),
        ("moonshot-api-key", "moonshot"),
        ("kimi-code-api-key", "kimi-coding"),
        ("xiaomi-api-key", "xiaomi"),
        ("opencode-zen-api-key", "opencode"),
        ("ai-gateway-api-key", "vercel-ai-gateway"),
    ] {
        let home = TempHome::new().unwrap();

        onboard(&home, &[&format!("--{choice}"), "sk-1"], &[]).answer();

        let id = format!("{provider}:default");
        let expected = json!({"type": "api_key", "provider": provider, "key": "sk-1"});
        assert_eq!(profiles(&home)["profiles"][&id], expected, "{choice}");
        let metadata = json!({(id): {"provider": provider, "mode": "api_key"}});
        assert_eq!(home.config().unwrap()["auth"]["profiles"], metadata, "{choice}");
        assert!(!home.state_dir().join(".env").exists(), "{choice}");
    }
}

#[test]
fn a_running_gateway_takes_up_a_new_key_of_the_env_file() {
    let llm = Llm::script([says("One."), says("Two.")]);
    let home = quiet(TempHome::minimal().unwrap());
    let write = |key: &str| {
        let line = format!("OPENAI_API_KEY={key}\n");
        fs::write(home.state_dir().join(".env"), line).unwrap();
    };
    write("sk-early");
    let provider = json!({"baseUrl": format!("{}/v1", llm.base_url()), "models": []});
    home.merge_config(&json!({
        "models": {"providers": {"openai": provider}},
        "agents": {"defaults": {"model": {"primary": "openai/gpt-5.2"}}},
    }))
    .unwrap();
    let _gateway = start(&home);
    let say = ["agent", "--agent", "main", "-m", "Hi"];

    run_with(&home, &say, &[]).answer();
    write("sk-late");
    run_with(&home, &say, &[]).answer();

    let keys = [0, 1].map(|n| llm.request(n).headers["authorization"].clone());
    assert_eq!(keys, ["Bearer sk-early", "Bearer sk-late"]);
}

#[test]
fn an_openai_key_of_an_earlier_version_does_not_outlive_its_successor() {
    let home = TempHome::new().unwrap();
    let dir = home.state_dir().join("agents/main/agent");
    fs::create_dir_all(&dir).unwrap();
    let old = json!({"type": "api_key", "provider": "openai", "key": "sk-old"});
    let file = json!({"version": 1, "profiles": {"openai:default": old, "xai:default": {}}});
    fs::write(dir.join("auth-profiles.json"), file.to_string()).unwrap();
    fs::write(home.state_dir().join(".env"), "# mine\nA=1\n").unwrap();

    onboard(&home, &["--openai-api-key", "sk-new"], &[]).answer();

    assert_eq!(profiles(&home)["profiles"], json!({"xai:default": {}}));
    assert_eq!(dotenv(&home), "# mine\nA=1\nOPENAI_API_KEY=sk-new\n");
}

#[test]
fn a_key_that_fails_its_check_is_told_with_advice_and_changes_nothing() {
    let llm = Llm::script([fails(401, None)]);
    let home = home_with_openai_at(&format!("{}/v1", llm.base_url()));
    let before = fs::read_to_string(home.config_path()).unwrap();
    // A good key that is there already must not stand in for the bad one.
    let vars = [("OPENAI_API_KEY", "sk-other")];

    let (code, stderr) =
        onboard(&home, &["--openai-api-key", "sk-bad", "--check-key"], &vars).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: the key did not pass its check\ncaused by: "), "{stderr}");
    assert!(stderr.contains("The provider does not accept this key."), "{stderr}");
    assert!(stderr.contains("Nothing was written."), "{stderr}");
    assert_eq!(fs::read_to_string(home.config_path()).unwrap(), before);
    assert_eq!(llm.request(0).headers["authorization"], "Bearer sk-bad");
    assert!(!home.state_dir().join("agents").exists());
}

#[test]
fn a_server_of_ones_own_serves_turns_after_the_setup() {
    let llm = Llm::script([says("ready"), says("Hello from home.")]);
    let home = quiet(TempHome::new().unwrap());
    let url = format!("{}/v1", llm.base_url());
    let flags = [
        "--custom-base-url",
        &url,
        "--custom-model-id",
        "home-1",
        "--custom-api-key",
        "k",
        "--check-key",
    ];

    onboard(&home, &flags, &[]).answer();
    let reply = run(&home, &["agent", "--local", "--agent", "main", "-m", "hi"]).answer();

    assert!(reply.contains("Hello from home."), "{reply}");
}

#[test]
fn a_running_gateway_is_asked_how_it_is() {
    let home = quiet(TempHome::minimal().unwrap());
    let gateway = start(&home);
    let port = gateway.port().to_string();
    let args = ["onboard", "--non-interactive", "--accept-risk", "--auth-choice", "skip"];

    let args: Vec<&str> = args.iter().copied().chain(["--gateway-port", &port]).collect();
    let ran = run(&home, &args);

    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn setup_makes_files_sets_no_mode_and_touches_nothing_the_second_time() {
    let home = TempHome::new().unwrap();

    let first = run(&home, &["setup"]).answer();
    let text = fs::read_to_string(home.config_path()).unwrap();
    let second = run(&home, &["setup"]).answer();
    let moved = run(&home, &["setup", "--workspace", "~/other"]).answer();

    let rest =
        "Workspace OK: ~/.openclaw/workspace\nSessions OK: ~/.openclaw/agents/main/sessions\n";
    assert_eq!(first, format!("Wrote ~/.openclaw/openclaw.json\n{rest}"));
    assert_eq!(second, format!("Config OK: ~/.openclaw/openclaw.json\n{rest}"));
    assert!(moved.starts_with("Updated ~/.openclaw/openclaw.json\nWorkspace OK: ~/other\n"));
    let config: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((config.get("gateway"), config.get("wizard")), (None, None));
    assert!(home.path().join("other/AGENTS.md").exists());
}

#[test]
fn setup_with_a_flag_of_the_wizard_is_onboarding() {
    let home = TempHome::new().unwrap();
    let flags = [
        "setup",
        "--non-interactive",
        "--accept-risk",
        "--mode",
        "remote",
        "--remote-url",
        "ws://far",
    ];

    run(&home, &flags).answer();
    let (_, stderr) = run(&home, &["setup", "--wizard"]).failure();

    assert_eq!(home.config().unwrap()["gateway"]["mode"], json!("remote"));
    assert!(stderr.contains("needs a terminal"), "{stderr}");
}
