//! The wall that was asked for, beside the one that is there. Pure.
//!
//! An engine may leave out what it was asked for without a word. So each setting that makes the
//! wall is looked for in what the sandbox's kernel told before anything ran inside ([`Facts`]),
//! and what is not found there is a failure with the setting's name. What a kernel of the
//! sandbox's own (gVisor's) does not tell is *unseen*: shown, and not refused.

mod facts;
mod groups;
mod places;
mod process;

use serde::{Deserialize, Serialize};

use super::{connect::Engine, mounts::Managed, settings::Container};

pub(crate) use facts::Facts;

/// Key of the entry in the list of sandboxes that holds the rows.
pub(crate) const ENTRY: &str = "wall";

/// A setting, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its key below `sandbox`.
    pub key: String,
    /// What it asks for.
    pub asked: String,
    /// What was found inside; `None` before the first use.
    pub found: Option<String>,
    /// What follows from that.
    pub verdict: Verdict,
}

/// Whether what was asked for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Holds,
    /// It is not, so nothing runs.
    Fails,
    /// The sandbox has a kernel of its own that does not tell.
    Unseen,
    /// Nobody has looked yet.
    Unproven,
}

impl Verdict {
    /// In a word, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Unseen => "unseen",
            Self::Unproven => "unproven",
        }
    }
}

/// What is said where there is nothing to go by.
const NOTHING: &str = "nothing of it";

/// What makes the wall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// With the user already derived.
    pub(crate) container: &'a Container,
    pub(crate) managed: &'a [Managed],
    pub(crate) host: &'a Host,
}

/// The engine's machine, by the engine's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) engine: Engine,
    /// Release of its kernel.
    pub(crate) kernel: Option<String>,
    /// The runtime of containers that name none.
    pub(crate) default_runtime: Option<String>,
    /// Names of runtimes and their programs.
    pub(crate) runtimes: Vec<(String, String)>,
}

/// What was found for one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Right(String),
    Wrong(String),
    /// Nothing to go by.
    Nothing,
    /// Not what was asked for, or nothing to go by: which is no wonder in a kernel of the
    /// sandbox's own, as it has other means.
    Silence(String),
    /// The machine ends there: a wall for a kernel of the sandbox's own, and else none.
    Edge(String),
}

impl Found {
    fn of(holds: bool, text: impl Into<String>) -> Self {
        if holds { Self::Right(text.into()) } else { Self::Wrong(text.into()) }
    }
}

/// A setting with a way to look for it.
struct Setting<'a> {
    key: String,
    asked: String,
    look: Box<dyn Fn(Facts<'_>) -> Found + 'a>,
}

impl<'a> Setting<'a> {
    fn new(
        key: impl Into<String>,
        asked: impl Into<String>,
        look: impl Fn(Facts<'_>) -> Found + 'a,
    ) -> Self {
        Self { key: key.into(), asked: asked.into(), look: Box::new(look) }
    }
}

/// All settings of the wall, in the order in which they are shown.
fn settings(asked: Asked<'_>) -> Vec<Setting<'_>> {
    let mut settings = process::settings(asked);
    settings.extend(groups::settings(asked.container));
    settings.extend(places::settings(asked));
    settings
}

/// What is asked for, before anything was found.
pub(crate) fn unproven(asked: Asked<'_>) -> Vec<Row> {
    let row = |it: Setting<'_>| Row {
        key: it.key,
        asked: it.asked,
        found: None,
        verdict: Verdict::Unproven,
    };
    settings(asked).into_iter().map(row).collect()
}

/// Looks for everything that is asked for.
pub(crate) fn compare(asked: Asked<'_>, facts: Facts<'_>) -> Vec<Row> {
    let is_own_kernel = asked.host.is_another(facts.kernel());
    let row = |it: Setting<'_>| {
        let (verdict, found) = match (it.look)(facts) {
            Found::Right(text) => (Verdict::Holds, text),
            Found::Silence(_) if is_own_kernel => {
                (Verdict::Unseen, "not to be seen from inside".to_owned())
            }
            Found::Edge(text) if is_own_kernel => (Verdict::Holds, text),
            Found::Wrong(text) | Found::Silence(text) | Found::Edge(text) => (Verdict::Fails, text),
            Found::Nothing => (Verdict::Fails, NOTHING.to_owned()),
        };
        Row { key: it.key, asked: it.asked, found: Some(found), verdict }
    };
    settings(asked).into_iter().map(row).collect()
}

/// What does not hold, as text; `None` when all does.
pub(crate) fn failures(rows: &[Row]) -> Option<String> {
    let failed = rows.iter().filter(|row| row.verdict == Verdict::Fails);
    let texts: Vec<_> = failed
        .map(|row| {
            let found = row.found.as_deref().unwrap_or_default();
            format!("`sandbox.{}` asks for `{}`, found: {found}", row.key, row.asked)
        })
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

impl Host {
    /// Whether this kernel is not the machine's; one that is not told is taken for it.
    fn is_another(&self, kernel: Option<&str>) -> bool {
        self.kernel.as_deref().zip(kernel).is_some_and(|(host, inside)| host != inside)
    }
}

#[cfg(test)]
mod tests;
