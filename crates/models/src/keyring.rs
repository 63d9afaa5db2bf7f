//! The environment in which keys are looked for: as it was at the start, with what the `.env` file
//! of the state directory says now.
//!
//! A key that is stored there while the gateway runs works without a restart. What the process
//! itself was given stays in force: it always outranks the file.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use config::Env;

type Vars = BTreeMap<String, String>;

/// Where keys are looked for besides profiles and config.
#[derive(Debug)]
pub(crate) struct Keyring {
    path: PathBuf,
    /// What the file said when the environment was captured.
    at_start: Vars,
}

impl Keyring {
    pub(crate) fn of(state_dir: &Path) -> Self {
        let path = state_dir.join(".env");
        let at_start = read(&path);
        Self { path, at_start }
    }

    /// `captured`, brought up to date.
    pub(crate) fn now<'a>(&self, captured: &'a Vars) -> Cow<'a, Vars> {
        let fresh = read(&self.path);
        if fresh == self.at_start {
            return Cow::Borrowed(captured);
        }
        let mut vars = captured.clone();
        // A value that the file gave at the start is the file's to change.
        vars.retain(|name, value| self.at_start.get(name) != Some(value));
        for (name, value) in fresh {
            let slot = vars.entry(name).or_default();
            if slot.trim().is_empty() {
                *slot = value;
            }
        }
        Cow::Owned(vars)
    }
}

fn read(path: &Path) -> Vars {
    Env::of(Vars::new(), "/", "/").with_dotenv(path).vars().clone()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test writes the file")]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_stored_later_is_seen_and_the_process_has_the_last_word() {
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(dir.path().join(".env"), text).unwrap();
        let vars = |pairs: &[(&str, &str)]| -> Vars {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        write("A=file\nB=file\nC=file\n");
        let captured = vars(&[("A", "file"), ("B", "process"), ("C", "file")]);
        let keyring = Keyring::of(dir.path());
        let before = keyring.now(&captured).into_owned();

        write("A=new\nB=new\nD=new\n");
        let after = keyring.now(&captured).into_owned();

        assert_eq!(before, captured);
        assert_eq!(after, vars(&[("A", "new"), ("B", "process"), ("D", "new")]));
    }
}
