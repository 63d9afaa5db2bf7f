//! Rules for Rust files: length, header, names, modules, re-exports, open ends.

use super::Problem;
use crate::workspace::Tree;

/// The most lines of a file that are not tests.
const LINES_MAX: usize = 600;

/// Marks of unfinished work, which need the number of an issue. Split so that this file passes.
const OPEN_ENDS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Endings of type names that name no idea.
const EMPTY_NAMES: [&str; 4] = ["Manager", "Handler", "Helper", "Utils"];

const OURS: [&str; 14] = [
    "domain", "held", "config", "protocol", "store", "policy", "models", "sandbox", "client",
    "tools", "agent", "gateway", "cli", "testkit",
];

/// Checks each file by itself.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.with_ending("rs") {
        let mut report = |line, text: String| problems.push(Problem::new(path, line, text));
        if !text.starts_with("//! ") {
            report(1, "the file does not begin with a `//!` header".to_owned());
        }
        if path.ends_with("/mod.rs") {
            report(0, "`mod.rs` is not used here: name it after its folder".to_owned());
        }
        let count = length_without_tests(path, text);
        if count > LINES_MAX {
            report(0, format!("{count} lines without tests; {LINES_MAX} is the most"));
        }
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            let found = [reexport(text, line), open_end(line), empty_name(line)];
            for text in found.into_iter().flatten() {
                report(at + 1, text);
            }
        }
    }
    problems
}

fn length_without_tests(path: &str, text: &str) -> usize {
    if path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/") {
        return 0;
    }
    let lines: Vec<&str> = text.lines().collect();
    lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "))
        .unwrap_or(lines.len())
}

/// Finds another crate's items made public. A module of the file may have a crate's name.
fn reexport(text: &str, line: &str) -> Option<String> {
    let path = line.strip_prefix("pub use ")?;
    let (path, is_absolute) = match path.strip_prefix("::") {
        Some(path) => (path, true),
        None => (path, false),
    };
    let first = path.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    let is_module = !is_absolute && text.lines().any(|it| declares(it, first));
    (OURS.contains(&first) && !is_module).then(|| format!("`pub use` of `{first}` hides an edge"))
}

fn declares(line: &str, module: &str) -> bool {
    line.trim_end()
        .strip_suffix(&format!("mod {module};"))
        .is_some_and(|before| before.is_empty() || before.ends_with(' '))
}

fn open_end(line: &str) -> Option<String> {
    let (_, comment) = line.split_once("//")?;
    let mark = OPEN_ENDS.iter().find(|mark| comment.contains(**mark))?;
    let (_, after) = comment.split_once(mark)?;
    let has_issue = after
        .strip_prefix("(#")
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    (!has_issue).then(|| format!("`{mark}` without an issue, as in `{mark}(#12)`"))
}

fn empty_name(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let at = words.iter().position(|word| matches!(*word, "struct" | "enum" | "trait"))?;
    if words[..at].iter().any(|word| !word.starts_with("pub")) {
        return None;
    }
    let name = words.get(at + 1)?.split(|c: char| !c.is_alphanumeric()).next()?;
    let empty = EMPTY_NAMES.iter().find(|it| name.ends_with(**it))?;
    Some(format!("`{name}`: `{empty}` names no idea"))
}

/// Checks that every file is a module of its parent: one that is not is never compiled.
pub(super) fn check_modules(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, _) in tree.with_ending("rs") {
        let Some((folder, file)) = path.rsplit_once('/') else {
            continue;
        };
        let name = file.trim_end_matches(".rs");
        let is_root = matches!(name, "main" | "lib" | "build")
            || ["/tests", "/bin", "/benches", "/examples"].iter().any(|it| folder.ends_with(it));
        if is_root {
            continue;
        }
        let declared = parents(folder).iter().any(|parent| {
            tree.get(parent).is_some_and(|text| text.lines().any(|line| declares(line, name)))
        });
        if !declared {
            problems.push(Problem::new(path, 0, "no parent declares this module"));
        }
    }
    problems
}

/// The files that may declare the modules in `folder`.
fn parents(folder: &str) -> [String; 3] {
    [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_file_begins_with_its_header_and_is_not_called_mod() {
        assert_eq!(
            problems_of("crates/a/src/b/mod.rs", "use std::fmt;\n"),
            [
                "crates/a/src/b/mod.rs:1: the file does not begin with a `//!` header",
                "crates/a/src/b/mod.rs: `mod.rs` is not used here: name it after its folder",
            ]
        );
    }

    #[test]
    fn tests_do_not_count_towards_the_length() {
        let body = "let a = 1;\n".repeat(LINES_MAX - 1);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{body}}}\n");

        let fits = problems_of("crates/a/src/lib.rs", &format!("//! A.\n{body}{tests}"));
        let long = problems_of("crates/a/src/lib.rs", &format!("//! A.\n{body}{body}{tests}"));
        let in_tests = problems_of("crates/a/tests/it/b.rs", &format!("//! A.\n{body}{body}"));

        assert_eq!(fits, [""; 0]);
        assert_eq!(
            long,
            ["crates/a/src/lib.rs: 1199 lines without tests; 600 is the most".to_owned()]
        );
        assert_eq!(in_tests, [""; 0]);
    }

    #[test]
    fn items_of_our_crates_are_not_exported_again() {
        let text = "//! A.\npub use domain::Clock;\npub use ::store::Store;\npub use self::a::B;\n";
        assert_eq!(
            problems_of("crates/a/src/lib.rs", text),
            [
                "crates/a/src/lib.rs:2: `pub use` of `domain` hides an edge",
                "crates/a/src/lib.rs:3: `pub use` of `store` hides an edge",
            ]
        );
        let module = "//! A.\nmod store;\npub use store::Store;\n";
        assert_eq!(problems_of("crates/store/src/lib.rs", module), [""; 0]);
    }

    #[test]
    fn an_open_end_names_its_issue() {
        let mark = OPEN_ENDS[0];
        let text = format!("//! A.\n// {mark}(#12): later\nlet a = 1; // {mark}: later\n");
        assert_eq!(
            problems_of("crates/a/src/lib.rs", &text),
            [format!("crates/a/src/lib.rs:3: `{mark}` without an issue, as in `{mark}(#12)`")]
        );
    }

    #[test]
    fn a_type_is_named_after_an_idea() {
        let text = "//! A.\npub struct SessionManager {\nstruct Sessions;\n// a struct Handler\n";
        assert_eq!(
            problems_of("crates/a/src/lib.rs", text),
            ["crates/a/src/lib.rs:2: `SessionManager`: `Manager` names no idea"]
        );
    }

    #[test]
    fn a_file_that_nobody_includes_is_found() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "pub mod b;\n"),
            ("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;\n"),
            ("crates/a/src/b/tests.rs", ""),
            ("crates/a/src/b/lost.rs", ""),
            ("crates/a/src/bin/tool.rs", ""),
            ("crates/a/tests/it/main.rs", "mod one;\n"),
            ("crates/a/tests/it/one.rs", ""),
            ("crates/a/tests/it/two.rs", ""),
        ]);

        let lost: Vec<String> = check_modules(&tree).into_iter().map(|it| it.path).collect();

        assert_eq!(lost, ["crates/a/src/b/lost.rs", "crates/a/tests/it/two.rs"]);
    }
}
