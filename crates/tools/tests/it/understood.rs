//! What the allow-list understands of a command line, held against a real shell.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the test sets the scene and starts real shells"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use policy::allowlist;
use proptest::prelude::*;

/// Programs that write down their name and their arguments, each on a line of its own.
fn programs(dir: &Path) {
    let script = "#!/bin/sh\n{ printf '%s' \"${0##*/}\"; for word; do printf '\\037%s' \"$word\"; done; \
                  printf '\\036'; } >> \"$LOG\"\n";
    for name in ["aa", "bb", "evil"] {
        let path = dir.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// The programs that `line` really runs, with their arguments.
fn really(shell: &str, line: &str, dir: &Path) -> Vec<Vec<String>> {
    let log = dir.join("log");
    drop(fs::remove_file(&log));
    let status = Command::new(shell)
        .args(["-c", line])
        .env_clear()
        .env("PATH", dir)
        .env("LOG", &log)
        .current_dir(dir.join("empty"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok());
    let text = fs::read_to_string(&log).unwrap_or_default();
    let words = |ran: &str| ran.split('\u{1f}').map(str::to_owned).collect();
    text.split_terminator('\u{1e}').map(words).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Every program that a shell runs was seen, with the very arguments that it got.
    #[test]
    fn a_shell_runs_nothing_that_was_not_seen(
        pieces in proptest::collection::vec(
            prop_oneof![
                4 => "aa|bb|evil|\\./evil",
                4 => " ",
                2 => "['\"\\\\;&|$`(){}<>#!~=*?\\[\\]^%,:@+-]",
                1 => "&&|\\|\\||\n|\t|\r|\\$\\(|X=1|-c|''|\\\\ |\u{a0}|if|then|fi|eval|exec|command",
            ],
            0..14,
        ),
    ) {
        let line: String = pieces.concat();
        let Some(segments) = allowlist::parse(&line) else { return Ok(()) };
        // Words of the shell run what follows them: no list can allow them, so they may stand.
        let is_of_shell = |name: &str| {
            matches!(name, "if" | "then" | "fi" | "eval" | "exec" | "command" | "!" | "-" | "")
        };
        if segments.iter().any(|segment| is_of_shell(segment.program())) {
            return Ok(());
        }
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("empty")).unwrap();
        programs(home.path());
        let seen: Vec<Vec<String>> = segments
            .iter()
            .map(|segment| segment.words().map(|word| word.text.clone()).collect())
            .collect();
        let expands = segments.iter().any(|segment| {
            segment.words().any(|word| word.is_pattern || word.has_tilde)
        });

        for shell in ["/bin/sh", "/bin/bash"] {
            for ran in really(shell, &line, home.path()) {
                let is_seen = seen.iter().any(|words| {
                    words[0] == ran[0] && (expands || words[1..] == ran[1..])
                });
                prop_assert!(is_seen, "{shell} ran {ran:?} of {line:?}, seen was {seen:?}");
            }
        }
    }
}

#[test]
fn the_log_of_the_programs_is_what_ran() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("empty")).unwrap();
    programs(home.path());

    let ran = really("/bin/sh", "aa 'x y' \"\" ; bb z\\ ", home.path());

    assert_eq!(ran, [vec!["aa", "x y", ""], vec!["bb", "z "]]);
}
