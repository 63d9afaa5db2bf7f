//! One layer: at most one allow list and one deny list. Deny wins.

use super::names;
use crate::pattern::Pattern;

/// A layer, by the config path that it comes from.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) name: String,
    /// `None` is everything.
    pub(super) allow: Option<List>,
    pub(super) deny: Option<List>,
}

impl Layer {
    /// The rule that removes `tool`, a normalised name.
    pub(super) fn removes(&self, tool: &str) -> Option<&str> {
        let (denied, missing) = self.reasons(tool);
        denied.or(missing)
    }

    /// The deny list that has `tool`, and the allow list that lacks it.
    pub(super) fn reasons(&self, tool: &str) -> (Option<&str>, Option<&str>) {
        let denied = self.deny.as_ref().filter(|deny| deny.denies(tool));
        let missing = self.allow.as_ref().filter(|allow| !allow.allows(tool));
        (denied.map(|list| &*list.rule), missing.map(|list| &*list.rule))
    }

    pub(super) fn is_blank(&self) -> bool {
        self.allow.is_none() && self.deny.is_none()
    }
}

/// A list of names, groups and wildcards, expanded. Never empty.
#[derive(Clone, Debug)]
pub(super) struct List {
    /// Where it is written.
    pub(super) rule: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    written: String,
    patterns: Vec<Pattern>,
}

impl List {
    /// Expands `entries`; `None` when nothing but blanks is in them.
    pub(super) fn new<S: AsRef<str>>(
        rule: &str,
        entries: impl IntoIterator<Item = S>,
    ) -> Option<Self> {
        let entries: Vec<Entry> = entries
            .into_iter()
            .map(|entry| names::normalise(entry.as_ref()))
            .filter(|entry| !entry.is_empty())
            .map(|written| {
                let patterns = match names::group(&written) {
                    Some(members) => members.iter().copied().map(Pattern::new).collect(),
                    None => vec![Pattern::new(&written)],
                };
                Entry { written, patterns }
            })
            .collect();
        (!entries.is_empty()).then(|| Self { rule: rule.to_owned(), entries })
    }

    /// As a deny list: whether an entry matches.
    pub(super) fn denies(&self, tool: &str) -> bool {
        self.entries.iter().any(|entry| entry.matches(tool))
    }

    /// As an allow list: whoever may run commands or write files may patch them.
    pub(super) fn allows(&self, tool: &str) -> bool {
        self.denies(tool) || tool == "apply_patch" && (self.denies("exec") || self.denies("write"))
    }

    /// Whether no entry matches any core tool.
    pub(super) fn is_unknown_only(&self) -> bool {
        self.entries.iter().all(Entry::is_unknown)
    }

    /// The entries as written, normalised.
    pub(super) fn written(&self) -> Vec<&str> {
        self.entries.iter().map(|entry| entry.written.as_str()).collect()
    }

    /// The entries that match no core tool. Those of default lists are no mistake.
    pub(super) fn unknown(&self) -> Vec<&str> {
        self.entries
            .iter()
            .filter(|entry| entry.is_unknown())
            .map(|entry| entry.written.as_str())
            .filter(|name| !names::FOREIGN.contains(name))
            .collect()
    }
}

impl Entry {
    fn matches(&self, tool: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(tool))
    }

    fn is_unknown(&self) -> bool {
        !names::CORE.iter().any(|tool| self.matches(tool))
    }
}
