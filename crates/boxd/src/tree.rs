//! Which processes belong to a command, and how they die.
//!
//! A command's processes are told by four signs, each of which a process can shed, but hardly
//! all: its group, its session, the marker in its environment, and its descent from one that
//! has a sign. A process with none, an orphan that wiped its environment and left its group,
//! is a *stray*: it dies when the last command ends that can have made it.

use std::collections::{BTreeMap, BTreeSet};

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal},
};

use crate::proc::{Proc, Process};

/// Name of the variable that holds a command's marker.
pub(crate) const MARKER: &str = "OPENCLAW_EXEC_ID";

/// How often new members are looked for while the known ones are held: a fork bomb that is
/// held in parts still grows in the others.
const HOLDS_MAX: usize = 30;

/// What a command's processes are known by.
#[derive(Clone, Debug)]
pub(crate) struct Signs {
    /// Number of the process that was started.
    pub(crate) leader: i32,
    /// `NAME=value`.
    pub(crate) marker: Vec<u8>,
    /// When it was started, in ticks.
    pub(crate) since: u64,
}

/// Whose processes are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose<'a> {
    /// All that descend from us.
    Everybodys,
    /// One command's.
    Commands(&'a Signs),
    /// One command's and the strays since it was started.
    CommandsAndStrays(&'a Signs),
}

/// Kills all that can be found now and says which, by number and start. None is the end.
pub(crate) fn kill(whose: Whose<'_>) -> Vec<(i32, u64)> {
    // Without `/proc` there is nothing to go by.
    let Ok(proc) = Proc::open() else { return Vec::new() };
    let mut found = members(&proc, whose);
    if found.len() > 1 {
        for _ in 0..HOLDS_MAX {
            send(&proc, &found, Signal::STOP);
            let now = members(&proc, whose);
            let is_all = now.iter().all(|process| found.contains(process));
            found = now;
            if is_all {
                break;
            }
        }
    }
    send(&proc, &found, Signal::KILL);
    found.into_iter().map(|process| (process.pid, process.started)).collect()
}

fn members(proc: &Proc, whose: Whose<'_>) -> Vec<Process> {
    let all = proc.processes().unwrap_or_default();
    let own = getpid().as_raw_nonzero().get();
    let by_pid: BTreeMap<i32, Process> = all.into_iter().map(|it| (it.pid, it)).collect();
    let lines = Lines { own, by_pid: &by_pid };
    let has_sign = signed(proc, &lines, whose);
    by_pid
        .values()
        .filter(|process| {
            lines.up_from(process).is_some_and(|mut line| line.any(|pid| has_sign.contains(&pid)))
        })
        .copied()
        .collect()
}

/// Those that have a sign of their own.
fn signed(proc: &Proc, lines: &Lines<'_>, whose: Whose<'_>) -> BTreeSet<i32> {
    let descends = |process: &&Process| lines.up_from(process).is_some();
    let ours = lines.by_pid.values().filter(descends);
    match whose {
        Whose::Everybodys => ours.map(|process| process.pid).collect(),
        Whose::Commands(signs) => {
            ours.filter(|it| is_signed(proc, it, signs)).map(|it| it.pid).collect()
        }
        Whose::CommandsAndStrays(signs) => ours
            .filter(|it| is_signed(proc, it, signs) || is_stray(proc, lines.own, it, signs.since))
            .map(|it| it.pid)
            .collect(),
    }
}

fn is_signed(proc: &Proc, process: &Process, signs: &Signs) -> bool {
    [process.pid, process.group, process.session].contains(&signs.leader)
        || proc.has_variable(process.pid, &signs.marker)
}

fn is_stray(proc: &Proc, own: i32, process: &Process, since: u64) -> bool {
    process.parent == own
        && process.started >= since
        && !proc.has_variable_like(process.pid, format!("{MARKER}=").as_bytes())
}

/// Lines of descent from us.
struct Lines<'a> {
    own: i32,
    by_pid: &'a BTreeMap<i32, Process>,
}

impl Lines<'_> {
    /// The process and its forebears up to our child; `None` if it does not descend from us.
    fn up_from(&self, process: &Process) -> Option<impl Iterator<Item = i32> + use<>> {
        let mut line = Vec::new();
        let mut at = *process;
        // Numbers that were given anew between two looks could make a ring.
        while at.pid != self.own && line.len() <= self.by_pid.len() {
            line.push(at.pid);
            if at.parent == self.own {
                return Some(line.into_iter());
            }
            at = *self.by_pid.get(&at.parent)?;
        }
        None
    }
}

/// Sends a signal to these very processes, and to no others that have got their numbers.
fn send(proc: &Proc, processes: &[Process], signal: Signal) {
    for process in processes {
        let Some(pid) = Pid::from_raw(process.pid) else { continue };
        // Failing means that it is gone, which the next look shows.
        let _gone = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => {
                let now = proc.process(process.pid);
                let is_same = now.is_some_and(|now| now.started == process.started);
                if is_same { pidfd_send_signal(fd, signal) } else { Ok(()) }
            }
            Err(Errno::NOSYS) => kill_process(pid, signal),
            Err(errno) => Err(errno),
        };
    }
}
