//! `reset` and `uninstall`: what goes, what stays, and who is asked.

use std::{fs, path::Path};

use serde_json::json;
use testkit::home::TempHome;

use crate::program::{Ran, quiet, run, run_with, start};

/// A home with something of everything in it.
fn full() -> TempHome {
    let home = quiet(TempHome::minimal().unwrap());
    for file in [
        "openclaw.json.bak",
        ".env",
        "credentials/telegram-allowFrom.json",
        "agents/main/agent/auth-profiles.json",
        "agents/main/agent/models.json",
        "agents/main/sessions/sessions.json",
        "agents/main/sessions/a.jsonl",
        "workspace/AGENTS.md",
    ] {
        let path = home.state_dir().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }
    home
}

fn has(home: &TempHome, files: &[&str]) -> Vec<bool> {
    files.iter().map(|file| home.state_dir().join(file).exists()).collect()
}

fn count(dir: &Path) -> usize {
    fs::read_dir(dir).unwrap().count()
}

fn ask(home: &TempHome, args: &[&str]) -> Ran {
    run_with(home, args, &[("DOCKER_HOST", "unix:///nowhere/docker.sock")])
}

#[test]
fn a_dry_run_tells_and_removes_nothing() {
    let home = full();

    let config = ask(&home, &["reset", "--scope", "config", "--dry-run"]).answer();
    let all = ask(&home, &["uninstall", "--all", "--dry-run"]).answer();

    assert_eq!(config, "[dry-run] remove ~/.openclaw/openclaw.json (config)\n");
    assert_eq!(
        all,
        "[dry-run] no service of the gateway is installed by this build; a node has its own: \
         openclaw node uninstall\n\
         [dry-run] remove ~/.openclaw (all state)\n"
    );
    assert_eq!(has(&home, &["openclaw.json", "workspace/AGENTS.md", ".env"]), [true; 3]);
}

#[test]
fn nobody_is_asked_where_nobody_is_and_nothing_goes() {
    let home = full();
    let cases: [(&[&str], &str); 4] = [
        (&["reset"], "error: say what is to go: --scope <scope>\n"),
        (&["reset", "--scope", "full"], "error: nobody is there to be asked; pass --yes\n"),
        (&["uninstall"], "error: say what is to go: --state, "),
        (&["uninstall", "--state", "--non-interactive"], "error: nobody is there to be asked"),
    ];

    for (args, expected) in cases {
        let (code, stderr) = ask(&home, args).failure();
        assert_eq!(code, Some(1));
        assert!(stderr.starts_with(expected), "{stderr}");
    }
    assert_eq!(has(&home, &["openclaw.json", "workspace/AGENTS.md", ".env"]), [true; 3]);
}

#[test]
fn a_reset_of_the_config_keeps_its_text_beside_it() {
    let home = full();
    home.merge_config(&json!({ "gateway": { "prot": 1 } })).unwrap();
    let before = fs::read_to_string(home.config_path()).unwrap();

    let text = ask(&home, &["reset", "--scope", "config", "--yes"]).answer();

    assert!(text.ends_with("The former config is in ~/.openclaw/openclaw.json.bak\n"), "{text}");
    assert_eq!(has(&home, &["openclaw.json", ".env"]), [false, true]);
    let kept = fs::read_to_string(home.state_dir().join("openclaw.json.bak")).unwrap();
    assert_eq!(kept, before);
}

#[test]
fn a_reset_with_credentials_and_conversations_keeps_the_workspace() {
    let home = full();

    ask(&home, &["reset", "--scope", "config+creds+sessions", "--yes"]).answer();

    let gone = [
        "openclaw.json",
        "openclaw.json.bak",
        ".env",
        "credentials",
        "agents/main/agent/auth-profiles.json",
        "agents/main/sessions",
    ];
    assert_eq!(has(&home, &gone), [false; 6]);
    assert_eq!(has(&home, &["workspace/AGENTS.md", "agents/main/agent/models.json"]), [true; 2]);
}

#[test]
fn a_full_reset_empties_the_state_directory_and_leaves_what_is_elsewhere() {
    let home = full();
    let elsewhere = home.path().join("work");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("AGENTS.md"), "mine").unwrap();
    home.merge_config(&json!({ "agents": { "defaults": { "workspace": elsewhere } } })).unwrap();

    let ran = ask(&home, &["reset", "--scope", "full", "--yes", "--non-interactive"]);

    assert_eq!((ran.code, count(&home.state_dir())), (Some(0), 0), "{ran:?}");
    assert!(elsewhere.join("AGENTS.md").exists());
    assert!(ran.stdout.contains("keep ~/work (workspace): it is outside"), "{}", ran.stdout);
    assert!(ran.stderr.contains("hint: rm -r '[home]/work'"), "{}", ran.stderr);
}

#[test]
fn a_config_elsewhere_is_never_removed() {
    let home = full();
    let elsewhere = home.path().join("conf.json");
    fs::write(&elsewhere, "{}").unwrap();

    let vars = [("OPENCLAW_CONFIG_PATH", elsewhere.to_str().unwrap())];
    let ran = run_with(&home, &["reset", "--scope", "config", "--yes"], &vars);

    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.ends_with("There is nothing to remove.\n"), "{}", ran.stdout);
    assert!(elsewhere.exists());
}

#[test]
fn a_running_gateway_is_stopped_first() {
    let home = full();
    let gateway = start(&home);

    let text = ask(&home, &["reset", "--scope", "full", "--yes"]).answer();
    let (status, _) = gateway.wait().unwrap();

    assert!(text.contains("Stopped the gateway (pid "), "{text}");
    assert_eq!((status.code(), count(&home.state_dir())), (Some(0), 0));
}

#[test]
fn a_lock_whose_holder_is_not_to_be_seen_stops_the_reset() {
    let home = full();
    let gateway = start(&home);
    // As it looks from another container: the number in the lock means somebody else.
    fs::write(home.state_dir().join("state.lock"), "1\n").unwrap();

    let (code, stderr) = ask(&home, &["reset", "--scope", "full", "--yes"]).failure();

    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: a gateway that we cannot stop from here uses "), "{stderr}");
    assert_eq!(has(&home, &["openclaw.json", "workspace/AGENTS.md"]), [true; 2]);
    assert_eq!(run(&home, &["health"]).code, Some(0));
    drop(gateway);
}

#[test]
fn uninstall_keeps_workspaces_unless_they_are_named() {
    let home = full();

    let text = ask(&home, &["uninstall", "--state", "--yes"]).answer();
    let kept = has(&home, &["workspace/AGENTS.md", "openclaw.json", "agents"]);
    ask(&home, &["uninstall", "--workspace", "--yes"]).answer();

    assert!(text.contains("keep ~/.openclaw/workspace\n"), "{text}");
    assert_eq!(kept, [true, false, false]);
    assert_eq!(count(&home.state_dir()), 0);
}
