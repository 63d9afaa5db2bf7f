//! Places that a sandbox, a model or a stranger may have written to are reached by held
//! directories (crate `held`), never by name: the name may lead elsewhere by then.

use super::Problem;
use crate::workspace::Tree;

/// Where such places are handled.
const WATCHED: [&str; 9] = [
    "crates/agent/src/",
    "crates/gateway/src/",
    "crates/sandbox/src/",
    "crates/tools/src/",
    "crates/onboard/src/",
    "crates/store/src/workspace",
    "crates/store/src/skills",
    "crates/store/src/trash",
    "crates/cli/src/commands/doctor/workspace",
];

/// Files there that open something else by name, and what it is.
const ALLOWED: [(&str, &str); 11] = [
    ("crates/agent/src/confine.rs", "judges where a path of a call on the host leads"),
    ("crates/agent/src/skills/library.rs", "looks for programs on the operator's PATH"),
    ("crates/onboard/src/apply.rs", "the config file, which is the operator's"),
    ("crates/sandbox/src/docker/birth.rs", "the operator's seccomp profile"),
    ("crates/sandbox/src/docker/connect.rs", "the engine's settings in the operator's home"),
    ("crates/sandbox/src/docker/own.rs", "the kernel's files about this process"),
    ("crates/sandbox/src/docker/owner.rs", "the real name of the state directory"),
    ("crates/sandbox/src/docker/servant.rs", "our own program"),
    ("crates/sandbox/src/host/files.rs", "file tools on the host; finds a fence's real path"),
    ("crates/sandbox/src/host/programs.rs", "looks for programs on the host"),
    ("crates/sandbox/src/security.rs", "compares paths as written; the proof holds what is used"),
];

/// What opens, makes, moves or looks at something by its name.
const BY_NAME: [&str; 15] = [
    "std::fs::",
    "tokio::fs::",
    "File::open(",
    "File::create(",
    "OpenOptions::new(",
    "DirBuilder::new(",
    ".canonicalize()",
    ".symlink_metadata()",
    ".read_dir()",
    ".read_link()",
    ".exists()",
    ".try_exists()",
    "rustix::fs::open(",
    "remove_dir_all(",
    "CWD",
];

/// The same as functions of an imported `fs`.
const OF_FS: [&str; 15] = [
    "read",
    "read_to_string",
    "write",
    "metadata",
    "symlink_metadata",
    "canonicalize",
    "read_dir",
    "read_link",
    "rename",
    "copy",
    "create_dir",
    "create_dir_all",
    "remove_file",
    "remove_dir",
    "set_permissions",
];

pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut needed = vec![false; ALLOWED.len()];
    for (path, text) in tree.with_ending("rs") {
        if !WATCHED.iter().any(|watched| path.starts_with(watched)) || path.ends_with("/tests.rs") {
            continue;
        }
        let allowed = ALLOWED.iter().position(|(file, _)| *file == path);
        for (line, found) in found(text) {
            match allowed {
                Some(at) => needed[at] = true,
                None => problems.push(Problem::new(
                    path,
                    line,
                    format!(
                        "`{found}` works by name: use `held::Dir`, or list the file with a \
                         reason in tidy/held.rs"
                    ),
                )),
            }
        }
    }
    for ((path, _), is_needed) in ALLOWED.iter().zip(needed) {
        if !is_needed && tree.files().any(|(file, _)| file == *path) {
            problems.push(Problem::new(path, 0, "opens nothing by name: take it off the list"));
        }
    }
    problems
}

/// The lines outside of tests that open something by name.
fn found(text: &str) -> Vec<(usize, String)> {
    let mut lines = text.lines().enumerate().peekable();
    let mut found = Vec::new();
    while let Some((at, line)) = lines.next() {
        let next = lines.peek().map_or("", |(_, next)| *next);
        if line == "#[cfg(test)]" && (next.starts_with("mod ") || next.starts_with("#[")) {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        let of_fs = || OF_FS.iter().map(|name| format!("fs::{name}(")).find(|it| has(code, it));
        let by_name = BY_NAME.iter().find(|it| has(code, it)).map(|it| (*it).to_owned());
        found.extend(by_name.or_else(of_fs).map(|it| (at + 1, it)));
    }
    found
}

/// Whether `word` is in `code` and no other word ends with it.
fn has(code: &str, word: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || it == '_' || it == ':';
    let head = word.starts_with(|it: char| it.is_alphanumeric());
    code.match_indices(word).any(|(at, _)| !head || !code[..at].ends_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn opening_by_name_is_refused_where_others_write() {
        let text = "fn a() {\n    let x = fs::read(path);\n    path.exists()\n}\n";

        let found = problems("crates/sandbox/src/docker/x.rs", text);

        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("crates/sandbox/src/docker/x.rs:2: `fs::read(`"), "{found:?}");
        assert_eq!(problems("crates/models/src/x.rs", text), [""; 0]);
    }

    #[test]
    fn tests_comments_and_held_directories_are_no_matter() {
        let text = "// std::fs::read\nlet x = held.look(name, Links::Refused);\nself.fs::reader();\n\
                    #[cfg(test)]\nmod tests {\n    fs::read(x);\n}\n";

        assert_eq!(problems("crates/agent/src/x.rs", text), [""; 0]);
    }
}
