//! Whether the sandbox has as many processes as it may have. Looks, and does nothing.

use rustix::{
    fs::{Mode, OFlags, open},
    io::{Errno, read},
    process::{WaitId, WaitIdOptions, waitid},
};

/// What a shell needs to start, and to start something itself.
const ROOM_MIN: u64 = 8;

/// Where the limit is, in the new form of control groups and in the old one.
const PLACES: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids"];

/// Longest number that the kernel writes.
const NUMBER_BYTES_MAX: usize = 32;

/// Whether there is hardly room for another process.
pub(crate) fn is_full() -> bool {
    PLACES.iter().any(|place| {
        let (most, now) =
            (number(&format!("{place}/pids.max")), number(&format!("{place}/pids.current")));
        most.zip(now).is_some_and(|(most, now)| now + ROOM_MIN > most && most > ROOM_MIN)
    })
}

/// Whether anything but ourselves is left.
pub(crate) fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(Errno::CHILD))
}

fn number(path: &str) -> Option<u64> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = [0; NUMBER_BYTES_MAX];
    let count = read(&file, &mut text).ok()?;
    // No limit is a word, which is no number.
    std::str::from_utf8(text.get(..count)?).ok()?.trim().parse().ok()
}
