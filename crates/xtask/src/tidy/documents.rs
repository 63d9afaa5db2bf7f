//! Rules for what people read: decision records are numbered in a row, links lead somewhere,
//! npm lock files name no host.

use super::Problem;
use crate::workspace::Tree;

/// Checks `docs/adr`, every Markdown file and every npm lock file.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = decisions(tree);
    for (path, text) in tree.with_ending("md") {
        problems.extend(links(tree, path, text));
    }
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with("package-lock.json")) {
        for (at, line) in text.lines().enumerate() {
            if line.contains("\"resolved\"") {
                problems.push(Problem::new(path, at + 1, "a lock file names no host"));
            }
        }
    }
    problems
}

fn decisions(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut expected = 1;
    for (path, text) in tree.files() {
        let Some(name) = path.strip_prefix("docs/adr/") else {
            continue;
        };
        let number = name.split_once('-').and_then(|(digits, _)| {
            (digits.len() == 4).then(|| digits.parse::<u32>().ok()).flatten()
        });
        match number {
            Some(number) if number == expected => {
                if !text.starts_with(&format!("# {number:04} ")) {
                    let text = format!("the title does not begin with `# {number:04} `");
                    problems.push(Problem::new(path, 1, text));
                }
            }
            Some(_) | None => {
                problems.push(Problem::new(path, 0, format!("expected number {expected:04}")));
            }
        }
        expected = number.unwrap_or(expected) + 1;
    }
    problems
}

fn links(tree: &Tree, path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for target in targets(line) {
            let file = target.split('#').next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            if is_elsewhere || file.is_empty() {
                continue;
            }
            if !resolve(path, file).is_some_and(|it| tree.has(&it)) {
                problems.push(Problem::new(path, at + 1, format!("`{target}` leads nowhere")));
            }
        }
    }
    problems
}

/// What stands in the parentheses of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// `link` seen from the file at `from`, or `None` when it leaves the project.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn decisions_are_numbered_without_a_gap() {
        let problems = problems_of(&[
            ("docs/adr/0001-one.md", "# 0001 One\n"),
            ("docs/adr/0002-two.md", "# Two\n"),
            ("docs/adr/0004-four.md", "# 0004 Four\n"),
        ]);

        assert_eq!(
            problems,
            [
                "docs/adr/0002-two.md:1: the title does not begin with `# 0002 `",
                "docs/adr/0004-four.md: expected number 0003",
            ]
        );
    }

    #[test]
    fn a_link_leads_to_a_file_or_a_folder() {
        let problems = problems_of(&[
            ("README.md", "[a](docs/a.md#part) [b](docs/) [c](https://example.org) [d](docs/d.md)"),
            ("docs/a.md", "[up](../README.md) [out](../../x)\n```\n[code](nowhere)\n```\n"),
        ]);

        assert_eq!(
            problems,
            ["README.md:1: `docs/d.md` leads nowhere", "docs/a.md:1: `../../x` leads nowhere"]
        );
    }

    #[test]
    fn an_npm_lock_file_names_no_host() {
        let lock = "{\n  \"resolved\": \"somewhere\"\n}\n";
        assert_eq!(
            problems_of(&[("ui/package-lock.json", lock)]),
            ["ui/package-lock.json:2: a lock file names no host"]
        );
    }
}
