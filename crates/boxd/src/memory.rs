//! When memory runs out: whom the kernel kills then, and whether it did.
//!
//! What a sandbox runs can be had again and the servant cannot, so commands are offered first.
//! Each is started with a higher score than ours and may lower it to ours, not below.

use rustix::{
    fs::{Mode, OFlags, open},
    io::{read, write},
};

/// Our score where we may lower it, which takes a privilege that sandboxes rarely have.
const OWN_LOWERED: i16 = -999;

/// How much more commands are offered: half of all memory counts for them.
const COMMANDS_MORE: i16 = 500;

const SCORE_MAX: i16 = 1000;

/// Where the kernel counts, in the new form of control groups and in the old one.
const COUNTERS: [&str; 2] =
    ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

const TEXT_BYTES_MAX: usize = 256;

/// The order in which processes are offered, and how often one was taken.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Our score.
    own: i16,
    /// The score of commands.
    commands: i16,
    kills: u64,
}

impl Memory {
    /// Looks around; lowers our own score if that is wanted and allowed. To be called before
    /// the process becomes undumpable, as its files in `/proc` are root's from then on.
    pub(crate) fn open(is_pid1: bool) -> Self {
        let given = own_score().unwrap_or(0);
        if is_pid1 {
            set("self", OWN_LOWERED);
        }
        let commands = given.saturating_add(COMMANDS_MORE).min(SCORE_MAX);
        let mut memory = Self { own: own_score().unwrap_or(given), commands, kills: 0 };
        memory.has_killed();
        memory
    }

    /// Whether our score is as it was. Root in the sandbox may raise it, and so may we put it
    /// back: without the privilege that would have lowered it further.
    pub(crate) fn holds(&self) -> bool {
        let is_ours = || own_score().is_none_or(|score| score == self.own);
        if !is_ours() {
            set("self", self.own);
        }
        is_ours()
    }

    /// Has a command die before us. What it has started already keeps our score, but it has
    /// hardly been loaded yet.
    pub(crate) fn offer(&self, pid: i32) {
        set(&pid.to_string(), self.commands);
    }

    /// Whether the kernel has killed in this sandbox since the last time we asked.
    pub(crate) fn has_killed(&mut self) -> bool {
        let kills = COUNTERS.iter().find_map(|path| kills(&text_of(path)?)).unwrap_or(self.kills);
        let has_killed = kills > self.kills;
        self.kills = kills;
        has_killed
    }
}

fn own_score() -> Option<i16> {
    text_of("/proc/self/oom_score_adj")?.trim().parse().ok()
}

/// Sets a process's score. One that may not be set stays as it is.
fn set(process: &str, score: i16) {
    let path = format!("/proc/{process}/oom_score_adj");
    if let Ok(fd) = open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        let _kept = write(fd, score.to_string().as_bytes());
    }
}

fn text_of(path: &str) -> Option<String> {
    let fd = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = vec![0; TEXT_BYTES_MAX];
    let count = read(fd, text.as_mut_slice()).ok()?;
    text.truncate(count);
    String::from_utf8(text).ok()
}

fn kills(text: &str) -> Option<u64> {
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "))?;
    count.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_control_groups_tell_how_often_they_killed() {
        assert_eq!(kills("low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"), Some(7));
        assert_eq!(kills("oom_kill_disable 0\n"), None);
    }
}
