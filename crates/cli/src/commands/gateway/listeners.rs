//! Which processes listen on a port: for diagnostics, and for `--force`.
//!
//! Reads the kernel's tables in `/proc`; where there is none, nobody is found.

#![expect(clippy::disallowed_methods, reason = "the kernel's tables are no files of anybody")]

use std::{collections::BTreeSet, fs, path::Path};

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(crate) pid: u32,
    /// Its command line.
    pub(crate) command: String,
}

/// Flags whose value must not be shown.
const SECRET_FLAGS: [&str; 2] = ["--token", "--password"];

/// The state column of a socket that listens.
const LISTEN: &str = "0A";

/// The processes that listen on `port`, as far as we may see them.
pub(crate) fn on_port(port: u16) -> Vec<Listener> {
    let mut inodes = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        inodes.extend(sockets(&fs::read_to_string(table).unwrap_or_default(), port));
    }
    if inodes.is_empty() {
        return Vec::new();
    }
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let mut found: Vec<Listener> = processes
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            holds(&entry.path(), &inodes).then(|| Listener { pid, command: command(&entry.path()) })
        })
        .collect();
    found.sort_by_key(|listener| listener.pid);
    found
}

/// Inodes of the sockets in `table` that listen on `port`.
fn sockets(table: &str, port: u16) -> Vec<String> {
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let (local, state) = (columns.nth(1)?, columns.nth(1)?);
            let inode = columns.nth(5)?;
            (local.ends_with(&suffix) && state == LISTEN).then(|| format!("socket:[{inode}]"))
        })
        .collect()
}

fn holds(process: &Path, inodes: &BTreeSet<String>) -> bool {
    let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
    files.flatten().any(|file| {
        fs::read_link(file.path()).is_ok_and(|to| to.to_str().is_some_and(|it| inodes.contains(it)))
    })
}

fn command(process: &Path) -> String {
    let bytes = fs::read(process.join("cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    without_secrets(text.trim_end_matches('\0').split('\0'))
}

/// The arguments on one line, the secrets among them masked.
fn without_secrets<'a>(args: impl Iterator<Item = &'a str>) -> String {
    let mut line: Vec<String> = Vec::new();
    let mut is_secret = false;
    for arg in args {
        let flag = arg.split('=').next().unwrap_or_default();
        let names_secret = SECRET_FLAGS.contains(&flag);
        line.push(match (is_secret, names_secret && flag != arg) {
            (true, _) => "***".to_owned(),
            (false, true) => format!("{flag}=***"),
            (false, false) => arg.to_owned(),
        });
        is_secret = names_secret && flag == arg;
    }
    line.join(" ")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn secrets_in_a_command_line_are_masked() {
        let args = ["openclaw", "gateway", "--token", "hush", "--password=hush", "--verbose"];

        let line = without_secrets(args.into_iter());

        assert_eq!(line, "openclaw gateway --token *** --password=*** --verbose");
    }

    #[test]
    fn this_process_is_found_by_the_port_it_listens_on() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();

        let found = on_port(listener.local_addr().unwrap().port());

        let pids: Vec<u32> = found.iter().map(|it| it.pid).collect();
        assert_eq!(pids, [std::process::id()]);
    }
}
