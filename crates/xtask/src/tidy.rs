//! The project's rules that no compiler checks, each a pure function over a [`Tree`].
//!
//! Reading the disk and asking cargo happens here; the rules are in the modules below.

mod documents;
mod held;
mod images;
mod layers;
mod lockfile;
mod sources;
mod threats;

use std::{fmt, process::Command};

use anyhow::{Context as _, bail};

use crate::workspace::{self, Tree};

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    path: String,
    /// Counted from 1; 0 when the file as a whole is meant.
    line: usize,
    text: String,
}

impl Problem {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.path, self.text)
        } else {
            write!(f, "{}:{}: {}", self.path, self.line, self.text)
        }
    }
}

/// Checks the checkout and fails with the number of broken rules, having printed each.
pub(crate) fn run() -> anyhow::Result<()> {
    let tree = Tree::read(&workspace::root())?;
    let mut problems = check(&tree);
    problems.extend(lockfile::check_linked(&linked_packages()?));
    problems.sort();
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        bail!("{} broken rule(s)", problems.len());
    }
    println!("tidy: {} files, no broken rule", tree.files().count());
    Ok(())
}

fn check(tree: &Tree) -> Vec<Problem> {
    let rules = [
        layers::check,
        sources::check,
        sources::check_modules,
        documents::check,
        held::check,
        images::check,
        lockfile::check,
        threats::check,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

/// Names of every package that is built for this platform, tests included.
fn linked_packages() -> anyhow::Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--workspace", "--edges", "normal,build,dev"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(workspace::root())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("`cargo tree` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut names: Vec<String> =
        text.lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
