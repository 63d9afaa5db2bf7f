//! `node install` and its kin, with a systemd that only takes notes; and machines without one.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use testkit::home::TempHome;

use crate::program::{Ran, openclaw, quiet, run, run_with};

/// A home with a `systemctl` that writes down what it is asked for.
struct Machine {
    home: TempHome,
    path: String,
}

impl Machine {
    fn new() -> Self {
        let home = quiet(TempHome::minimal().unwrap());
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let script = "#!/bin/sh\necho \"$*\" >> \"$HOME/systemctl.log\"\n\
                      [ \"$2\" = show ] && printf 'UnitFileState=enabled\\nActiveState=active\\n\
                      SubState=running\\nMainPID=42\\n'\nexit 0\n";
        let program = bin.join("systemctl");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", bin.display());
        Self { home, path }
    }

    fn node(&self, args: &[&str]) -> Ran {
        run_with(&self.home, &[&["node"], args].concat(), &[("PATH", &self.path)])
    }

    fn asked(&self) -> String {
        let log = self.home.path().join("systemctl.log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _gone = fs::remove_file(log);
        text.lines().filter(|it| !it.contains(" show ")).collect::<Vec<_>>().join("; ")
    }

    fn unit(&self) -> PathBuf {
        self.home.path().join(".config/systemd/user/openclaw-node.service")
    }
}

#[test]
fn a_service_is_installed_acted_on_and_taken_away() {
    let machine = Machine::new();

    let before = machine.node(&["status"]).answer();
    let nothing = machine.node(&["restart", "--json"]).json();
    let place = ["--host", "gw.lan", "--port", "7777", "--display-name", "Attic 50%"];
    let installed = machine.node(&[&["install"], &place[..], &["--json"]].concat()).json();
    let asked = machine.asked();
    let unit = fs::read_to_string(machine.unit()).unwrap();
    let again = machine.node(&["install"]).answer();
    let status = machine.node(&["status", "--json"]).json();
    let stopped = machine.node(&["stop", "--json"]).json();
    let started = machine.node(&["start"]).answer();
    let asked_then = machine.asked();
    let uninstalled = machine.node(&["uninstall", "--json"]).json();

    assert!(before.starts_with("Service: not installed\n"), "{before}");
    assert_eq!((&nothing["ok"], &nothing["result"]), (&true.into(), &"not-loaded".into()));
    assert_eq!(
        (&installed["result"], &installed["service"]["loaded"]),
        (&"installed".into(), &true.into())
    );
    assert_eq!(
        asked,
        "--user daemon-reload; --user enable openclaw-node.service; \
         --user restart openclaw-node.service"
    );
    let start = format!("ExecStart=\"{}\" \"node\" \"run\"\n", openclaw().display());
    assert!(unit.contains(&start) && unit.contains("WantedBy=default.target"), "{unit}");
    assert!(!unit.contains(testkit::home::TOKEN), "{unit}");
    let state = fs::read_to_string(machine.home.state_dir().join("node.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["gateway"]["host"], "gw.lan");
    assert_eq!(
        (&state["gateway"]["port"], &state["displayName"]),
        (&7777.into(), &"Attic 50%".into())
    );
    assert!(again.contains("--force"), "{again}");
    assert_eq!(status["service"]["runtime"]["status"], "running");
    assert_eq!((&stopped["result"], &*started), (&"stopped".into(), "The service was started.\n"));
    assert_eq!(asked_then, "--user stop openclaw-node.service; --user start openclaw-node.service");
    assert_eq!(uninstalled["result"], "uninstalled");
    assert!(machine.asked().contains("disable --now openclaw-node.service"));
    assert!(!machine.unit().exists());
}

#[test]
fn a_profile_has_a_service_of_its_own() {
    let machine = Machine::new();

    run_with(&machine.home, &["--profile", "work", "node", "install"], &[("PATH", &machine.path)])
        .answer();

    let unit = machine.unit().with_file_name("openclaw-node-work.service");
    let unit = fs::read_to_string(unit).unwrap();
    assert!(unit.contains("\"--profile\" \"work\" \"node\" \"run\""), "{unit}");
}

#[test]
fn where_no_systemd_is_the_program_says_so_and_what_to_do_instead() {
    let machine = Machine::new();
    let home = quiet(TempHome::minimal().unwrap());

    let bare = run_with(&home, &["node", "install"], &[("PATH", "/nowhere")]).failure();
    let contained = [("PATH", machine.path.as_str()), ("OPENCLAW_IN_CONTAINER", "1")];
    let inside = run_with(&machine.home, &["node", "install"], &contained).failure();
    let json = run_with(&machine.home, &["node", "install", "--json"], &contained);
    let status = run_with(&machine.home, &["node", "status"], &contained).answer();
    let pinned = run(&home, &["node", "run", "--tls-fingerprint", "ab"]).failure();

    assert_eq!(bare.0, Some(1));
    assert!(bare.1.contains("no systemd of this user"), "{}", bare.1);
    assert!(inside.1.contains("container") && inside.1.contains("compose"), "{}", inside.1);
    assert_eq!((json.code, json.json()["ok"].clone()), (Some(1), false.into()));
    assert!(!machine.unit().exists());
    assert!(status.contains("not installed") && status.contains("container"), "{status}");
    assert!(pinned.1.contains("--tls-fingerprint is not part of this version"), "{}", pinned.1);
}
