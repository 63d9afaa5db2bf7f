//! What a login shell makes of an environment, found out once and not for every command.
//!
//! A login shell reads its profiles first, which starts processes of their own and takes
//! longer than most commands. So a login shell is asked once for the environment that it ends
//! up with, and commands then start in a plain shell with that. The profile files are stamped:
//! the servant starts nothing if one of them has changed, and the shell is asked again.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::timeout;

use super::{
    error::CallError,
    link::{Link, Start},
};
use crate::backend::{Chunk, Exit, Stdin};

/// Where a login shell looks, beside the home directory.
const FILES: [&str; 2] = ["/etc/profile", "/etc/profile.d"];

/// Most scripts in the profile directory that are looked after.
const SCRIPTS_MAX: u32 = 64;

/// Most bytes of an environment that are worth keeping.
const ENVIRONMENT_BYTES_MAX: usize = 64 * 1024;

/// How long profiles may take before every command has to read them itself.
const ASKING_MAX: Duration = Duration::from_secs(5);

/// Variables that a shell makes for itself, or that belong to one command.
const NOT_OURS: [&str; 6] = ["HOME", "PWD", "OLDPWD", "SHLVL", "_", "OPENCLAW_EXEC_ID"];

/// Profiles may talk, so the environment comes after a mark that no text contains.
const ASK: &str = "printf '\\0'; env -0";

/// What profiles add to an environment, or change in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) variables: BTreeMap<String, String>,
    /// The files that it came from, as they were.
    pub(super) stamps: Vec<(String, u64)>,
}

/// Asks a login shell; `None` if its answer cannot be understood.
pub(super) async fn ask(
    link: &Link,
    given: &BTreeMap<String, String>,
    home: &str,
    workdir: &str,
) -> Result<Option<Profile>, CallError> {
    // Before asking: what changes in between is noticed later.
    let stamps = stamps(link, home).await?;
    let mut env = given.clone();
    env.insert("HOME".to_owned(), home.to_owned());
    let start = Start {
        argv: ["/bin/sh", "-lc", ASK].map(str::to_owned).to_vec(),
        env,
        workdir: workdir.to_owned(),
        stdin: Stdin::Null,
        pty: None,
        keeps_leftovers: false,
    };
    let mut running = link.exec(&start).await?.running;
    let answered = timeout(ASKING_MAX, async {
        let mut said = Vec::new();
        while let Some(chunk) = running.output.recv().await {
            if let Chunk::Out(bytes) = chunk
                && said.len() < ENVIRONMENT_BYTES_MAX
            {
                said.extend_from_slice(&bytes);
            }
        }
        (said, running.exit.await.ok())
    });
    Ok(match answered.await {
        Ok((said, Some(Exit::Code(0)))) => {
            understand(&said, given).map(|variables| Profile { variables, stamps })
        }
        Ok(_) | Err(_) => None,
    })
}

async fn stamps(link: &Link, home: &str) -> Result<Vec<(String, u64)>, CallError> {
    let mut paths: Vec<String> = FILES.map(str::to_owned).to_vec();
    paths.push(format!("{}/.profile", home.trim_end_matches('/')));
    // Where there is no such directory, there are no scripts.
    let scripts = link.list("/etc/profile.d", SCRIPTS_MAX).await.unwrap_or_default();
    for (name, _) in scripts {
        if let Ok(name) = String::from_utf8(name) {
            paths.push(format!("/etc/profile.d/{name}"));
        }
    }
    let mut stamps = Vec::new();
    for path in paths {
        let stamp = link.stat(&path).await?.map_or(0, |stat| stat.stamp);
        stamps.push((path, stamp));
    }
    Ok(stamps)
}

/// The variables that are not as they were given.
fn understand(said: &[u8], given: &BTreeMap<String, String>) -> Option<BTreeMap<String, String>> {
    if said.len() >= ENVIRONMENT_BYTES_MAX {
        return None;
    }
    let mut variables = BTreeMap::new();
    for variable in said.split(|byte| *byte == 0).skip(1).filter(|it| !it.is_empty()) {
        let (name, value) = str::from_utf8(variable).ok()?.split_once('=')?;
        if !NOT_OURS.contains(&name) && given.get(name).is_none_or(|given| given != value) {
            variables.insert(name.to_owned(), value.to_owned());
        }
    }
    variables.contains_key("PATH").then_some(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_profiles_say_and_what_they_leave_alone_is_not_theirs() {
        let given = BTreeMap::from(
            [("KEPT", "1"), ("CHANGED", "1")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let said = b"Welcome!\nA=B\n\0KEPT=1\0CHANGED=2\0NEW=x=y\nz\0PWD=/\0SHLVL=1\0PATH=/bin\0";

        let variables = understand(said, &given).unwrap();

        let expected = [("CHANGED", "2"), ("NEW", "x=y\nz"), ("PATH", "/bin")];
        assert_eq!(variables, expected.map(|(name, it)| (name.to_owned(), it.to_owned())).into());
    }

    #[test]
    fn what_is_no_environment_is_not_taken_for_one() {
        let given = BTreeMap::new();

        assert_eq!(understand(b"env: unknown option", &given), None);
        assert_eq!(understand(b"\0PATH=/bin\0nonsense\0", &given), None);
        assert_eq!(understand(b"\0PATH=\xff\0", &given), None);
        assert_eq!(understand(&vec![b'x'; ENVIRONMENT_BYTES_MAX], &given), None);
    }
}
