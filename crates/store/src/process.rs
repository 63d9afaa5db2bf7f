//! What the system says this process uses. Files of the system, not ours: nothing is kept.

use std::{fs, time::Duration};

/// What this process uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessUsage {
    /// Memory in use, in bytes.
    pub resident_bytes: u64,
    /// Processor time since the start, of all threads.
    pub cpu: Duration,
}

/// Asks the system; `None` where it does not say.
pub fn process_usage() -> Option<ProcessUsage> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
    let ticks = cpu_ticks(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    let cpu_ms = ticks.saturating_mul(1000) / per_second;
    Some(ProcessUsage {
        resident_bytes: pages.saturating_mul(page_bytes),
        cpu: Duration::from_millis(cpu_ms),
    })
}

/// Fields 14 and 15; counted from behind the name, which may hold blanks.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user.saturating_add(system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_something() {
        assert!(process_usage().unwrap().resident_bytes > 1 << 20);
    }

    #[test]
    fn a_name_with_blanks_and_brackets_misleads_nobody() {
        let stat = "7 (a) b c) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0";

        assert_eq!(cpu_ticks(stat), Some(42));
    }
}
