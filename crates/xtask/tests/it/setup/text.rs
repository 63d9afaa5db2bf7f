//! The script's text: nothing in it needs more than Bash 3.2, which macOS has, and `shellcheck`
//! has nothing to say.

use std::{fs, path::PathBuf, process::Command};

/// What came after Bash 3.2: a word to find, and since when it is there.
const NEWER: [(&str, &str); 17] = [
    ("declare -A", "4.0"),
    ("local -A", "4.0"),
    ("typeset -A", "4.0"),
    ("mapfile", "4.0"),
    ("readarray", "4.0"),
    ("coproc", "4.0"),
    ("globstar", "4.0"),
    ("BASHPID", "4.0"),
    ("|&", "4.0"),
    ("&>>", "4.0"),
    (";;&", "4.0"),
    ("declare -g", "4.2"),
    ("[[ -v", "4.2"),
    ("[ -v", "4.2"),
    ("local -n", "4.3"),
    ("declare -n", "4.3"),
    ("wait -n", "4.3"),
];

fn scripts() -> Vec<(PathBuf, String)> {
    let root = super::root();
    let mut paths = vec![root.join("docker-setup.sh"), root.join("scripts/docker/setup.sh")];
    paths.extend(in_folder("scripts/docker/setup"));
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn in_folder(name: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(super::root().join(name)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|it| it == "sh"))
}

/// What of a line is newer than Bash 3.2.
fn newer(line: &str) -> Option<String> {
    let code = line.split_once(" # ").map_or(line, |(code, _)| code);
    if code.trim_start().starts_with('#') {
        return None;
    }
    let word = NEWER.iter().find(|(word, _)| code.contains(word));
    if let Some((word, since)) = word {
        return Some(format!("`{word}` is there since {since}"));
    }
    // `${name,,}`, `${name^^}`, `${name@Q}` and negative lengths.
    for (at, _) in code.match_indices("${") {
        let body = code[at + 2..].split('}').next().unwrap_or_default();
        let name_ends = body.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(body.len());
        let rest = &body[name_ends..];
        if name_ends > 0 && rest.starts_with([',', '^', '@']) {
            return Some(format!("`${{{body}}}` came after 3.2"));
        }
    }
    // An array that may be empty needs a guard under `set -u`.
    let plain = code.replace("+\"${", "");
    for (at, _) in plain.match_indices("\"${") {
        let body = plain[at + 3..].split('}').next().unwrap_or_default();
        let is_ever_full = body.starts_with("env_keys")
            || ["compose_words[@]", "compose_files[@]", "words[@]", "args[@]"].contains(&body);
        if body.ends_with("[@]") && !is_ever_full {
            return Some(format!("`${{{body}}}` may be empty and has no guard"));
        }
    }
    None
}

#[test]
fn nothing_in_the_script_is_newer_than_bash_3_2() {
    let mut found = Vec::new();
    for (path, text) in scripts() {
        for (at, line) in text.lines().enumerate() {
            if let Some(what) = newer(line) {
                found.push(format!("{}:{}: {what}", path.display(), at + 1));
            }
        }
    }
    assert_eq!(found, [""; 0]);
}

#[test]
fn the_check_finds_what_it_is_for() {
    for line in [
        "declare -A map",
        "x=${name,,}",
        "x=${name^^}",
        "x=${name@Q}",
        "run \"${maybe[@]}\"",
        "mapfile -t lines",
    ] {
        assert!(newer(line).is_some(), "{line}");
    }
    for line in ["# mapfile", "x=${name#,}", "run ${maybe[@]+\"${maybe[@]}\"}"] {
        assert_eq!(newer(line), None, "{line}");
    }
}

#[test]
fn every_part_parses() {
    for (path, _) in scripts() {
        let output = Command::new("bash").arg("-n").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn shellcheck_has_nothing_to_say() {
    let paths = scripts().into_iter().map(|(path, _)| path);
    let paths = paths.chain(in_folder("scripts/e2e")).chain(in_folder("scripts"));
    let output = Command::new("shellcheck")
        .args(["--external-sources", "--exclude=SC1091"])
        .args(paths)
        .current_dir(super::root())
        .output()
        .unwrap_or_else(|error| panic!("no shellcheck ({error}): run scripts/test-setup.sh"));

    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}
