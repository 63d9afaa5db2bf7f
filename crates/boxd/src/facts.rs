//! What the kernel tells about the sandbox, as it was before anything else ran in it.
//!
//! Read once, when the servant starts, and told with every hello: what runs in the sandbox later
//! can change neither the files' contents as they were then nor our memory.

use boxd::message::{FACT_WRITABLE, FACTS};
use rustix::{
    fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, open},
    io::{Errno, read},
};

/// Most bytes of the list of mounts.
const MOUNTS_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of any other file; all together must fit into a frame.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Where control groups of the second version are.
const GROUPS: &str = "/sys/fs/cgroup";

const MOUNTS: &str = "/proc/self/mountinfo";

/// The files that were there, by their paths, and what else was found out.
#[derive(Debug)]
pub(crate) struct Facts(Vec<(&'static str, Vec<u8>)>);

impl Facts {
    /// As things are now. To be called before anything else runs in the sandbox.
    pub(crate) fn of_start() -> Self {
        let group = own_group();
        let text = |path: &'static str| {
            let own = || text_of(&format!("{GROUPS}{group}{}", path.strip_prefix(GROUPS)?));
            // In the host's own hierarchy the sandbox's group is further down.
            let text = if group.is_empty() { None } else { own() };
            Some((path, text.or_else(|| text_of(path))?))
        };
        let mut facts: Vec<_> = FACTS.into_iter().filter_map(text).collect();
        let mounts = facts.iter().find(|(path, _)| *path == MOUNTS);
        let writable = mounts.map(|(_, text)| writable(text)).unwrap_or_default();
        facts.push((FACT_WRITABLE, writable));
        Self(facts)
    }

    /// For a hello.
    pub(crate) fn pairs(&self) -> Vec<(&[u8], &[u8])> {
        self.0.iter().map(|(path, text)| (path.as_bytes(), text.as_slice())).collect()
    }
}

/// Our control group of the second version, below the root that we see; blank for the root.
fn own_group() -> String {
    let text = text_of("/proc/self/cgroup").unwrap_or_default();
    let lines = String::from_utf8(text).unwrap_or_default();
    let path = lines.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    path.trim_end_matches('/').to_owned()
}

/// The places of mounts that our user may write to, one a line, as the kernel writes them.
fn writable(mounts: &[u8]) -> Vec<u8> {
    let mut places = Vec::new();
    for line in mounts.split(|byte| *byte == b'\n') {
        let Some(place) = line.split(|byte| *byte == b' ').nth(4) else { continue };
        let access = Access::WRITE_OK | Access::EXEC_OK;
        if accessat(CWD, place, access, AtFlags::empty()).is_ok() {
            places.extend_from_slice(place);
            places.push(b'\n');
        }
    }
    places
}

/// What a file says, cut to what we are ready to hold; `None` where it cannot be read.
fn text_of(path: &str) -> Option<Vec<u8>> {
    let most = if path == MOUNTS { MOUNTS_BYTES_MAX } else { TEXT_BYTES_MAX };
    let fd = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let (mut text, mut piece) = (Vec::new(), [0; 4096]);
    while text.len() < most {
        match read(&fd, &mut piece) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    text.truncate(most);
    text.shrink_to_fit();
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_may_be_written_is_told_as_the_kernel_writes_it() {
        let mounts = b"1 0 0:1 / /tmp rw - tmpfs tmpfs rw\n2 0 0:1 / /gone rw - proc proc rw\n\n";

        assert_eq!(writable(mounts), b"/tmp\n");
    }

    #[test]
    fn what_every_kernel_tells_is_told() {
        let facts = Facts::of_start();

        for path in ["/proc/version", "/proc/self/status", "/proc/self/limits", MOUNTS] {
            assert!(facts.0.iter().any(|(name, text)| *name == path && !text.is_empty()), "{path}");
        }
    }
}
