//! May a command line run because every program in it is on a list? (`spec: tools` §5.2, §5.3)
//!
//! Strict on purpose: what is not understood to the last character is a miss, and a miss is
//! only a question to a person. The look at the disk is the caller's; it brings [`Program`]s.
//!
//! An entry trusts its program with any arguments. Programs whose arguments are programs
//! again (shells, `env`, `xargs`, …) can therefore never be satisfied by the list.

mod glob;
mod programs;
mod words;

use domain::approvals::AllowedProgram;

use programs::Hazard;
pub use words::{Segment, Word, parse};

/// Filters that need no entry, unless the config has its own list.
pub const SAFE_BINS: [&str; 8] = ["grep", "cut", "sort", "uniq", "head", "tail", "tr", "wc"];

/// Where filters may come from, besides the directories of the config.
const SAFE_BIN_DIRS: [&str; 2] = ["/bin", "/usr/bin"];

/// A program as found on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The path by which it was found, absolute.
    pub found: String,
    /// The file that this path leads to, links followed.
    pub real: String,
    /// Whether an argument names something that exists in the working directory.
    pub names_files: bool,
}

/// What may run without a question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// Entries, those for all agents first.
    pub entries: Vec<AllowedProgram>,
    /// Filters that need no entry; `None` is [`SAFE_BINS`].
    pub safe_bins: Option<Vec<String>>,
    /// Directories besides the system's that filters may come from.
    pub safe_bin_dirs: Vec<String>,
    /// What `~` stands for in patterns.
    pub home: String,
}

/// What the lists say of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Whether every program may run.
    pub satisfied: bool,
    /// Entries that were used, by place, and the program that used each.
    pub used: Vec<(usize, String)>,
    /// Patterns that would satisfy this command the next time; `None` when no list could.
    pub to_remember: Option<Vec<String>>,
    /// The first program of the line, if it was found.
    pub resolved: Option<String>,
}

/// Holds a parsed line against the lists. `programs` are those of the segments, in order;
/// `None` where none was found.
pub fn check(segments: &[Segment], programs: &[Option<Program>], lists: &Lists) -> Finding {
    let mut finding = Finding {
        satisfied: !segments.is_empty() && segments.len() == programs.len(),
        to_remember: Some(Vec::new()),
        resolved: programs.first().cloned().flatten().map(|program| program.real),
        used: Vec::new(),
    };
    for (at, segment) in segments.iter().enumerate() {
        let program = programs.get(at).and_then(Option::as_ref);
        match program.map_or(Answer::Never, |program| lists.answer(segment, program)) {
            Answer::Listed(entry) => {
                let real = program.map(|it| it.real.clone()).unwrap_or_default();
                finding.used.push((entry, real));
            }
            Answer::Safe => {}
            Answer::Unlisted => {
                finding.satisfied = false;
                let real = program.map(|it| it.real.clone()).unwrap_or_default();
                if let Some(patterns) = &mut finding.to_remember
                    && !patterns.contains(&real)
                {
                    patterns.push(real);
                }
            }
            Answer::Never => {
                finding.satisfied = false;
                finding.to_remember = None;
            }
        }
    }
    finding
}

/// What the lists say of one program.
enum Answer {
    /// This entry allows it.
    Listed(usize),
    /// It is a filter that only sees its input.
    Safe,
    /// It could be listed, but is not.
    Unlisted,
    /// No list can allow it.
    Never,
}

impl Lists {
    fn answer(&self, segment: &Segment, program: &Program) -> Answer {
        let names = [segment.name(), last_part(&program.found), last_part(&program.real)];
        match programs::hazard(&names, segment.arguments()) {
            Hazard::RunsOthers => return Answer::Never,
            Hazard::None => {}
        }
        if let Some(at) = self.entries.iter().position(|entry| self.allows(entry, segment, program))
        {
            return Answer::Listed(at);
        }
        if self.is_safe(segment, program) {
            return Answer::Safe;
        }
        Answer::Unlisted
    }

    fn allows(&self, entry: &AllowedProgram, segment: &Segment, program: &Program) -> bool {
        // A newer file may tie an entry to arguments; what we cannot check does not match.
        if entry.rest.contains_key("argPattern") {
            return false;
        }
        let pattern = entry.pattern.trim();
        if pattern.is_empty() {
            return false;
        }
        if !pattern.contains(['/', '~']) {
            let by_name = !segment.program().contains('/');
            return by_name && glob::matches(pattern, segment.program());
        }
        let pattern = match pattern.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", self.home.trim_end_matches('/'))
            }
            Some(_) | None => pattern.to_owned(),
        };
        // A link counts by where it leads; by its own path only if it keeps its name, as
        // `/bin/ls` does on systems where `/bin` is a link.
        let keeps_name = last_part(&program.found) == last_part(&program.real);
        glob::matches(&pattern, &program.real)
            || (keeps_name && glob::matches(&pattern, &program.found))
    }

    fn is_safe(&self, segment: &Segment, program: &Program) -> bool {
        let name = segment.program();
        // `jq` reads the environment and files by its own language.
        let is_named = name != "jq"
            && match &self.safe_bins {
                Some(own) => own.iter().any(|it| it.trim() == name),
                None => SAFE_BINS.contains(&name),
            };
        let directory = program.found.rsplit_once('/').map_or("", |(directory, _)| directory);
        let mut trusted =
            SAFE_BIN_DIRS.into_iter().chain(self.safe_bin_dirs.iter().map(|it| &**it));
        is_named
            && trusted.any(|it| it.trim_end_matches('/') == directory)
            && !program.names_files
            && programs::only_filters(name, segment.arguments())
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests;
