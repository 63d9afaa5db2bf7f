//! Rules for the threat model: each boundary names tests, each named test exists, and both languages
//! name the same.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use crate::workspace::Tree;

const MODEL: &str = "docs/threat-model.md";
const TRANSLATION: &str = "docs/zh-CN/threat-model.md";
/// Where the boundaries end: what follows is about no test.
const END: &str = "<!-- boundaries end -->";
/// Fewest words of a test's name. Shorter names in code style are keys and commands.
const WORDS_MIN: usize = 4;

/// Checks the threat model, where there is one.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let texts: BTreeMap<&str, &str> =
        tree.files().filter(|(path, _)| [MODEL, TRANSLATION].contains(path)).collect();
    let known = tests(tree);
    let mut problems = Vec::new();
    for (path, text) in &texts {
        problems.extend(unknown(path, text, &known));
        problems.extend(unguarded(path, text));
    }
    if let (Some(model), Some(translation)) = (texts.get(MODEL), texts.get(TRANSLATION)) {
        let (here, there) = (named(model), named(translation));
        for name in here.symmetric_difference(&there) {
            let path = if here.contains(name) { TRANSLATION } else { MODEL };
            problems.push(Problem::new(path, 0, format!("the other language names `{name}`")));
        }
    }
    problems
}

fn unknown(path: &str, text: &str, tests: &BTreeSet<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for name in names(line).filter(|name| !tests.contains(name)) {
            problems.push(Problem::new(path, at + 1, format!("there is no test `{name}`")));
        }
    }
    problems
}

/// Sections of the second level, up to the end of the boundaries, that name no test.
fn unguarded(path: &str, text: &str) -> Vec<Problem> {
    let boundaries = text.split(END).next().unwrap_or_default();
    let mut open: Option<(usize, &str)> = None;
    let mut problems = Vec::new();
    let tell = |open: &mut Option<(usize, &str)>, problems: &mut Vec<Problem>| {
        if let Some((line, title)) = open.take() {
            problems.push(Problem::new(path, line, format!("no test guards `{title}`")));
        }
    };
    for (at, line) in boundaries.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            tell(&mut open, &mut problems);
            open = Some((at + 1, title));
        }
        if names(line).next().is_some() {
            open = None;
        }
    }
    tell(&mut open, &mut problems);
    problems
}

fn named(text: &str) -> BTreeSet<&str> {
    text.lines().flat_map(names).collect()
}

/// What stands in code style and looks like the name of a test.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |word: &&str| {
        word.split('_').filter(|it| !it.is_empty()).count() >= WORDS_MIN
            && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
    };
    line.split('`').skip(1).step_by(2).filter(is_name)
}

/// Names of functions below an attribute that makes them tests, and of those in `proptest!`.
fn tests(tree: &Tree) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (_, text) in tree.with_ending("rs") {
        let mut is_marked = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_marked = true;
            } else if let Some(rest) = line.strip_prefix("fn ").or(line.strip_prefix("async fn ")) {
                if is_marked {
                    found.extend(rest.split(['(', '<']).next());
                }
                is_marked = false;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TESTS: &str = "#[test]\nfn one_that_is_there() {}\n\n#[tokio::test(flavor = \"x\")]\n\
        #[expect(y)]\nasync fn another_that_is_there() {}\nfn one_that_is_none() {}\n";

    fn problems_of(model: &str, translation: &str) -> Vec<String> {
        let files = [("a.rs", TESTS), (MODEL, model), (TRANSLATION, translation)];
        check(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_test_that_is_named_exists() {
        let model = "## One\n`one_that_is_there`, `one_that_is_none`, `short_name`\n";

        assert_eq!(
            problems_of(model, model),
            [
                "docs/threat-model.md:2: there is no test `one_that_is_none`",
                "docs/zh-CN/threat-model.md:2: there is no test `one_that_is_none`",
            ]
        );
    }

    #[test]
    fn a_boundary_without_a_test_is_told() {
        let model = "# T\n## One\ntext\n## Two\n`another_that_is_there`\n<!-- boundaries end -->\n\
            ## Three\n";

        assert_eq!(problems_of(model, model).len(), 2);
        assert_eq!(problems_of(model, model)[0], "docs/threat-model.md:2: no test guards `One`");
    }

    #[test]
    fn both_languages_name_the_same_tests() {
        let problems = problems_of(
            "## One\n`one_that_is_there` `another_that_is_there`\n",
            "## 一\n`one_that_is_there`\n",
        );

        assert_eq!(
            problems,
            ["docs/zh-CN/threat-model.md: the other language names `another_that_is_there`"]
        );
    }
}
