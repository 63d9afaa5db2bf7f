//! The limits and the scheduling that the servant was started with.
//!
//! A process of the same user may change both from outside (`prlimit` asks for no more), and
//! every later command would inherit them. A lowered hard limit cannot be raised again, and a
//! process that lowers a soft one may do so again at any time. So the servant compares them
//! before each request, and again when one fails; where they differ it says so and ends, and
//! everything in the sandbox with it. The container's next start has the engine's limits. Some
//! end it at once: with fewer descriptors than it watches the kernel refuses to wait.
//!
//! Not seen: the priority of its disk accesses, which `/proc` does not show.

use rustix::{
    process::{Resource, Rlimit, getpid, getpriority_process, getrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

use crate::proc::Proc;

/// All limits that the kernel knows. Each is inherited by commands.
const RESOURCES: [Resource; 16] = [
    Resource::Cpu,
    Resource::Fsize,
    Resource::Data,
    Resource::Stack,
    Resource::Core,
    Resource::Rss,
    Resource::Nproc,
    Resource::Nofile,
    Resource::Memlock,
    Resource::As,
    Resource::Locks,
    Resource::Sigpending,
    Resource::Msgqueue,
    Resource::Nice,
    Resource::Rtprio,
    Resource::Rttime,
];

/// What commands inherit from the servant and others may change.
#[derive(Debug)]
pub(crate) struct Limits {
    resources: [Rlimit; RESOURCES.len()],
    nice: Option<i32>,
    /// The scheduling policy, where `/proc` tells it.
    policy: Option<u32>,
    processors: Option<CpuSet>,
    /// Set for good by the first look that finds a difference here, or elsewhere.
    pub(crate) were_changed: bool,
}

impl Limits {
    /// As they are now. To be called before anything else runs in the sandbox.
    pub(crate) fn of_start() -> Self {
        Self {
            resources: RESOURCES.map(getrlimit),
            nice: nice(),
            policy: policy(),
            processors: sched_getaffinity(None).ok(),
            were_changed: false,
        }
    }

    /// Whether they are as they were.
    pub(crate) fn hold(&self) -> bool {
        if let Some(first) = &self.processors
            && sched_getaffinity(None).is_ok_and(|now| now != *first)
        {
            // This may be taken back; and the engine may have taken processors away for good.
            let _kept = sched_setaffinity(None, first);
        }
        RESOURCES.map(getrlimit) == self.resources && nice() == self.nice && policy() == self.policy
    }
}

fn nice() -> Option<i32> {
    getpriority_process(None).ok()
}

fn policy() -> Option<u32> {
    Proc::open().ok()?.policy(getpid().as_raw_nonzero().get())
}

#[cfg(test)]
mod tests {
    use rustix::process::setrlimit;

    use super::*;

    #[test]
    fn a_changed_limit_is_noticed() {
        let limits = Limits::of_start();
        assert!(limits.hold());
        let first = getrlimit(Resource::Sigpending);

        setrlimit(Resource::Sigpending, Rlimit { current: Some(7), ..first }).unwrap();

        assert!(!limits.hold());
        setrlimit(Resource::Sigpending, first).unwrap();
        assert!(limits.hold());
    }
}
